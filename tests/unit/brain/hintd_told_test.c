// What a hintd tells of other writes when it takes a hint.
#include "unit/brain/hintd_bench.h"

TEST(a_hint_tells_what_the_write_that_it_is_for_has_not_seen)
{
    struct bench bench;
    struct record one = bench_record(7, 1, "one"), two = bench_record(8, 2, "two");
    struct op_hint op = {.target = 1, .dot = {8, 2}};
    struct clock told = {0};
    bench_init(&bench);
    assert_int_equal(bench_hint_of(&bench, op, &two).told.size, 0);
    bench_choose_key(&bench);
    bench_hint(&bench, 1, &one);
    struct op_hinted hinted = bench_hint_of(&bench, op, &two);
    struct reader reader = reader_of(hinted.told);
    assert_int_equal(hinted.status, STATUS_OK);
    assert_int_equal(hinted.hlc_told, 1);
    assert_int_equal(clock_decode(&told, &reader), STATUS_OK);
    assert_true(clock_equal(&told, &one.clock));
    assert_int_equal(bench_hint_of(&bench, (struct op_hint){.target = 1}, &two).told.size, 0);
    clock_release(&told);
    record_release(&one);
    record_release(&two);
    bench_release(&bench);
}

// The write of another owner may not have come to the one that has this one.
TEST(a_hint_tells_of_those_for_other_owners_too)
{
    struct bench bench;
    struct record one = bench_record(7, 1, "one"), two = bench_record(8, 2, "two");
    struct record three = bench_record(9, 3, "three");
    struct op_hint op = {.target = 1, .dot = {8, 2}};
    struct clock told = {0};
    bench_init(&bench);
    bench_hint(&bench, 2, &one);
    bench_hint(&bench, 3, &three);
    struct op_hinted hinted = bench_hint_of(&bench, op, &two);
    struct reader reader = reader_of(hinted.told);
    assert_int_equal(hinted.status, STATUS_OK);
    assert_int_equal(hinted.hlc_told, 3);
    assert_int_equal(clock_decode(&told, &reader), STATUS_OK);
    assert_true(clock_covers(&told, (struct dot){7, 1}) && clock_covers(&told, (struct dot){9, 3}));
    bench_choose_key(&bench); // nothing is told of another key, nor of what the write has seen
    assert_int_equal(bench_hint_of(&bench, op, &two).told.size, 0);
    bench_choose_key(&bench);
    bench_write(&two, 8, 4, &two.clock, "two again");
    bench_hint(&bench, 2, &two);
    op.dot.counter = 4;
    assert_int_equal(bench_hint_of(&bench, op, &two).told.size, 0);
    clock_release(&told);
    record_release(&one);
    record_release(&two);
    record_release(&three);
    bench_release(&bench);
}

// It would be brought back by a second dot.
TEST(a_hint_tells_nothing_to_a_write_that_is_superseded_in_that_for_another_owner)
{
    struct bench bench;
    struct record one = bench_record(8, 1, "one"), later = bench_record(8, 1, "one");
    struct record third = bench_record(9, 3, "third");
    struct op_hint op = {.target = 1, .dot = {8, 1}};
    bench_init(&bench);
    bench_write(&later, 7, 2, &one.clock, "later");
    bench_hint(&bench, 2, &third);
    bench_hint(&bench, 3, &later);
    assert_int_equal(bench_hint_of(&bench, op, &one).told.size, 0);
    record_release(&one);
    record_release(&later);
    record_release(&third);
    bench_release(&bench);
}
