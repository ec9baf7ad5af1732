// What is unread on a link, and what the other side is told.
#include "unit/unit.h"

#include "wire/meter.h"

enum { KIB = 1024, MIB = 1024 * KIB };

static void hear(struct meters *meters, link_id link, uint32_t received_kib)
{
    meters_taken(meters, link, &(struct message_header){.received_kib = received_kib});
}

TEST(what_was_sent_and_not_taken_is_unread)
{
    struct meters meters;
    meters_init(&meters, 1);
    meters_sent(&meters, 7, 1000 * KIB);
    meters_sent(&meters, 8, 10 * KIB);
    assert_true(meters_unread(&meters, 7) == 1000 * KIB);
    hear(&meters, 7, 400);
    assert_true(meters_unread(&meters, 7) == 600 * KIB);
    assert_true(meters.unread_bytes == 610 * KIB);
    hear(&meters, 7, 1000);
    assert_true(meters_unread(&meters, 7) == 0);
    assert_true(meters_unread(&meters, 9) == 0);
    meters_forget(&meters, 8);
    assert_true(meters.unread_bytes == 0);
    meters_release(&meters);
}

TEST(two_sides_agree_through_any_traffic_and_past_the_end_of_the_count)
{
    struct meters answerer;
    uint64_t under_way = 0, taken = 0; // by the asker
    meters_init(&answerer, 2);
    for (unsigned i = 0; i < 20000; i++) {
        size_t size = 1 + (size_t)(i * 7919u) % 700 * MIB; // of no whole KiB, 6.8 TiB in all
        meters_sent(&answerer, 1, size);
        under_way += size;
        if (i % 3)
            continue;
        taken += under_way;
        under_way = 0;
        assert_true(meters_unread(&answerer, 1) > 0 || size < KIB);
        hear(&answerer, 1, (uint32_t)(taken / KIB));
        assert_true(meters_unread(&answerer, 1) == 0);
    }
    meters_release(&answerer);
}

TEST(who_has_too_much_to_take_is_behind_until_it_took_some)
{
    struct meters meters;
    struct outbox outbox = {0};
    meters_init(&meters, 1);
    memset(buf_grow(outbox_add(&outbox, 7, MESSAGE_FETCHED, 0), 2 * KIB), 0, 2 * KIB);
    meters_sent(&meters, 7, METERS_UNREAD_MAX - 3 * KIB);
    assert_false(meters_are_behind(&meters, 7, &outbox));
    meters_sent(&meters, 7, KIB);
    assert_true(meters_are_behind(&meters, 7, &outbox));
    assert_false(meters_are_behind(&meters, 8, &outbox)); // another link has taken all
    hear(&meters, 7, 1);
    assert_false(meters_are_behind(&meters, 7, &outbox));
    meters_release(&meters);
    outbox_release(&outbox);
}

TEST(a_count_above_what_was_sent_begins_anew)
{
    struct meters meters;
    meters_init(&meters, 1);
    hear(&meters, 7, 5000); // we forgot it, it did not
    assert_true(meters_unread(&meters, 7) == 0);
    meters_sent(&meters, 7, 30 * KIB);
    assert_true(meters_unread(&meters, 7) == 30 * KIB);
    hear(&meters, 7, 5030);
    assert_true(meters_unread(&meters, 7) == 0);
    meters_release(&meters);
}

TEST(of_too_many_links_those_silent_for_longest_are_forgotten)
{
    struct meters meters;
    meters_init(&meters, 1);
    for (link_id link = 1; link <= 3 * METERS_MAX; link++) {
        meters_sent(&meters, link, KIB);
        meters_sent(&meters, 1, KIB); // is always in use
    }
    assert_int_equal(meters.count, METERS_MAX);
    assert_true(meters_unread(&meters, 1) == (3 * METERS_MAX + 1) * (uint64_t)KIB);
    assert_true(meters_unread(&meters, 2) == 0);
    assert_true(meters_unread(&meters, 3 * METERS_MAX) == KIB);
    assert_true(meters.unread_bytes ==
                meters_unread(&meters, 1) + (METERS_MAX - 1) * (uint64_t)KIB);
    meters_release(&meters);
}

TEST(what_was_not_queued_after_all_is_not_unread)
{
    struct meters meters;
    meters_init(&meters, 1);
    meters_sent(&meters, 7, 30 * KIB);
    meters_sent(&meters, 7, 20 * KIB);
    meters_unsent(&meters, 7, 20 * KIB);
    assert_true(meters_unread(&meters, 7) == 30 * KIB && meters.unread_bytes == 30 * KIB);
    hear(&meters, 7, 30);
    assert_true(meters_unread(&meters, 7) == 0);
    meters_unsent(&meters, 7, 10 * KIB); // which the other side had confirmed: nonsense
    assert_true(meters_unread(&meters, 7) == 0 && meters.unread_bytes == 0);
    meters_release(&meters);
}

TEST(a_greater_answer_is_expected_at_once_a_smaller_one_by_and_by)
{
    struct meters meters;
    meters_init(&meters, 1);
    assert_true(meters_guess(&meters, 7) == METER_GUESS_FIRST);
    meters_sent(&meters, 7, 1);
    assert_true(meters_guess(&meters, 7) == METER_GUESS_FIRST);
    meters_learn(&meters, 7, MIB);
    assert_true(meters_guess(&meters, 7) == MIB);
    meters_learn(&meters, 7, 100);
    assert_true(meters_guess(&meters, 7) > MIB / 2 && meters_guess(&meters, 7) < MIB);
    for (unsigned i = 0; i < 100; i++)
        meters_learn(&meters, 7, 100);
    assert_true(meters_guess(&meters, 7) < 200);
    meters_release(&meters);
}
