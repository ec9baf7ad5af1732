// Whom the crowd lets in, whom it makes leave, whom it bars.
#include "unit/unit.h"

#include "net/crowd.h"

#include <string.h>

static const struct crowd_limits limits = {
    .connections_max = 20,
    .share_max = 10,
    .strangers_max = 8,
    .credit_max = 8,
    .credit_per_s = 4,
};

static struct crowd_address address(uint8_t number)
{
    return (struct crowd_address){{[10] = 0xff, 0xff, 10, 0, 0, number}};
}

static bool enter(struct crowd *crowd, int guest, uint8_t from, uint64_t now_ms)
{
    struct crowd_address where = address(from);
    return crowd_enter(crowd, guest, 0, &where, true, now_ms);
}

static bool is_barred(const struct crowd *crowd, uint8_t number)
{
    struct crowd_address barred[8], wanted = address(number);
    uint32_t count = crowd_barred(crowd, barred, 8);
    assert_int_equal(count, crowd->barred_count);
    for (uint32_t i = 0; i < count; i++) {
        if (!memcmp(&barred[i], &wanted, sizeof wanted))
            return true;
    }
    return false;
}

TEST(honest_clients_pass_however_many_they_are)
{
    struct crowd crowd;
    struct crowd_address where = address(1);
    crowd_init(&crowd, &limits);
    for (int i = 0; i < 1000; i++) {
        assert_true(enter(&crowd, 5, 1, 0));
        crowd_admit(&crowd, &where, 0);
        crowd_prove(&crowd, 5);
        crowd_leave(&crowd, 5, 0);
    }
    assert_false(crowd_refresh(&crowd, 0));
    assert_int_equal(crowd.count, 0);
    crowd_release(&crowd);
}

TEST(who_only_knocks_is_barred_until_a_quarter_of_its_credit_is_back)
{
    struct crowd crowd;
    crowd_init(&crowd, &limits);
    for (int i = 0; i < 8; i++) {
        assert_true(enter(&crowd, 5, 1, 1000));
        crowd_leave(&crowd, 5, 0);
    }
    assert_false(enter(&crowd, 5, 1, 1000));
    assert_true(crowd_refresh(&crowd, 1000));
    assert_true(is_barred(&crowd, 1));
    assert_false(crowd_refresh(&crowd, 1499)); // 1.996 of 8
    assert_true(is_barred(&crowd, 1));
    assert_true(crowd_refresh(&crowd, 1500));
    assert_false(is_barred(&crowd, 1));
    assert_true(enter(&crowd, 5, 1, 1500));
    crowd_release(&crowd);
}

TEST(nobody_pays_for_another_address)
{
    struct crowd crowd;
    crowd_init(&crowd, &limits);
    for (int i = 0; i < 100; i++) {
        enter(&crowd, 5, 1, 0);
        crowd_leave(&crowd, 5, 0);
    }
    assert_true(enter(&crowd, 6, 2, 0));
    crowd_refresh(&crowd, 0);
    assert_false(is_barred(&crowd, 2));
    crowd_release(&crowd);
}

TEST(of_too_many_strangers_the_oldest_of_the_address_with_most_goes)
{
    struct crowd crowd;
    crowd_init(&crowd, &limits);
    assert_true(enter(&crowd, 3, 1, 0));
    for (int i = 0; i < 7; i++)
        assert_true(enter(&crowd, 10 + i, 2, 0));
    assert_int_equal(crowd_surplus(&crowd), -1);
    assert_true(enter(&crowd, 4, 3, 0));
    assert_int_equal(crowd_surplus(&crowd), 10);
    crowd_leave(&crowd, 10, 0);
    assert_int_equal(crowd_surplus(&crowd), -1);
    crowd_release(&crowd);
}

TEST(connections_are_bounded_by_address_and_in_all)
{
    struct crowd crowd;
    crowd_init(&crowd, &limits);
    for (int i = 0; i < 30; i++) {
        uint8_t from = (uint8_t)(i / 15);
        struct crowd_address where = address(from);
        bool is_in = crowd_enter(&crowd, i, 0, &where, false, 0);
        assert_int_equal(is_in, i % 15 < 10);
    }
    struct crowd_address other = address(9);
    assert_false(crowd_enter(&crowd, 40, 0, &other, false, 0));
    crowd_leave(&crowd, 0, 0);
    assert_true(crowd_enter(&crowd, 40, 0, &other, false, 0));
    crowd_release(&crowd);
}

TEST(a_number_that_is_used_again_is_another_connection)
{
    struct crowd crowd;
    crowd_init(&crowd, &limits);
    struct crowd_address where = address(1), other = address(2);
    assert_true(crowd_enter(&crowd, 5, 0, &where, true, 0));
    assert_true(crowd_enter(&crowd, 5, 1, &other, true, 0)); // the end of the first was not heard
    assert_int_equal(crowd.count, 1);
    crowd_leave(&crowd, 5, 0); // late
    assert_int_equal(crowd.count, 1);
    assert_int_equal(crowd.oldest, 5);
    crowd_leave(&crowd, 5, 1);
    assert_int_equal(crowd.count, 0);
    assert_int_equal(crowd.oldest, -1);
    crowd_leave(&crowd, 5, 1);
    crowd_leave(&crowd, 5000, 1);
    crowd_release(&crowd);
}

TEST(addresses_that_owe_nothing_are_forgotten)
{
    struct crowd crowd;
    crowd_init(&crowd, &limits);
    for (int i = 0; i < 10000; i++) {
        struct crowd_address where = {{[10] = 0xff, 0xff, 10, (uint8_t)(i >> 8), (uint8_t)i}};
        assert_true(crowd_enter(&crowd, 5, 0, &where, true, (uint64_t)i));
        crowd_leave(&crowd, 5, 0);
    }
    assert_true(crowd.host_count <= 2 * limits.connections_max + 1);
    crowd_release(&crowd);
}

// Comes and goes, and proves nothing.
static void knock(struct crowd *crowd, uint8_t number, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        enter(crowd, 5, number, 0);
        crowd_leave(crowd, 5, 0);
    }
}

// An admission may be heard of before the connection is.
TEST(whoever_is_admitted_first_of_all_has_credit)
{
    struct crowd crowd;
    crowd_init(&crowd, &limits);
    for (uint8_t from = 0; from < 9; from++) { // the hosts move at 1, 2, 4 and 8
        struct crowd_address where = address(from);
        crowd_admit(&crowd, &where, from);
    }
    for (uint8_t from = 0; from < 9; from++)
        assert_true(enter(&crowd, from, from, 9));
    crowd_release(&crowd);
}

TEST(a_bar_that_is_forgotten_for_want_of_room_is_a_change)
{
    struct crowd crowd;
    crowd_init(&crowd, &limits);
    uint8_t last = 2 * 20; // from here on others take its place
    for (uint8_t i = 0; i <= last; i++)
        knock(&crowd, i, 1);
    knock(&crowd, last, 7);
    assert_true(crowd_refresh(&crowd, 0));
    assert_true(is_barred(&crowd, last));
    assert_false(crowd_refresh(&crowd, 0));
    knock(&crowd, last + 1, 1);
    assert_false(is_barred(&crowd, last));
    assert_true(crowd_refresh(&crowd, 0));
    assert_false(crowd_refresh(&crowd, 0));
    crowd_release(&crowd);
}
