// The seen-clock: what is contiguous, what came early, and what the two promise.
#include "unit/unit.h"

#include "base/random.h"
#include "causal/seen.h"

static struct dot dot_of(uint64_t actor, uint64_t counter)
{
    return (struct dot){actor, counter};
}

TEST(the_base_ends_before_the_first_missing_counter)
{
    struct seen seen = {0};
    assert_int_equal(seen_base(&seen, 1), 0);
    assert_true(seen_add(&seen, dot_of(1, 2)));
    assert_int_equal(seen_base(&seen, 1), 0);
    assert_int_equal(seen_high(&seen, 1), 2);
    assert_true(seen_add(&seen, dot_of(1, 1)));
    assert_int_equal(seen_base(&seen, 1), 2);
    assert_true(seen_add(&seen, dot_of(1, 4)));
    assert_int_equal(seen_base(&seen, 1), 2);
    assert_int_equal(seen_high(&seen, 1), 4);
    assert_int_equal(seen_base(&seen, 2), 0);
    assert_int_equal(seen_high(&seen, 0), 0);
    assert_int_equal(seen_high(&seen, 2), 0);
    seen_release(&seen);
}

TEST(a_dot_is_new_once)
{
    struct seen seen = {0};
    assert_false(seen_has(&seen, dot_of(5, 7)));
    assert_true(seen_add(&seen, dot_of(5, 7)));
    assert_true(seen_has(&seen, dot_of(5, 7)));
    assert_false(seen_add(&seen, dot_of(5, 7)));
    assert_false(seen_has(&seen, dot_of(5, 6)));
    seen_release(&seen);
}

TEST(dots_in_any_order_give_one_seen_clock)
{
    struct random random;
    random_init(&random, 11);
    struct seen forward = {0}, shuffled = {0};
    for (uint64_t i = 0; i < 3000; i++)
        if (i % 10)
            seen_add(&forward, dot_of(i % 3 + 1, i / 3 + 1));
    uint64_t high = 3000;
    for (uint64_t i = random_below(&random, high), n = 0; n < high; n++, i = (i + 1201) % high)
        if (i % 10)
            seen_add(&shuffled, dot_of(i % 3 + 1, i / 3 + 1));
    assert_true(clock_equal(&forward.dots, &shuffled.dots));
    assert_true(seen_hash(&forward) == seen_hash(&shuffled));
    seen_add(&shuffled, dot_of(1, 1));
    assert_false(seen_hash(&forward) == seen_hash(&shuffled));
    seen_release(&forward);
    seen_release(&shuffled);
}

TEST(only_the_contiguous_part_covers_a_clock)
{
    struct seen seen = {0};
    struct clock clock = {0};
    assert_true(seen_base_covers(&seen, &clock));
    clock_add(&clock, (struct interval){1, 3, 4});
    seen_add(&seen, dot_of(1, 3));
    seen_add(&seen, dot_of(1, 4));
    assert_false(seen_base_covers(&seen, &clock)); // 1 and 2 are missing
    seen_add(&seen, dot_of(1, 2));
    assert_false(seen_base_covers(&seen, &clock));
    seen_add(&seen, dot_of(1, 1));
    assert_true(seen_base_covers(&seen, &clock));
    clock_add(&clock, (struct interval){2, 1, 1});
    assert_false(seen_base_covers(&seen, &clock));
    seen_release(&seen);
    clock_release(&clock);
}

TEST(adoption_closes_the_gaps)
{
    struct seen ours = {0}, theirs = {0};
    seen_add(&ours, dot_of(1, 1));
    seen_add(&ours, dot_of(1, 3));
    seen_add(&theirs, dot_of(1, 2));
    seen_add(&theirs, dot_of(2, 1));
    seen_join(&ours, &theirs);
    assert_int_equal(seen_base(&ours, 1), 3);
    assert_int_equal(seen_base(&ours, 2), 1);
    seen_release(&ours);
    seen_release(&theirs);
}

TEST(a_seen_clock_comes_back_however_many_gaps_it_has)
{
    struct seen seen = {0}, back = {0};
    struct buf buf = {0};
    for (uint64_t i = 1; i <= 3 * CLOCK_INTERVALS_MAX; i += 2)
        seen_add(&seen, dot_of(9, i));
    seen_encode(&seen, &buf);
    struct reader reader = reader_of(buf_bytes(&buf));
    assert_int_equal(seen_decode(&back, &reader), STATUS_OK);
    assert_true(reader_done(&reader) && clock_equal(&seen.dots, &back.dots));
    seen_release(&seen);
    seen_release(&back);
    buf_release(&buf);
}

// ---- Closed starts -----------------------------------------------------------------------

