// stability.h - what is known of the other owners of a shard, in memory alone.
//
// What every owner has known is found without a vote: each tells in every opening what it knows
// without a gap; the meeting of that, when it is old enough that no request of the time before can
// come again, is below the horizon. An owner that is silent delays that, and an owner that lost
// what it had told takes it back: what was found before is forgotten.
//
// Besides: the rounds under way in which this store pulls from other owners.
#pragma once

#include "base/buf.h"
#include "base/table.h"
#include "causal/seen.h"

enum { STABILITY_POINTS = 6 };

struct stability_point { // what all knew then
    uint64_t at_ms;      // monotonic
    struct seen seen;
};

// Another owner, and the round in which this store pulls from it.
struct stability_peer {
    uint16_t number;   // of its node
    struct seen known; // what it last told that it knows, without a gap
    bool is_pulling;   // what follows is of a round that began
    bool is_left_out;  // something was, in it
    bool is_complete;  // this copy is lost, and waits for the rounds with others
    bool is_heard;     // a round with it has completed since the ring became this one
    bool is_lost;      // that owner, at the opening
    uint32_t losses;   // the same
    uint64_t actor;
    struct seen seen, horizon;
};

// A value of a lost copy that a whole owner has purged.
struct stability_zombie {
    uint64_t token;
    struct buf key;
    bool is_taken; // out of its record
};

// Zero-filled knows of nobody.
struct stability {
    struct stability_peer *peers; // owned
    uint32_t peer_count;
    struct stability_point points[STABILITY_POINTS]; // the oldest first
    uint32_t point_count;
    struct seen told;     // while the copy is lost: the horizons of owners that are not
    struct table zombies; // by dot: struct stability_zombie, owned
    bool must_lose;       // a loss was found, its frame is to be written
};

// Forgets rounds and points: of all that is in it what others know alone stays true ...
void stability_clear_rounds(struct stability *stability);
// ... or not even that.
void stability_release(struct stability *stability);

// Other owners than these are forgotten, and with them all points.
void stability_set_owners(struct stability *stability, const uint16_t *numbers, uint32_t count);
struct stability_peer *stability_peer(struct stability *stability, uint16_t number); // NULL: none

// An owner tells what it knows. A lost one takes back what it told before.
void stability_tell(struct stability *stability, struct stability_peer *peer,
                    const struct seen *seen, bool is_lost);

// Notes what all owners know by now, of which `own` is what this store does, if that is beyond the
// horizon.
void stability_note(struct stability *stability, const struct seen *own, const struct seen *horizon,
                    uint64_t now_ms, uint64_t age_ms);

// Takes the newest point that is `age_ms` old out, with all before; NULL: there is none. Borrowed
// until the next call.
const struct seen *stability_ripe(struct stability *stability, uint64_t now_ms, uint64_t age_ms);

void stability_add_zombie(struct stability *stability, struct dot dot, uint64_t token,
                          struct bytes key);
struct stability_zombie *stability_zombie(const struct stability *stability,
                                          struct dot dot); // NULL: it is none
// The next one from *position on, which is 0 at first; NULL: there is none left.
struct stability_zombie *stability_next_zombie(const struct stability *stability, size_t *position);
