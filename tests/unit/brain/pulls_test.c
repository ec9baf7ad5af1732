// Which shard is pulled next, from whom.
#include "dkv-repair/pulls.h"

#include "fixture/ring.h"
#include "unit/unit.h"

static struct ring ring;
static struct pulls pulls;
static struct moment now;
static uint64_t silent; // node that cannot be asked

enum { INTERVAL_MS = 60 * 1000, PULLS = 48 * 2 };

static bool can(void *context, uint64_t node)
{
    (void)context;
    return node != silent;
}

static int begin(void **state)
{
    (void)state;
    silent = 0;
    now = (struct moment){.mono_ms = 1000};
    assert_int_equal(make_cluster(&ring, 4), STATUS_OK);
    pulls_init(&pulls, INTERVAL_MS);
    pulls_adopt(&pulls, &ring, (uint32_t)ring_find_node(&ring, 1), now);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pulls_release(&pulls);
    ring_release(&ring);
    return 0;
}

AROUND_EACH(begin, end)

// Begins the next one that is due, and ends it so. False: none is due.
static bool pull_next(enum status status)
{
    struct pull *pull = pulls_next_due(&pulls, now, can, NULL);
    if (!pull)
        return false;
    pulls_begin(&pulls, pull);
    pulls_end(&pulls, pull, status, now.mono_ms, pulls.sequence, now);
    return true;
}

static unsigned pull_all(enum status status)
{
    unsigned count = 0;
    while (pull_next(status))
        count++;
    return count;
}

TEST(every_shard_that_we_own_is_pulled_from_every_other_owner)
{
    assert_int_equal(pulls.count, PULLS); // three of four nodes own each of 64
    assert_int_equal(pull_all(STATUS_OK), PULLS);
    for (uint32_t i = 0; i < pulls.count; i++) {
        assert_int_not_equal(pulls.items[i].node, 1);
        assert_true(pulls.items[i].has_agreed);
        assert_int_equal(pulls.items[i].since_ms, 1000);
    }
}

TEST(what_was_pulled_is_due_again_after_the_interval)
{
    pull_all(STATUS_OK);
    now.mono_ms += INTERVAL_MS - 1;
    assert_int_equal(pull_all(STATUS_OK), 0);
    now.mono_ms += 1;
    assert_int_equal(pull_all(STATUS_OK), PULLS);
}

TEST(what_failed_is_tried_again_soon_and_then_less_often)
{
    struct pull *pull = pulls_next_due(&pulls, now, can, NULL);
    uint64_t last_ms = 0;
    for (unsigned i = 0; i < 12; i++) {
        pulls_begin(&pulls, pull);
        pulls_end(&pulls, pull, STATUS_UNREACHABLE, now.mono_ms, pulls.sequence, now);
        uint64_t pause_ms = pull->due_ms - now.mono_ms;
        assert_true(pause_ms == 2 * last_ms || !last_ms || pause_ms == INTERVAL_MS);
        last_ms = pause_ms;
    }
    assert_int_equal(last_ms, INTERVAL_MS);
    assert_false(pull->has_agreed);
}

TEST(nothing_is_pulled_from_a_node_that_cannot_be_asked)
{
    silent = 3;
    unsigned count = pull_all(STATUS_OK);
    assert_in_range(count, 1, PULLS - 1);
    silent = 0;
    now.mono_ms += PULLS_PAUSE_FIRST_MS;
    assert_int_equal(count + pull_all(STATUS_OK), PULLS);
}

TEST(what_somebody_wants_is_due_at_once)
{
    pull_all(STATUS_OK);
    struct scope scope = {.node = 3};
    pulls_hurry(&pulls, &scope, now);
    unsigned of_node = pull_all(STATUS_OK);
    assert_in_range(of_node, 1, PULLS - 1);
    scope = (struct scope){.has_partition = true, .partition = pulls.items[0].partition};
    pulls_hurry(&pulls, &scope, now);
    assert_int_equal(pull_all(STATUS_OK), 2);
    scope = (struct scope){.keyspace = 99};
    pulls_hurry(&pulls, &scope, now);
    assert_int_equal(pull_all(STATUS_OK), 0);
}

// What its round has not seen may have been written before it was asked for.
TEST(a_round_that_had_begun_is_not_the_one_that_is_wanted)
{
    struct scope all = {0};
    struct pull *pull = pulls_next_due(&pulls, now, can, NULL);
    pulls_begin(&pulls, pull);
    uint64_t sequence = pulls.sequence;
    pulls_hurry(&pulls, &all, now); // in the same millisecond
    uint64_t since = pulls.sequence;
    pulls_end(&pulls, pull, STATUS_OK, now.mono_ms, sequence, now);
    assert_true(pull->agreed_sequence <= since);
    assert_int_equal(pull_all(STATUS_OK), PULLS);
    assert_true(pull->agreed_sequence > since);
}

TEST(a_copy_that_is_lost_is_pulled_from_every_other_owner_at_once)
{
    pull_all(STATUS_OK);
    now.mono_ms += 5;
    pulls_set_lost(&pulls, &pulls.items[1], true, now);
    assert_int_equal(pull_all(STATUS_OK), 2);
    pulls_set_lost(&pulls, &pulls.items[1], true, now); // as it still is
    assert_int_equal(pull_all(STATUS_OK), 0);
    now.mono_ms += PULLS_LOST_MS;
    assert_int_equal(pull_all(STATUS_OK), 2);
    pulls_set_lost(&pulls, &pulls.items[0], false, now);
    now.mono_ms += PULLS_LOST_MS;
    assert_int_equal(pull_all(STATUS_OK), 0);
}

TEST(a_new_ring_keeps_what_is_known_of_owners_that_stay)
{
    pull_all(STATUS_OK);
    now.mono_ms += 5;
    pulls_adopt(&pulls, &ring, (uint32_t)ring_find_node(&ring, 1), now);
    assert_int_equal(pulls.count, PULLS);
    assert_int_equal(pull_all(STATUS_OK), 0);
    pulls_adopt(&pulls, &ring, (uint32_t)ring_find_node(&ring, 2), now);
    assert_in_range(pull_all(STATUS_OK), PULLS / 2, PULLS);
}
