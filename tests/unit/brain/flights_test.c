#include "dkv-router/flights.h"

#include "base/random.h"
#include "unit/unit.h"

#include <stdlib.h>

enum { CLIENT = 1, QUARTER = FLIGHTS_MAX / FLIGHTS_SHARES };

TEST(a_late_answer_to_a_slot_used_again_finds_nothing)
{
    struct flights flights;
    flights_init(&flights, 1000);
    struct flight *flight = flights_add(&flights, FLIGHT_GET, CLIENT, 10, 2000);
    uint64_t id = flight_id(flight);
    assert_ptr_equal(flights_find(&flights, id), flight);
    flights_remove(&flights, flight);
    assert_null(flights_find(&flights, id));
    assert_ptr_equal(flights_add(&flights, FLIGHT_PUT, CLIENT, 10, 2000), flight);
    assert_null(flights_find(&flights, id));
    assert_null(flights_find(&flights, 12345));
    flights_release(&flights);
}

TEST(flights_are_bounded_by_count_and_by_bytes)
{
    struct flights flights;
    flights_init(&flights, 0);
    assert_null(flights_add(&flights, FLIGHT_GET, CLIENT, FLIGHTS_SIZE_MAX + 1u, 100));
    struct flight *large = flights_add(&flights, FLIGHT_GET, CLIENT, FLIGHTS_SIZE_MAX, 100);
    assert_non_null(large);
    assert_null(flights_add(&flights, FLIGHT_GET, CLIENT, 1, 100));
    flights_remove(&flights, large);
    for (unsigned i = 0; i < FLIGHTS_MAX; i++)
        assert_non_null(flights_add(&flights, FLIGHT_GET, 1 + i % FLIGHTS_SHARES, 0, 100));
    assert_null(flights_add(&flights, FLIGHT_GET, 1 + FLIGHTS_SHARES, 0, 100));
    flights_release(&flights);
}

TEST(one_client_has_a_quarter_and_the_others_have_the_rest)
{
    enum { SIZE = FLIGHTS_SIZE_MAX / FLIGHTS_SHARES / 2, OTHER = 2 };
    struct flights flights;
    struct flight *mine[QUARTER];
    flights_init(&flights, 0);
    for (unsigned i = 0; i < QUARTER; i++) {
        mine[i] = flights_add(&flights, FLIGHT_GET, CLIENT, 0, 100);
        assert_non_null(mine[i]);
    }
    assert_null(flights_add(&flights, FLIGHT_GET, CLIENT, 0, 100));
    struct flight *other = flights_add(&flights, FLIGHT_PUT, OTHER, SIZE, 100);
    assert_non_null(other);
    assert_non_null(flights_add(&flights, FLIGHT_PUT, OTHER, SIZE, 100));
    assert_null(flights_add(&flights, FLIGHT_PUT, OTHER, 1, 100));
    assert_false(flights_hold(&flights, other, 1));
    for (unsigned i = 0; i < QUARTER; i++)
        flights_remove(&flights, mine[i]);
    struct flight *alone = flights_add(&flights, FLIGHT_GET, CLIENT, 2 * SIZE + 1, 100);
    assert_non_null(alone); // however large, one is
    assert_true(flights_hold(&flights, alone, SIZE / 2));
    assert_null(flights_add(&flights, FLIGHT_GET, CLIENT, 0, 100));
    flights_release(&flights);
}

TEST(what_is_expected_ends_with_the_flight)
{
    struct flights flights;
    flights_init(&flights, 0);
    struct flight *first = flights_add(&flights, FLIGHT_GET, CLIENT, 1, 100);
    struct flight *second = flights_add(&flights, FLIGHT_GET, CLIENT, 1, 100);
    flight_expect(first, 100);
    flight_expect(second, 30);
    flight_expect(second, 20);
    assert_int_equal(flights_expected(&flights, CLIENT), 120);
    flights_remove(&flights, first);
    assert_int_equal(flights_expected(&flights, CLIENT), 20);
    flights_remove(&flights, second);
    assert_int_equal(flights_expected(&flights, CLIENT), 0);
    flights_release(&flights);
}

TEST(every_flight_wakes_when_it_is_due_and_not_before)
{
    enum { COUNT = 500 };
    struct flights flights;
    struct random random;
    random_init(&random, 1);
    flights_init(&flights, 1000);
    for (unsigned i = 0; i < COUNT; i++) // some more than a lap of the wheel away
        flights_add(&flights, FLIGHT_PUT, CLIENT, 1, 1000 + random_below(&random, 30000));
    unsigned woken = 0;
    for (uint64_t now_ms = 1000; now_ms <= 31100; now_ms += 1 + random_below(&random, 40)) {
        struct flight *flight;
        while ((flight = flights_next_due(&flights, now_ms))) {
            assert_true(flight->wake_ms <= now_ms);
            assert_true(flight->wake_ms + FLIGHTS_TICK_MS + 40 >= now_ms);
            flights_remove(&flights, flight);
            woken++;
        }
    }
    assert_int_equal(woken, COUNT);
    assert_int_equal(flights.count, 0);
    assert_int_equal(flights.held_size, 0);
    flights_release(&flights);
}

TEST(a_waking_can_be_put_off)
{
    struct flights flights;
    flights_init(&flights, 0);
    struct flight *flight = flights_add(&flights, FLIGHT_GET, CLIENT, 1, 100);
    flights_add(&flights, FLIGHT_GET, CLIENT, 1, 100);
    flights_wake_at(&flights, flight, 500);
    struct flight *other = flights_next_due(&flights, 200);
    assert_non_null(other);
    assert_ptr_not_equal(other, flight);
    flights_remove(&flights, other);
    assert_null(flights_next_due(&flights, 400));
    assert_ptr_equal(flights_next_due(&flights, 600), flight);
    flights_release(&flights);
}

TEST(what_was_due_already_wakes_at_the_next_tick)
{
    struct flights flights;
    flights_init(&flights, 10000);
    struct flight *flight = flights_add(&flights, FLIGHT_GET, CLIENT, 1, 5);
    assert_ptr_equal(flights_next_due(&flights, 10000 + 2 * FLIGHTS_TICK_MS), flight);
    flights_release(&flights);
}
