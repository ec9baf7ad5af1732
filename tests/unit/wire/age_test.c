#include "wire/age.h"

#include "unit/unit.h"

enum { BOOT = 77 };

// What a receiver of boot id BOOT says at `mono_ms` of its clock.
static struct message_header said_at(uint64_t boot, uint64_t mono_ms)
{
    return (struct message_header){.boot = boot, .sent_ms = link_clock(boot, mono_ms)};
}

// The age that it finds in a message that was sent at `sent_ms` of our clock.
static uint64_t age(const struct peer_clock *clock, uint64_t sent_ms, uint64_t boot,
                    uint64_t mono_ms)
{
    struct message_header header = {.your_ms = peer_clock_now(clock, sent_ms)};
    return message_age_ms(&header, boot, mono_ms);
}

TEST(the_age_of_a_message_is_what_it_was_under_way_and_a_little_more)
{
    struct peer_clock clock = {0};
    struct message_header header = said_at(BOOT, 5000);
    peer_clock_learn(&clock, &header, 200);
    assert_int_equal(age(&clock, 200, BOOT, 5000), 0);
    assert_int_equal(age(&clock, 200, BOOT, 5300), 300);
    // A hundred ms later a tenth of them is allowed for clocks that differ.
    assert_int_equal(age(&clock, 300, BOOT, 5100), 10);
    assert_int_equal(age(&clock, 300, BOOT, 5400), 310);
}

TEST(a_message_is_never_taken_for_younger_than_it_is)
{
    for (uint64_t rate = 90; rate <= 110; rate += 5) { // of the peer's clock, in percent
        for (uint64_t back = 0; back <= 500; back += 50) {
            for (uint64_t kept = 0; kept <= 10000; kept += 500) {
                struct peer_clock clock = {0};
                struct message_header header = said_at(BOOT, 1000);
                peer_clock_learn(&clock, &header, 7000);
                uint64_t sent_ms = 7000 + kept;
                // What the peer's clock shows when we send.
                uint64_t there_ms = 1000 + (back + kept) * rate / 100;
                assert_true(age(&clock, sent_ms, BOOT, there_ms + 40) >= 40);
            }
        }
    }
}

TEST(what_was_said_to_another_life_has_no_age)
{
    struct peer_clock clock = {0};
    struct message_header header = said_at(BOOT, 5000);
    assert_true(age(&clock, 200, BOOT, 5000) == AGE_UNKNOWN);
    peer_clock_learn(&clock, &header, 200);
    assert_true(age(&clock, 200, (uint64_t)1 << 60, 5000) == AGE_UNKNOWN);
    header = said_at((uint64_t)1 << 60, 3);
    peer_clock_learn(&clock, &header, 210);
    assert_int_equal(age(&clock, 210, (uint64_t)1 << 60, 3), 0);
}

TEST(a_message_that_waited_does_not_set_the_clock_back)
{
    struct peer_clock clock = {0};
    struct message_header quick = said_at(BOOT, 5000), slow = said_at(BOOT, 5001);
    peer_clock_learn(&clock, &quick, 200);
    peer_clock_learn(&clock, &slow, 600);
    assert_int_equal(age(&clock, 600, BOOT, 5400), 40);
}
