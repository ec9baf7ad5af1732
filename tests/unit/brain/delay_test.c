// A store knows how long its clients wait.
#include "dkv-store/delay.h"

#include "unit/unit.h"

static struct delay delay;
static struct moment now;
static uint64_t written, durable;

static int begin(void **state)
{
    (void)state;
    delay = (struct delay){0};
    now = (struct moment){.mono_ms = 100000};
    written = durable = 0;
    return 0;
}

AROUND_EACH(begin, NULL)

static void end_turn(void)
{
    delay_on_turn_end(&delay, written, durable, now);
}

static void write_for_ms(uint64_t ms)
{
    delay_on_operation(&delay, now);
    written++;
    end_turn();
    now.mono_ms += ms;
    durable = written;
    end_turn();
}

TEST(a_write_waits_until_it_is_durable)
{
    write_for_ms(7);
    assert_int_equal(delay_now_us(&delay, now), 7000);
}

TEST(a_read_waits_for_the_end_of_its_turn)
{
    delay_on_operation(&delay, now);
    now.mono_ms += 3;
    delay_on_operation(&delay, now);
    end_turn();
    assert_int_equal(delay_now_us(&delay, now), 3000);
}

TEST(what_waits_still_is_seen_before_it_ends)
{
    write_for_ms(2);
    delay_on_operation(&delay, now);
    written++;
    end_turn();
    now.mono_ms += 400;
    assert_int_equal(delay_now_us(&delay, now), 400000);
}

TEST(what_others_write_is_no_delay)
{
    written++;
    end_turn();
    now.mono_ms += 50;
    durable = written;
    end_turn();
    assert_int_equal(delay_now_us(&delay, now), 0);
}

TEST(one_in_a_hundred_decides)
{
    for (unsigned i = 0; i < 3000; i++)
        write_for_ms(i % 10 ? 1 : 40);
    assert_in_range(delay_now_us(&delay, now), 30000, 50000);
    for (unsigned i = 0; i < 30000; i++)
        write_for_ms(i % 1000 ? 1 : 40);
    assert_in_range(delay_now_us(&delay, now), 1, 20000);
}

TEST(without_clients_nobody_waits)
{
    write_for_ms(40);
    now.mono_ms += DELAY_SILENCE_MS + 1;
    assert_int_equal(delay_now_us(&delay, now), 0);
    write_for_ms(1);
    assert_int_equal(delay_now_us(&delay, now), 1000);
}
