// meter.h - how much of what was sent on each link the other side has not taken yet.
//
// Success of a send means queued, nothing more: answers that an asker never reads pile up here. So
// each message of an asker says how many KiB it took from this link so far. Bytes beyond that are
// still under way, in queues of either side and between them:
//
//     asker                               answerer
//       │──── GET, received_kib = 0 ────────►│ sent 0
//       │◄──── GOT, 1000 KiB ────────────────│ sent 1000
//       │──── GET, received_kib = 0 ────────►│ 1000 KiB unread
//       │──── GET, received_kib = 1000 ─────►│ 0 unread
//
// Sizes are those of bodies; KiB are counted modulo 2^32. An asker that took more
// than was sent knows more than we do: we forgot the link, and begin anew with nothing unread.
// Links that were silent for longest are forgotten when there are too many.
//
// Nobody knows the size of the next answer to a read before it is there; a meter guesses the
// largest of the last ones.
#pragma once

#include "base/table.h"
#include "wire/outbox.h"

enum {
    METERS_MAX = 16384,
    METER_GUESS_FIRST = 32 * 1024, // of a link that was never answered
    METERS_UNREAD_MAX = 16 << 20,  // bytes that one router has not taken, about
};

struct meter {
    link_id link;
    uint64_t sent_bytes;
    uint32_t confirmed_kib;
    uint32_t refused_count; // since that changed
    size_t guess;           // of the next answer
    uint32_t older, newer;  // by use; METERS_MAX at the ends
};

struct meters {
    struct table indexes; // of links in `meters`
    struct meter *meters;
    uint32_t count, capacity;
    uint32_t oldest, newest;
    uint64_t unread_bytes; // of all
};

void meters_init(struct meters *meters, uint64_t seed);
void meters_release(struct meters *meters);

// A message was handed over for the link, or taken from it.
void meters_sent(struct meters *meters, link_id link, size_t size);
void meters_taken(struct meters *meters, link_id link, const struct message_header *header);
// A message that counts as sent was not queued after all.
void meters_unsent(struct meters *meters, link_id link, size_t size);
void meters_forget(struct meters *meters, link_id link); // it is lost

uint64_t meters_unread(const struct meters *meters, link_id link); // bytes, less 1 KiB at most
// True if a router, or the network, takes replies more slowly than it asks for them, what the
// outbox has for the link counted in: they pile up here, and PONG stands behind them. One reply,
// however large, may always be on its way.
bool meters_are_behind(const struct meters *meters, link_id link, const struct outbox *outbox);
// The link that was silent for longest. False if there is none.
bool meters_oldest(const struct meters *meters, link_id *link);
// Counts a refusal: how many there were since the other side last took anything.
uint32_t meters_refuse(struct meters *meters, link_id link);
void meters_learn(struct meters *meters, link_id link, size_t size);
size_t meters_guess(const struct meters *meters, link_id link);
