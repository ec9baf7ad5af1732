// When replicas agreed is known after a restart, or not at all, but never wrongly.
#include "dkv-repair/ages.h"

#include "fixture/ring.h"
#include "unit/unit.h"

enum { WALL_MS = 1000000000, BEFORE_MS = 5000000 }; // clocks before the restart

static const struct ages_name name = {.cluster = CLUSTER, .node = 1};
static struct ring ring;
static struct pulls pulls;
static struct moment now;
static struct buf file;

static void start(uint64_t mono_ms)
{
    pulls_release(&pulls);
    now.mono_ms = mono_ms;
    pulls_init(&pulls, 60000);
    pulls_adopt(&pulls, &ring, (uint32_t)ring_find_node(&ring, 1), now);
}

static void pass_ms(uint64_t ms)
{
    now.mono_ms += ms;
    now.wall_ms += ms;
}

static void agree(struct pull *pull)
{
    pulls_begin(&pulls, pull);
    pulls_end(&pulls, pull, STATUS_OK, now.mono_ms, pulls.sequence, now);
}

// The first pull agrees, the second one never does; a second later the process stops.
static int begin(void **state)
{
    (void)state;
    now = (struct moment){.wall_ms = WALL_MS};
    assert_int_equal(make_cluster(&ring, 4), STATUS_OK);
    start(BEFORE_MS);
    pass_ms(3000);
    agree(&pulls.items[0]);
    pass_ms(1000);
    buf_clear(&file);
    ages_encode(&pulls, name, now, &file);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pulls_release(&pulls);
    ring_release(&ring);
    buf_release(&file);
    return 0;
}

AROUND_EACH(begin, end)

static enum status restart(struct ages_name as)
{
    struct fault fault;
    start(70); // the machine has just started
    return ages_decode(&pulls, as, buf_bytes(&file), now, &fault);
}

TEST(ages_go_on_after_a_restart_of_the_machine)
{
    now.wall_ms += 20000;
    assert_int_equal(restart(name), STATUS_OK);
    assert_true(pulls.items[0].has_agreed);
    assert_int_equal(pull_age_ms(&pulls.items[0], now), 21000);
    assert_false(pulls.items[1].has_agreed);
    assert_int_equal(pull_age_ms(&pulls.items[1], now), 24000); // since it was wanted first
    pass_ms(5);
    assert_int_equal(pull_age_ms(&pulls.items[0], now), 21005);
}

TEST(what_is_remembered_is_written_again)
{
    now.wall_ms += 20000;
    assert_int_equal(restart(name), STATUS_OK);
    buf_clear(&file);
    ages_encode(&pulls, name, now, &file);
    assert_int_equal(restart(name), STATUS_OK);
    assert_int_equal(pull_age_ms(&pulls.items[0], now), 21000);
}

TEST(all_is_due_at_once_all_the_same)
{
    assert_int_equal(restart(name), STATUS_OK);
    for (uint32_t i = 0; i < pulls.count; i++)
        assert_true(pulls.items[i].due_ms <= now.mono_ms);
}

TEST(a_damaged_file_is_none)
{
    for (size_t i = 0; i < file.size; i += 7) {
        file.data[i] ^= 4;
        assert_int_equal(restart(name), STATUS_CORRUPT);
        file.data[i] ^= 4;
        assert_false(pulls.items[0].has_agreed);
    }
    while (file.size) {
        file.size -= file.size > 31 ? 31 : file.size;
        assert_int_equal(restart(name), STATUS_CORRUPT);
    }
    assert_int_equal(pull_age_ms(&pulls.items[0], now), 0);
}

TEST(a_file_of_another_node_or_cluster_is_none)
{
    assert_int_equal(restart((struct ages_name){CLUSTER, 2}), STATUS_INVALID);
    assert_int_equal(restart((struct ages_name){CLUSTER + 1, 1}), STATUS_INVALID);
    assert_false(pulls.items[0].has_agreed);
}

TEST(a_time_that_is_still_to_come_says_nothing)
{
    now.wall_ms -= 1001; // somebody has set the clock
    assert_int_equal(restart(name), STATUS_OK);
    assert_false(pulls.items[0].has_agreed);
    assert_int_equal(pull_age_ms(&pulls.items[0], now), 0);
}

TEST(pairs_that_are_no_more_are_passed_over)
{
    ring_release(&ring);
    assert_int_equal(make_cluster(&ring, 2), STATUS_OK);
    assert_int_equal(restart(name), STATUS_OK);
    for (uint32_t i = 0; i < pulls.count; i++)
        assert_int_equal(pulls.items[i].node, 2);
}
