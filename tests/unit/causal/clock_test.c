// Clocks against a model: a set of dots, one bit each.
#include "unit/unit.h"

#include "base/random.h"
#include "causal/clock.h"
#include "unit/causal/golden.h"

enum { ACTORS = 3, COUNTERS = 20 };

// Bit c of actor a: the dot (a + 1, c + 1).
struct model {
    uint32_t dots[ACTORS];
};

static struct model random_model(struct random *random)
{
    struct model model;
    for (int a = 0; a < ACTORS; a++) // every density, from empty to full
        model.dots[a] = (uint32_t)(random_u64(random) | (random_u64(random) & random_u64(random))) &
                        ((1u << random_below(random, COUNTERS + 1)) - 1);
    return model;
}

static bool model_has(const struct model *model, int actor, int counter)
{
    return model->dots[actor] >> counter & 1;
}

static struct dot dot_at(int actor, int counter)
{
    return (struct dot){(uint64_t)actor + 1, (uint64_t)counter + 1};
}

// Adds the dots in random order, some of them twice, some as whole intervals.
static void build(struct clock *clock, const struct model *model, struct random *random)
{
    clock_clear(clock);
    uint32_t left = ACTORS * COUNTERS;
    for (uint64_t i = random_below(random, left); left > 0; i = (i + 7) % (ACTORS * COUNTERS)) {
        int actor = (int)i / COUNTERS, counter = (int)i % COUNTERS, last = counter;
        left--;
        if (!model_has(model, actor, counter))
            continue;
        while (last + 1 < COUNTERS && model_has(model, actor, last + 1) && random_below(random, 2))
            last++;
        struct dot dot = dot_at(actor, counter);
        clock_add(clock, (struct interval){dot.actor, dot.counter, (uint64_t)last + 1});
    }
}

static void assert_is(const struct clock *clock, const struct model *model)
{
    for (int a = 0; a < ACTORS; a++)
        for (int c = 0; c < COUNTERS; c++)
            assert_int_equal(clock_covers(clock, dot_at(a, c)), model_has(model, a, c));
    for (uint32_t i = 1; i < clock->count; i++) { // canonical: sorted, disjoint, not touching
        const struct interval *a = &clock->intervals[i - 1], *b = &clock->intervals[i];
        assert_true(a->actor < b->actor || (a->actor == b->actor && a->high + 1 < b->low));
    }
}

TEST(a_clock_covers_exactly_the_dots_that_were_added)
{
    struct random random;
    random_init(&random, 1);
    struct clock clock = {0};
    for (int round = 0; round < 2000; round++) {
        struct model model = random_model(&random);
        build(&clock, &model, &random);
        assert_is(&clock, &model);
    }
    clock_release(&clock);
    clock_release(&clock);
}

TEST(join_is_the_union_commutative_associative_and_idempotent)
{
    struct random random;
    random_init(&random, 2);
    struct clock a = {0}, b = {0}, c = {0}, left = {0}, right = {0};
    for (int round = 0; round < 2000; round++) {
        struct model x = random_model(&random), y = random_model(&random), both;
        struct model z = random_model(&random);
        for (int i = 0; i < ACTORS; i++)
            both.dots[i] = x.dots[i] | y.dots[i];
        build(&a, &x, &random);
        build(&b, &y, &random);
        build(&c, &z, &random);

        clock_copy(&left, &a);
        clock_join(&left, &b);
        assert_is(&left, &both);
        clock_copy(&right, &b);
        clock_join(&right, &a);
        assert_true(clock_equal(&left, &right));

        clock_join(&left, &c); // (a b) c
        clock_copy(&right, &b);
        clock_join(&right, &c);
        clock_join(&right, &a); // (b c) a
        assert_true(clock_equal(&left, &right));
        clock_join(&right, &right);
        clock_join(&right, &b);
        assert_true(clock_equal(&left, &right));
    }
    clock_release(&a);
    clock_release(&b);
    clock_release(&c);
    clock_release(&left);
    clock_release(&right);
}

TEST(a_clock_includes_another_if_it_covers_every_dot_of_it)
{
    struct random random;
    random_init(&random, 3);
    struct clock a = {0}, b = {0};
    int included = 0;
    for (int round = 0; round < 4000; round++) {
        struct model x = random_model(&random), y = random_model(&random);
        bool is_subset = true;
        for (int i = 0; i < ACTORS; i++) {
            if (round % 2) // or it would hardly ever be
                y.dots[i] &= x.dots[i];
            is_subset &= (y.dots[i] & ~x.dots[i]) == 0;
        }
        build(&a, &x, &random);
        build(&b, &y, &random);
        assert_int_equal(clock_includes(&a, &b), is_subset);
        assert_int_equal(clock_equal(&a, &b), memcmp(&x, &y, sizeof x) == 0);
        included += is_subset;
    }
    assert_true(included > 1000);
    clock_release(&a);
    clock_release(&b);
}

TEST(intervals_that_touch_become_one_also_at_the_ends_of_the_numbers)
{
    struct clock clock = {0};
    clock_add(&clock, (struct interval){7, UINT64_MAX, UINT64_MAX});
    clock_add(&clock, (struct interval){7, 1, 1});
    clock_add(&clock, (struct interval){UINT64_MAX, 1, 1});
    assert_int_equal(clock.count, 3);
    clock_add(&clock, (struct interval){7, 2, UINT64_MAX - 1});
    assert_int_equal(clock.count, 2);
    assert_true(clock_covers(&clock, (struct dot){7, 1u << 31}));
    assert_true(clock_high(&clock, 7) == UINT64_MAX);
    assert_int_equal(clock_high(&clock, UINT64_MAX), 1);
    assert_int_equal(clock_high(&clock, 8), 0);
    clock_release(&clock);
}

