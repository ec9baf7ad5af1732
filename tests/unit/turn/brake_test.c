#include "turn/brake.h"

#include "unit/unit.h"

static uint64_t take(void *context)
{
    uint64_t *delay_us = context, taken = *delay_us;
    *delay_us = 0;
    return taken;
}

TEST(nothing_is_held_back_while_the_engine_keeps_up)
{
    struct brake brake = {0};
    uint64_t delay_us = 0;
    brake_on_turn_end(&brake, 1000, 10, 5, take, &delay_us);
    assert_int_equal(brake_durable(&brake, 8), 8);
    assert_int_equal(brake_within_ms(&brake, 1000, 100), 100);
}

TEST(while_it_falls_behind_the_log_counts_as_it_was)
{
    struct brake brake = {0};
    uint64_t delay_us = 3500;
    brake_on_turn_end(&brake, 1000, 10, 5, take, &delay_us);
    assert_int_equal(brake_durable(&brake, 8), 5);
    assert_int_equal(brake_within_ms(&brake, 1000, 100), 3);
    brake_on_turn_end(&brake, 1002, 12, 8, take, &delay_us);
    assert_int_equal(brake_durable(&brake, 8), 5);
    brake_on_turn_end(&brake, 1003, 12, 8, take, &delay_us);
    assert_int_equal(brake_durable(&brake, 8), 8);
    assert_int_equal(brake.held_ms, 3);
}

TEST(parts_of_a_millisecond_add_up)
{
    struct brake brake = {0};
    for (uint64_t i = 1; i <= 4; i++) {
        uint64_t delay_us = 300;
        brake_on_turn_end(&brake, 1000, i, 0, take, &delay_us);
        assert_int_equal(brake.until_ms, i < 4 ? 0 : 1001);
    }
}

TEST(the_engine_is_asked_only_when_something_was_written)
{
    struct brake brake = {0};
    uint64_t delay_us = 0;
    brake_on_turn_end(&brake, 1000, 10, 5, take, &delay_us);
    delay_us = 5000;
    brake_on_turn_end(&brake, 1001, 10, 6, take, &delay_us);
    assert_int_equal(brake.until_ms, 0);
    brake_on_turn_end(&brake, 1002, 11, 7, take, &delay_us);
    assert_int_equal(brake.until_ms, 1007);
}
