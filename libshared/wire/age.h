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
// rate. So B never takes a message for younger than it is, wherever it waited: in queues of
// either side, in the network, in a process that stood still. It may take it for older, by what B's
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

// Learns from any message of the other end, which may be in another life since.
void peer_clock_learn(struct peer_clock *clock, const struct message_header *header,
                      uint64_t mono_ms);

// Returns what the other end's clock shows at least, for `your_ms`; 0 if it is not known.
uint64_t peer_clock_now(const struct peer_clock *clock, uint64_t mono_ms);

// The age of a message at `mono_ms` of a receiver whose boot id is `boot`, at most.
// AGE_UNKNOWN: the sender did not know our clock, or that of another life.
#define AGE_UNKNOWN UINT64_MAX
uint64_t message_age_ms(const struct message_header *header, uint64_t boot, uint64_t mono_ms);

// Whether its budget is over, so that nobody waits for a reply any more. Not if its age is unknown:
// the sender does not know this life of the receiver, and learns of it by the reply.
bool message_is_expired(const struct message_header *header, uint64_t boot, uint64_t mono_ms);