static uint64_t life(uint16_t node, uint32_t start)
{
    return actor_make((struct actor){.node = node, .start = start, .random = 7});
}

TEST(every_dot_of_a_closed_start_counts_as_known)
{
    struct seen seen = {0};
    struct clock clock = {0};
    seen_add(&seen, dot_of(life(1, 10), 3));
    seen_add(&seen, dot_of(life(1, 20), 1));
    seen_add(&seen, dot_of(life(2, 10), 5));
    assert_int_equal(seen_last_start(&seen, actor_process(life(1, 1))), 20);
    seen_close(&seen, actor_process(life(1, 1)), 15);
    assert_int_equal(seen.dots.count, 2); // nothing else is kept of it
    assert_true(seen_has(&seen, dot_of(life(1, 10), 999)));
    assert_true(seen_has(&seen, dot_of(life(1, 15), 1)));
    assert_false(seen_add(&seen, dot_of(life(1, 3), 1)));
    assert_false(seen_has(&seen, dot_of(life(1, 16), 1)));
    assert_false(seen_has(&seen, dot_of(life(2, 10), 1)));
    assert_true(seen_base(&seen, life(1, 10)) == UINT64_MAX);
    assert_true(seen_high(&seen, life(1, 10)) == UINT64_MAX);
    clock_add(&clock, (struct interval){life(1, 12), 5, 9});
    assert_true(seen_base_covers(&seen, &clock));
    clock_add(&clock, (struct interval){life(2, 12), 5, 9});
    assert_false(seen_base_covers(&seen, &clock));
    seen_close(&seen, actor_process(life(1, 1)), 12); // it does not open again
    assert_int_equal(seen_closed(&seen, actor_process(life(1, 1))), 15);
    assert_int_equal(seen_closed(&seen, actor_process(life(2, 1))), 0);
    assert_int_equal(seen_last_start(&seen, actor_process(life(1, 1))), 20);
    assert_int_equal(seen_last_start(&seen, actor_process(life(3, 1))), 0);
    seen_close(&seen, actor_process(life(3, 1)), 9);
    assert_int_equal(seen_last_start(&seen, actor_process(life(3, 1))), 9);
    clock_release(&clock);
    seen_release(&seen);
}

TEST(adoption_joins_what_is_closed)
{
    struct seen ours = {0}, theirs = {0};
    seen_add(&ours, dot_of(life(1, 10), 3));
    seen_close(&ours, actor_process(life(2, 1)), 8);
    seen_close(&theirs, actor_process(life(1, 1)), 10);
    seen_close(&theirs, actor_process(life(2, 1)), 7);
    seen_add(&theirs, dot_of(life(2, 8), 4));
    seen_join(&ours, &theirs);
    assert_int_equal(ours.dots.count, 0);
    assert_int_equal(seen_closed(&ours, actor_process(life(1, 1))), 10);
    assert_int_equal(seen_closed(&ours, actor_process(life(2, 1))), 8);
    seen_join(&theirs, &ours);
    assert_true(seen_hash(&ours) == seen_hash(&theirs));
    seen_release(&ours);
    seen_release(&theirs);
}

TEST(what_is_closed_comes_back_in_one_form_alone)
{
    struct seen seen = {0}, back = {0};
    struct buf buf = {0};
    for (uint16_t node = 40; node > 0; node--)
        seen_close(&seen, actor_process(life(node, 1)), 100u + node);
    seen_add(&seen, dot_of(life(7, 108), 1));
    seen_encode(&seen, &buf);
    struct reader reader = reader_of(buf_bytes(&buf));
    assert_int_equal(seen_decode(&back, &reader), STATUS_OK);
    assert_true(reader_done(&reader) && seen_hash(&seen) == seen_hash(&back));
    for (size_t size = 0; size < buf.size; size++) {
        reader = reader_of(bytes_of(buf.data, size));
        assert_int_equal(seen_decode(&back, &reader), STATUS_CORRUPT);
    }
    buf_clear(&buf);
    buf_append_varint(&buf, 1);
    buf_append_varint(&buf, actor_process(life(7, 1)));
    buf_append_u32(&buf, 108);
    clock_encode(&seen.dots, &buf); // which has a dot of that start
    reader = reader_of(buf_bytes(&buf));
    assert_int_equal(seen_decode(&back, &reader), STATUS_CORRUPT);
    seen_release(&seen);
    buf_release(&buf);
}

TEST(in_version_1_it_was_a_clock)
{
    struct seen back = {0};
    struct clock clock = {0};
    struct buf buf = {0};
    clock_add(&clock, (struct interval){9, 1, 4});
    clock_encode(&clock, &buf);
    struct reader reader = reader_of(buf_bytes(&buf));
    assert_int_equal(seen_decode_1(&back, &reader), STATUS_OK);
    assert_int_equal(seen_base(&back, 9), 4);
    clock_release(&clock);
    seen_release(&back);
    buf_release(&buf);
}

