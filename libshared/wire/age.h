// age.h - how long a message was under way, though no two machines agree on the time.
//
// Every process has a link clock: its monotonic time, counted from its boot id, which is
// random. So a time that was told to one life of a process means nothing to the next.
//
//     A                                    B
//     │◄────────── sent_ms = B's clock ────│   any message of B
//     │ A keeps it and lets it run on      │
//     │── your_ms = B's clock, as A has it ►│  B: age = own clock - your_ms
//
// What A has of B's clock is never ahead of it: it was sent some time ago, and it runs on in
// A's hands at nine tenths of the pace, which allows for clocks that differ by a tenth in
// rate. So B never takes a message for younger than it is, whatever it waited in: queues of
// either side, the network, a process that stood still. It may take it for older, by what B's
// last message was under way and a tenth of the time since.
#pragma once

#include "wire/message.h"

static inline uint64_t link_clock(uint64_t boot, uint64_t mono_ms)
{
    return boot + mono_ms;
}

// The clock of the process at the other end, as it is known here. Zero-filled: not known.
struct peer_clock {
    bool is_known;
    uint64_t boot;
    uint64_t told_ms; // by its link clock ...
    uint64_t at_ms;   // ... when this was our monotonic time
};

// Any message of the peer. Its life may have changed.
void peer_clock_learn(struct peer_clock *clock, const struct message_header *header,
                      uint64_t mono_ms);

// For `your_ms`: what the peer's clock shows at least. 0 if it is not known.
uint64_t peer_clock_now(const struct peer_clock *clock, uint64_t mono_ms);

// The age of a message at `mono_ms` of a receiver whose boot id is `boot`, at most.
// AGE_UNKNOWN: the sender did not know our clock, or that of another life.
#define AGE_UNKNOWN UINT64_MAX
uint64_t message_age_ms(const struct message_header *header, uint64_t boot, uint64_t mono_ms);

// Whether nobody waits any more for what the message asks: its budget is over. Not if its age is
// unknown: who sent it does not know this life of the receiver, and learns of it by the answer.
bool message_is_expired(const struct message_header *header, uint64_t boot, uint64_t mono_ms);
