#include "lsm/policy/pace.h"

#include "unit/unit.h"

enum { MB = 1 << 20 };

TEST(a_flush_with_room_enough_owes_nothing)
{
    assert_int_equal(pace_flush_debt(MB, MB, 0), 0);
    assert_int_equal(pace_flush_debt(MB / 2, MB, 0), 0);
    assert_int_equal(pace_flush_debt(MB / 4, MB, 500), 0); // half the work, half the room
    assert_int_equal(pace_flush_debt(MB / 4, MB, 900), 0);
}

TEST(a_flush_owes_the_more_the_less_room_there_is_for_its_work)
{
    unsigned before = 0;
    for (size_t room = MB / 2; room >= MB / 16; room -= MB / 16) {
        unsigned debt = pace_flush_debt(room, MB, 0);
        assert_true(debt >= before && debt < 1000);
        before = debt;
    }
    assert_int_equal(pace_flush_debt(0, MB, 0), 1000);
    assert_int_equal(pace_flush_debt(0, MB, 900), 1000);
}

TEST(a_small_debt_costs_nothing)
{
    struct pace pace = {.bytes = 100 * MB, .merge_debt = 250};
    assert_int_equal(pace_delay_us(&pace, 250), 0);
    assert_int_equal(pace.bytes, 0);
}

TEST(a_debt_costs_up_to_a_microsecond_for_a_byte)
{
    struct pace pace = {.bytes = 2000};
    assert_int_equal(pace_delay_us(&pace, 1000), 2000);
    pace.bytes = 2000;
    assert_int_equal(pace_delay_us(&pace, 625), 500); // half of what counts: a fourth
}

TEST(delays_add_up_until_they_are_worth_a_wait)
{
    struct pace pace = {0};
    uint64_t sum_us = 0;
    for (int i = 0; i < 10; i++) {
        pace.bytes = 100;
        uint64_t delay_us = pace_delay_us(&pace, 1000);
        assert_true(delay_us == 0 || delay_us >= 500);
        sum_us += delay_us;
    }
    assert_int_equal(sum_us, 1000);
}

TEST(a_long_delay_comes_in_parts)
{
    struct pace pace = {.bytes = 50000};
    assert_int_equal(pace_delay_us(&pace, 1000), 20000);
    assert_int_equal(pace_delay_us(&pace, 1000), 20000);
    assert_int_equal(pace_delay_us(&pace, 1000), 10000);
    assert_int_equal(pace_delay_us(&pace, 1000), 0);
}

TEST(flushes_and_merges_are_waited_for_at_the_same_time)
{
    struct pace pace = {.bytes = 4000, .merge_debt = 1000};
    assert_int_equal(pace_delay_us(&pace, 1000), 4000);
    assert_int_equal(pace_delay_us(&pace, 1000), 0);
}

TEST(a_debt_that_is_gone_takes_its_delay_along)
{
    struct pace pace = {.bytes = 100000, .merge_debt = 1000};
    assert_int_equal(pace_delay_us(&pace, 0), 20000);
    pace.merge_debt = 200;
    assert_int_equal(pace_delay_us(&pace, 0), 0);
}