TEST(a_coordinator_that_held_the_record_extends_its_last_interval)
{
    struct clock clock = {0};
    clock_add(&clock, (struct interval){1, 3, 4});
    clock_add(&clock, (struct interval){1, 9, 9});
    clock_add(&clock, (struct interval){2, 1, 50});
    clock_mint(&clock, (struct dot){1, 20}, true);
    assert_int_equal(clock.count, 3);
    assert_true(clock.intervals[1].low == 9 && clock.intervals[1].high == 20);
    assert_false(clock_covers(&clock, (struct dot){1, 8}));
    clock_release(&clock);
}

TEST(a_coordinator_that_found_no_record_covers_its_dot_alone)
{
    struct clock clock = {0};
    clock_mint(&clock, (struct dot){1, 20}, false);
    assert_int_equal(clock.count, 1);
    assert_false(clock_covers(&clock, (struct dot){1, 19}));
    clock_mint(&clock, (struct dot){1, 30}, false);
    assert_int_equal(clock.count, 2);
    clock_mint(&clock, (struct dot){3, 5}, true); // held, but without an interval of this actor
    assert_int_equal(clock.count, 3);
    assert_false(clock_covers(&clock, (struct dot){3, 4}));
    clock_release(&clock);
}

TEST(a_clock_comes_back_from_its_bytes_and_not_from_fewer)
{
    struct random random;
    random_init(&random, 4);
    struct clock clock = {0}, back = {0};
    struct buf buf = {0};
    for (int round = 0; round < 500; round++) {
        struct model model = random_model(&random);
        build(&clock, &model, &random);
        buf_clear(&buf);
        clock_encode(&clock, &buf);
        struct reader reader = reader_of(buf_bytes(&buf));
        assert_int_equal(clock_decode(&back, &reader), STATUS_OK);
        assert_true(reader_done(&reader) && clock_equal(&clock, &back));
        for (size_t size = 0; size < buf.size; size++) {
            reader = reader_of(bytes_of(buf.data, size));
            assert_int_equal(clock_decode(&back, &reader), STATUS_CORRUPT);
            assert_int_equal(back.count, 0);
        }
    }
    clock_release(&clock);
    clock_release(&back);
    buf_release(&buf);
}

static void append_interval(struct buf *buf, uint64_t actor, uint64_t low, uint64_t width)
{
    buf_append_u64(buf, actor);
    buf_append_varint(buf, low);
    buf_append_varint(buf, width);
}

static void assert_refused(struct buf *buf)
{
    struct clock clock = {0};
    struct reader reader = reader_of(buf_bytes(buf));
    assert_int_equal(clock_decode(&clock, &reader), STATUS_CORRUPT);
    clock_release(&clock);
    buf_release(buf);
}

TEST(bytes_that_encode_would_not_write_are_refused)
{
    struct buf buf = {0};
    buf_append_varint(&buf, 1);
    append_interval(&buf, 1, 0, 0); // counters begin at 1
    assert_refused(&buf);
    buf_append_varint(&buf, 1);
    append_interval(&buf, 1, 2, UINT64_MAX - 1); // the end is no number
    assert_refused(&buf);
    buf_append_varint(&buf, 2);
    append_interval(&buf, 1, 1, 1); // touches the next one
    append_interval(&buf, 1, 3, 1);
    assert_refused(&buf);
    buf_append_varint(&buf, 2);
    append_interval(&buf, 2, 1, 0); // out of order
    append_interval(&buf, 1, 1, 0);
    assert_refused(&buf);
    buf_append_varint(&buf, UINT64_MAX); // more than there is
    append_interval(&buf, 2, 1, 0);
    assert_refused(&buf);
}

TEST(format_1_stays_readable)
{
    struct clock clock = {0}, back = {0};
    struct buf buf = {0};
    clock_add(&clock, (struct interval){0x0123456789abcdefu, 3, 7});
    clock_add(&clock, (struct interval){0x0123456789abcdefu, 9, 9});
    clock_add(&clock, (struct interval){0xfedcba9876543210u, 1, 300});
    clock_encode(&clock, &buf);
    assert_golden("clock", buf_bytes(&buf));
    struct reader reader = reader_of(buf_bytes(&buf));
    assert_int_equal(clock_decode(&back, &reader), STATUS_OK);
    assert_true(clock_equal(&clock, &back));
    clock_release(&clock);
    clock_release(&back);
    buf_release(&buf);
}

TEST(a_dot_that_is_removed_leaves_the_others)
{
    struct clock clock = {0};
    clock_add(&clock, (struct interval){1, 2, 5});
    clock_add(&clock, (struct interval){2, 7, 7});
    clock_remove(&clock, (struct dot){1, 9}); // not there
    clock_remove(&clock, (struct dot){1, 3});
    assert_int_equal(clock.count, 3);
    assert_true(clock_covers(&clock, (struct dot){1, 2}));
    assert_false(clock_covers(&clock, (struct dot){1, 3}));
    assert_true(clock_covers(&clock, (struct dot){1, 4}));
    clock_remove(&clock, (struct dot){1, 2});
    clock_remove(&clock, (struct dot){1, 5});
    clock_remove(&clock, (struct dot){2, 7});
    assert_int_equal(clock.count, 1);
    assert_true(clock_covers(&clock, (struct dot){1, 4}));
    clock_release(&clock);
}
