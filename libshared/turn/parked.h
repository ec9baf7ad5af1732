// parked.h - operations that wait for the disk.
//
// An operation whose record is not in memory is copied here while the engine reads
// (lsm_try_get), so that it holds nobody up, and served when that is done. Others that come
// later for the same key queue up behind it: operations on one key are served in the order in which
// they came. Those on different keys need no order: no message of a store depends on another.
// A scan waits for no other operation, under a hash that is its own.
//
// Bounded, in count and bytes: before one more is added, room has to be made by serving the
// first, which then waits for the disk.
#pragma once

#include "base/buf.h"
#include "wire/role.h"

enum {
    PARKED_COUNT_MAX = 256,
    PARKED_SIZE_MAX = 16 << 20, // bytes of their bodies, or one that is larger
    PARKED_MISSES_MAX = 3,      // after so many attempts one waits for the disk
};

// Why an operation waits.
struct parked_wait {
    uint64_t key;      // a hash: two keys of the same wait for each other in vain
    uint64_t position; // of the engine, that is to be loaded
    unsigned miss_count;
    bool is_first; // of its key: nothing has to be served before
};

static inline bool parked_must_read(const struct parked_wait *wait)
{
    return wait->miss_count == PARKED_MISSES_MAX;
}

struct parked_op {
    struct parked_wait wait;
    struct arrival arrival;
    struct message_header header; // of the message that it came in
    struct buf body;              // of this operation alone
};

// Zero-filled is empty. In the order in which they came.
struct parked {
    struct parked_op ops[PARKED_COUNT_MAX];
    uint64_t keys[PARKED_COUNT_MAX]; // of their waits, since every operation looks through them
    size_t count;
    size_t size; // bytes of the bodies
};

void parked_release(struct parked *parked); // may be repeated

bool parked_has_room(const struct parked *parked, size_t size);

// Adds an operation, for which there is room; its body is copied.
void parked_add(struct parked *parked, const struct parked_op *op, struct bytes body);
void parked_remove(struct parked *parked, struct parked_op *op);

// Finds the position that the next operation on this key has to wait for. False if none is here.
bool parked_find(const struct parked *parked, uint64_t key, uint64_t *position);

// The first that waits for nothing beyond `loaded`, or NULL. Nothing of its key is before it.
struct parked_op *parked_next(struct parked *parked, uint64_t loaded);

// It missed again; so all behind it that have its key wait longer, too.
void parked_put_off(struct parked *parked, struct parked_op *op, const struct parked_wait *wait);
