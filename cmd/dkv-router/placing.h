// placing.h - where an operation goes: the owners of its key, and which of them can be asked.
#pragma once

#include "dkv-router/router.h"

struct placing {
    struct ring_route route; // by the newest ring
    target_set live;         // targets that can be asked now
};

// Finds keyspace, partition, owners and which of them can be asked now. INVALID: no such
// keyspace, or a key beyond the limits.
enum status placing_find(const struct router *router, struct bytes keyspace, struct bytes key,
                         struct placing *placing) MUST_USE;
// The same for a whole partition.
enum status placing_find_partition(const struct router *router, struct bytes keyspace,
                                   uint32_t partition, struct placing *placing) MUST_USE;

// Resolves `*level` (if it is the default, it becomes `keyspace_level`) into needs of the owners
// that are read, or of all that a write needs. False: it asks for more than there are.
bool placing_read_needs(const struct router *router, const struct placing *placing, uint8_t *level,
                        uint8_t keyspace_level, struct needs *needs) MUST_USE;
bool placing_write_needs(const struct router *router, const struct placing *placing, uint8_t *level,
                         uint8_t keyspace_level, struct needs *needs) MUST_USE;

// What reads of this level need when the shard has moved, or is back; nothing if it does not move.
void placing_add_later_needs(const struct router *router, const struct placing *placing,
                             uint8_t level, struct needs *needs);

// Owners that are only written are none from now on: for a read.
void placing_narrow_to_readers(struct placing *placing);

// The owners from the nearest to the farthest: this node, then the list.
void placing_order(const struct router *router, const struct placing *placing,
                   uint8_t order[RING_OWNERS_MAX]);

// The owners that may not give a write its dot: their clocks are off, and in this keyspace the last
// write wins.
target_set placing_unable(const struct router *router, const struct placing *placing);

// Whose clock is off, into router->text, for the client.
struct bytes placing_explain_clocks(struct router *router, const struct flight *flight);

// This node's replica and no other.
void placing_narrow(const struct router *router, struct placing *placing);

// Puts the flight there, by the ring as it is now; the caller adds the request itself.
void placing_fill(const struct router *router, const struct placing *placing, struct flight *flight,
                  uint64_t deadline_ms, struct moment now);

// Puts the fallbacks behind the owners of the flight, unless they are there, and tells those whose
// hintd can be asked now. Not of one that was narrowed.
target_set placing_add_fallbacks(const struct router *router, struct flight *flight);

// With what a read ends that cannot be done: STALE instead of UNAVAILABLE if a store meant other
// owners, since the ring may be agreed on in a moment.
enum status placing_failure(const struct flight *flight, enum status status);

// "W=2 of n1, n2 (does not answer), n3" into router->text, for the client. Fallbacks that could
// have counted follow.
struct bytes placing_explain(struct router *router, const struct flight *flight, char what);

// Until when an operation may last, by the client's budget.
uint64_t placing_deadline(const struct router *router, const struct message_header *header,
                          struct moment now);

// By which ring an operation was planned.
struct ring_stamp placing_stamp(const struct flight *flight);

// Where to append a request to the store of an owner or the hintd of a fallback; budget_ms 0: it is
// welcome at any time.
struct buf *placing_ask(const struct router *router, const struct flight *flight, unsigned target,
                        enum message_type type, uint32_t budget_ms, struct outbox *outbox);
