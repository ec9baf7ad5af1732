#include "wire/age.h"

// A difference of clocks beyond this is none: one of them is of another life.
static const uint64_t age_max_ms = (uint64_t)30 * 24 * 3600 * 1000;

void peer_clock_learn(struct peer_clock *clock, const struct message_header *header,
                      uint64_t mono_ms)
{
    bool is_same_life = clock->is_known && clock->boot == header->boot;
    uint64_t ahead_ms = header->sent_ms - peer_clock_now(clock, mono_ms);
    if (is_same_life && ahead_ms > age_max_ms) // it waited longer than what we have
        return;
    *clock = (struct peer_clock){true, header->boot, header->sent_ms, mono_ms};
}

uint64_t peer_clock_now(const struct peer_clock *clock, uint64_t mono_ms)
{
    if (!clock->is_known)
        return 0;
    uint64_t since_ms = mono_ms - clock->at_ms;
    return clock->told_ms + since_ms - (since_ms + 9) / 10;
}

uint64_t message_age_ms(const struct message_header *header, uint64_t boot, uint64_t mono_ms)
{
    uint64_t age_ms = link_clock(boot, mono_ms) - header->your_ms;
    return header->your_ms && age_ms <= age_max_ms ? age_ms : AGE_UNKNOWN;
}

bool message_is_expired(const struct message_header *header, uint64_t boot, uint64_t mono_ms)
{
    uint64_t age_ms = message_age_ms(header, boot, mono_ms);
    return header->budget_ms && age_ms != AGE_UNKNOWN && age_ms >= header->budget_ms;
}
