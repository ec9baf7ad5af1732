#include "wire/tries.h"

#include "unit/unit.h"
#include "wire/client.h"

TEST(a_later_try_says_how_long_ago_the_first_was_sent_unless_another_client_made_it)
{
    struct tries tries;
    tries_init(&tries, 600, 100, false);
    assert_int_equal(tries_next(&tries, 1, 5000).first_ms, 0);
    assert_int_equal(tries_next(&tries, 2, 5700).first_ms, 700);
    assert_int_equal(tries_next(&tries, 3, 6000).first_ms, 1000);
    tries_init(&tries, 600, 100, true);
    tries_next(&tries, 1, 5000);
    assert_int_equal(tries_next(&tries, 2, 5700).first_ms, 0);
}

TEST(a_first_try_waits_for_nobody)
{
    struct tries tries;
    tries_init(&tries, 600, 100, false);
    struct put_try first = tries_next(&tries, 5, 1000);
    assert_false(first.is_repeated);
    assert_true(first.name == 5 && first.budget_ms == 600 && first.young_ms == 300);
    assert_int_equal(first.wait_ms, 0);
}

TEST(a_retry_says_how_long_the_try_before_may_mint)
{
    struct tries tries;
    tries_init(&tries, 600, 100, false);
    tries_next(&tries, 1, 1000);
    tries.is_repeated = true;
    struct put_try second = tries_next(&tries, 2, 1700); // the first one ends at 1900
    assert_true(second.is_repeated);
    assert_int_equal(second.wait_ms, 200);
    assert_int_equal(second.budget_ms, 800);
    struct put_try third = tries_next(&tries, 3, 1800); // the second one at 1700 + 800 + 300
    assert_int_equal(third.wait_ms, 1000);
    assert_int_equal(tries_next(&tries, 4, 10000).wait_ms, 0);
}

TEST(a_try_after_one_that_was_refused_is_like_a_first)
{
    struct tries tries;
    tries_init(&tries, 600, 100, false);
    tries_next(&tries, 1, 1000);
    struct put_try second = tries_next(&tries, 2, 1010);
    assert_false(second.is_repeated);
    assert_int_equal(second.wait_ms, 0);
}

TEST(tries_of_somebody_else_are_counted_from_now)
{
    struct tries tries;
    tries_init(&tries, 600, 0, true);
    struct put_try first = tries_next(&tries, 1, 1000);
    assert_true(first.is_repeated);
    assert_int_equal(first.wait_ms, 900);
    assert_int_equal(first.budget_ms, 1500);
}

TEST(a_large_value_may_take_longer)
{
    struct tries tries;
    tries_init(&tries, 600, 400 * TRIES_BYTES_PER_MS, false);
    struct put_try first = tries_next(&tries, 1, 1000);
    assert_true(first.budget_ms == 1000 && first.young_ms == 500);
}

TEST(a_try_that_wrote_nothing_is_not_waited_for)
{
    struct tries tries;
    tries_init(&tries, 600, 0, false);
    tries_next(&tries, 1, 1000); // until 1900
    tries.is_repeated = true;
    for (uint64_t now_ms = 1100; now_ms <= 1500; now_ms += 100) {
        assert_int_equal(tries_next(&tries, 2, now_ms).wait_ms, 1900 - now_ms);
        tries_take_back(&tries);
    }
}
