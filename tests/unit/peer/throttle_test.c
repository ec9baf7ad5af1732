// Work that may wait slows down when clients feel it, and comes back.
#include "peer/throttle.h"

#include "unit/unit.h"

enum { MOST = 6400000, LEAST = MOST / THROTTLE_LEAST_PART + 1, USUAL_US = 15000 };

static struct throttle throttle;
static struct moment now;

static int begin(void **state)
{
    (void)state;
    now = (struct moment){.mono_ms = 5000};
    throttle_init(&throttle, MOST);
    return 0;
}

AROUND_EACH(begin, NULL)

// A look passes, in which as much was sent as was allowed.
static uint64_t look(uint64_t delay_us)
{
    now.mono_ms += THROTTLE_PAUSE_MS;
    throttle_use(&throttle, throttle.rate * THROTTLE_PAUSE_MS / 1000);
    throttle_tell(&throttle, delay_us, now);
    return throttle.rate;
}

// The first one, in which nothing was sent: what is told is usual.
static void learn(uint64_t delay_us)
{
    throttle_tell(&throttle, delay_us, now);
}

TEST(while_clients_wait_no_longer_than_usual_it_goes_as_fast_as_it_may)
{
    learn(USUAL_US);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(look(USUAL_US * THROTTLE_PATIENCE), MOST);
}

TEST(when_they_wait_longer_half_of_it_is_left_and_a_step_comes_back_each_time_that_they_do_not)
{
    learn(USUAL_US);
    uint64_t half = look(USUAL_US * THROTTLE_PATIENCE + 1);
    assert_in_range(half, MOST / 2 - MOST / 100, MOST / 2);
    assert_int_equal(look(USUAL_US), half + MOST / THROTTLE_STEPS + 1);
    for (unsigned i = 0; i < THROTTLE_STEPS; i++)
        look(USUAL_US);
    assert_int_equal(throttle.rate, MOST);
}

TEST(half_of_what_was_used_is_left_if_that_was_less_than_allowed)
{
    learn(USUAL_US);
    now.mono_ms += 1000;
    throttle_use(&throttle, MOST / 4);
    throttle_tell(&throttle, USUAL_US * 100, now);
    assert_int_equal(throttle.rate, MOST / 8);
}

TEST(a_delay_that_nobody_minds_is_none)
{
    learn(0);
    assert_int_equal(look(THROTTLE_FREE_US), MOST);
    assert_true(look(THROTTLE_FREE_US + 1) < MOST);
}

TEST(what_one_look_did_must_show_before_the_next)
{
    learn(USUAL_US);
    uint64_t rate = look(USUAL_US * 10);
    now.mono_ms += THROTTLE_PAUSE_MS - 1;
    throttle_tell(&throttle, USUAL_US * 10, now);
    assert_int_equal(throttle.rate, rate);
}

TEST(it_never_stops)
{
    learn(USUAL_US);
    for (unsigned i = 0; i < 7; i++)
        look(USUAL_US * 1000);
    assert_int_equal(throttle.rate, LEAST);
}

TEST(clients_that_wait_for_others_do_not_hold_it_up_for_ever)
{
    unsigned looks = 0;
    learn(USUAL_US);
    for (; looks < 50 && (looks < 10 || throttle.rate < 2 * LEAST); looks++)
        look(USUAL_US * 20);
    assert_in_range(looks, 10, 20);
}

TEST(what_is_usual_is_never_more_than_what_was_told)
{
    learn(USUAL_US * 20); // an accident
    look(USUAL_US);
    assert_true(look(USUAL_US * THROTTLE_PATIENCE + 1) < MOST);
}
