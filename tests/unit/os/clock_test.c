// Time and chance come from the operating system.
#include "unit/unit.h"

#include "os/clock.h"
#include "os/entropy.h"

TEST(monotonic_time_never_goes_back)
{
    uint64_t before_us = clock_mono_us();
    for (int i = 0; i < 10000; i++) {
        uint64_t now_us = clock_mono_us();
        assert_true(now_us >= before_us);
        before_us = now_us;
    }
    assert_true(clock_mono_ms() >= before_us / 1000);
}

TEST(wall_time_is_in_this_century)
{
    assert_true(clock_wall_ms() > 1700000000000u);
    assert_true(clock_wall_ms() < 4102444800000u);
}

TEST(random_numbers_differ)
{
    assert_true(entropy_u64() != entropy_u64());
    unsigned char data[1024] = {0}, zeros[1024] = {0};
    entropy_fill(data, sizeof data);
    assert_memory_not_equal(data + 512, zeros, 512);
}