// ---- What is contiguous ------------------------------------------------------------------

static struct seen contiguous_of(const struct seen *seen)
{
    struct seen contiguous = {0};
    seen_contiguous(&contiguous, seen);
    return contiguous;
}

static void add_up_to(struct seen *seen, uint64_t actor, uint64_t last)
{
    for (uint64_t counter = 1; counter <= last; counter++)
        seen_add(seen, dot_of(actor, counter));
}

TEST(what_came_early_is_not_contiguous)
{
    struct seen seen = {0};
    add_up_to(&seen, life(1, 10), 3);
    seen_add(&seen, dot_of(life(1, 10), 5));
    seen_add(&seen, dot_of(life(2, 10), 2));
    seen_close(&seen, actor_process(life(3, 1)), 7);
    struct seen contiguous = contiguous_of(&seen);
    assert_int_equal(contiguous.dots.count, 1);
    assert_int_equal(seen_base(&contiguous, life(1, 10)), 3);
    assert_int_equal(seen_closed(&contiguous, actor_process(life(3, 1))), 7);
    assert_true(seen_includes(&seen, &contiguous));
    seen_release(&seen);
    seen_release(&contiguous);
}

// What both have known is what each of them has.
TEST(the_meeting_of_two_is_what_both_know_without_a_gap)
{
    struct seen a = {0}, b = {0};
    add_up_to(&a, life(1, 10), 3);
    add_up_to(&b, life(1, 10), 5);
    add_up_to(&a, life(2, 10), 9); // b has closed it
    seen_close(&b, actor_process(life(2, 1)), 12);
    seen_close(&a, actor_process(life(3, 1)), 8);
    seen_close(&b, actor_process(life(3, 1)), 4);
    add_up_to(&b, life(3, 6), 2);  // a has closed it
    add_up_to(&a, life(4, 10), 2); // b does not know it
    struct seen ab = contiguous_of(&a), ba = contiguous_of(&b);
    seen_meet(&ab, &b);
    seen_meet(&ba, &a);
    assert_true(seen_hash(&ab) == seen_hash(&ba));
    assert_int_equal(seen_base(&ab, life(1, 10)), 3);
    assert_int_equal(seen_base(&ab, life(2, 10)), 9);
    assert_int_equal(seen_base(&ab, life(3, 6)), 2);
    assert_int_equal(seen_base(&ab, life(4, 10)), 0);
    assert_int_equal(seen_closed(&ab, actor_process(life(3, 1))), 4);
    assert_int_equal(seen_closed(&ab, actor_process(life(2, 1))), 0);
    assert_true(seen_includes(&a, &ab) && seen_includes(&b, &ab));
    assert_false(seen_includes(&a, &b) || seen_includes(&b, &a));
    seen_release(&a);
    seen_release(&b);
    seen_release(&ab);
    seen_release(&ba);
}

TEST(a_gap_ends_what_is_included)
{
    struct seen seen = {0}, horizon = {0};
    add_up_to(&horizon, life(1, 10), 3);
    seen_add(&seen, dot_of(life(1, 10), 1));
    seen_add(&seen, dot_of(life(1, 10), 3));
    assert_false(seen_includes(&seen, &horizon));
    seen_add(&seen, dot_of(life(1, 10), 2));
    assert_true(seen_includes(&seen, &horizon));
    seen_close(&horizon, actor_process(life(1, 1)), 10);
    assert_false(seen_includes(&seen, &horizon)); // more dots than it knows
    seen_close(&seen, actor_process(life(1, 1)), 11);
    assert_true(seen_includes(&seen, &horizon));
    seen_release(&seen);
    seen_release(&horizon);
}

TEST(starts_are_compared_above_what_either_has_closed)
{
    struct seen a = {0}, b = {0};
    uint32_t process = actor_process(life(1, 1));
    seen_add(&a, dot_of(life(1, 10), 3));
    assert_false(seen_same_starts(&a, &b, process, 10));
    assert_false(seen_same_starts(&b, &a, process, 10));
    assert_true(seen_same_starts(&a, &b, process, 9));
    assert_true(seen_same_starts(&a, &b, actor_process(life(2, 1)), 10));
    seen_close(&b, process, 10);
    assert_true(seen_same_starts(&a, &b, process, 10));
    seen_add(&b, dot_of(life(1, 12), 1));
    assert_false(seen_same_starts(&a, &b, process, 12));
    seen_add(&a, dot_of(life(1, 12), 1));
    assert_true(seen_same_starts(&a, &b, process, 12));
    seen_release(&a);
    seen_release(&b);
}
