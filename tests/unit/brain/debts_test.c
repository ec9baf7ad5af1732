// What hintds owe a node is pulled first, and settled only when it was.
#include "dkv-repair/debts.h"

#include "fixture/ring.h"
#include "unit/unit.h"

enum { INTERVAL_MS = 60 * 1000, HINTD = 3, OTHER_HINTD = 4, SELF = 1 };

static struct ring ring;
static struct pulls pulls;
static struct debts debts;
static struct moment now;
static struct buf lines;
static uint64_t silent; // node that cannot be asked

static bool can(void *context, uint64_t node)
{
    (void)context;
    return node != silent;
}

// Begins the next round that is due, and ends it so. NULL: none is due.
static struct pull *pull_next(enum status status)
{
    struct pull *pull = pulls_next_due(&pulls, now, can, NULL);
    if (!pull)
        return NULL;
    pulls_begin(&pulls, pull);
    pulls_end(&pulls, pull, status, now.mono_ms, pulls.sequence, now);
    return pull;
}

static int begin(void **state)
{
    (void)state;
    silent = 0;
    now = (struct moment){.mono_ms = 1000};
    assert_int_equal(make_cluster(&ring, 4), STATUS_OK);
    pulls_init(&pulls, INTERVAL_MS);
    pulls_adopt(&pulls, &ring, (uint32_t)ring_find_node(&ring, SELF), now);
    while (pull_next(STATUS_OK))
        ;
    now.mono_ms += 5;
    return 0;
}

static int end(void **state)
{
    (void)state;
    debts_release(&debts);
    pulls_release(&pulls);
    ring_release(&ring);
    buf_release(&lines);
    return 0;
}

AROUND_EACH(begin, end)

static uint32_t owned(void) // a partition
{
    return pulls.items[pulls.count / 2].partition;
}

static void tell(uint64_t hintd, uint32_t partition, unsigned mark)
{
    buf_clear(&lines);
    buf_printf(&lines, "%u %u\n", partition, mark);
    assert_int_equal(debts_take(&debts, hintd, buf_bytes(&lines), &pulls, now), STATUS_OK);
}

static const char *settle(uint64_t hintd)
{
    buf_clear(&lines);
    debts_settle(&debts, hintd, SELF, &pulls, &lines);
    return buf_text(&lines);
}

static const char *line(unsigned mark)
{
    static char text[80];
    snprintf(text, sizeof text, "0000000000000001 %u %u\n", owned(), mark);
    return text;
}

TEST(what_is_owed_is_pulled_from_every_other_owner_and_settled_then)
{
    tell(HINTD, owned(), 7);
    assert_string_equal(settle(HINTD), "");
    assert_int_equal(pull_next(STATUS_OK)->partition, owned());
    assert_string_equal(settle(HINTD), "");
    assert_int_equal(pull_next(STATUS_OK)->partition, owned());
    assert_null(pull_next(STATUS_OK));
    assert_string_equal(settle(OTHER_HINTD), "");
    assert_string_equal(settle(HINTD), line(7));
    assert_string_equal(settle(HINTD), "");
}

TEST(it_goes_before_all_else_that_is_due)
{
    struct scope all = {0};
    pulls_hurry(&pulls, &all, now);
    pull_next(STATUS_OK);
    tell(HINTD, owned(), 7);
    assert_int_equal(pull_next(STATUS_OK)->partition, owned());
    assert_int_equal(pull_next(STATUS_OK)->partition, owned());
    assert_true(pull_next(STATUS_OK)->partition != owned());
    assert_string_equal(settle(HINTD), line(7));
}

TEST(a_round_that_had_begun_before_settles_nothing)
{
    struct scope all = {0};
    uint64_t sequences[2];
    struct pull *running[2];
    pulls_hurry(&pulls, &all, now);
    for (unsigned i = 0; i < 2; i++) {
        running[i] = pulls_next_due(&pulls, now, can, NULL);
        pulls_begin(&pulls, running[i]);
        sequences[i] = pulls.sequence;
    }
    assert_int_equal(running[0]->partition, running[1]->partition);
    buf_clear(&lines);
    buf_printf(&lines, "%u 7\n", running[0]->partition);
    assert_int_equal(debts_take(&debts, HINTD, buf_bytes(&lines), &pulls, now), STATUS_OK);
    for (unsigned i = 0; i < 2; i++)
        pulls_end(&pulls, running[i], STATUS_OK, now.mono_ms, sequences[i], now);
    silent = running[1]->node; // whose round was the last one to begin
    while (pull_next(STATUS_OK))
        ;
    assert_string_equal(settle(HINTD), "");
    silent = 0;
    now.mono_ms += PULLS_PAUSE_FIRST_MS;
    while (pull_next(STATUS_OK))
        ;
    assert_true(*settle(HINTD));
}

TEST(one_that_grew_is_pulled_again_and_one_that_did_not_is_not)
{
    tell(HINTD, owned(), 7);
    pull_next(STATUS_OK);
    tell(HINTD, owned(), 7);
    pull_next(STATUS_OK);
    assert_null(pull_next(STATUS_OK));
    tell(HINTD, owned(), 8);
    assert_string_equal(settle(HINTD), "");
    pull_next(STATUS_OK);
    pull_next(STATUS_OK);
    assert_string_equal(settle(HINTD), line(8));
}

TEST(one_owner_that_is_silent_keeps_it_open)
{
    silent = pulls.items[pulls.count / 2].node;
    tell(HINTD, owned(), 7);
    while (pull_next(STATUS_OK))
        ;
    assert_string_equal(settle(HINTD), "");
    silent = 0;
    now.mono_ms += PULLS_PAUSE_FIRST_MS;
    while (pull_next(STATUS_OK))
        ;
    assert_string_equal(settle(HINTD), line(7));
}

TEST(what_a_hintd_does_not_tell_any_more_is_settled)
{
    tell(HINTD, owned(), 7);
    tell(OTHER_HINTD, owned(), 9);
    assert_int_equal(debts_take(&debts, HINTD, (struct bytes){0}, &pulls, now), STATUS_OK);
    while (pull_next(STATUS_OK))
        ;
    assert_string_equal(settle(HINTD), "");
    assert_string_equal(settle(OTHER_HINTD), line(9));
}

TEST(what_nobody_else_owns_is_settled_at_once)
{
    tell(HINTD, ring.partition_count + 5, 7);
    assert_true(*settle(HINTD));
}

TEST(other_lines_are_refused)
{
    static const char *const wrong[] = {"1 2", "1\n", "x 2\n", "1 x\n", "4294967296 1\n"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(debts_take(&debts, HINTD, bytes_of_text(wrong[i]), &pulls, now),
                         STATUS_INVALID);
}

TEST(what_a_hintd_told_that_left_the_ring_is_forgotten)
{
    tell(HINTD, owned(), 7);
    tell(OTHER_HINTD, owned(), 8);
    int index = ring_find_node(&ring, OTHER_HINTD);
    ring.nodes[index].id = 99; // another node in its place
    debts_adopt(&debts, &ring);
    assert_int_equal(debts.count, 1);
    assert_true(debts.items[0].hintd == HINTD);
}
