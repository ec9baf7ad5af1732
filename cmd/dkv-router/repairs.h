// repairs.h - read repairs under way: records that an owner lacks, until it has taken them.
//
// A store that is busy refuses a repair. It is sent again, a few times, later and later; then it
// is given up and counted, and the next read of the key finds the owner behind again. A repair is
// never needed for a promise, so the list is short: what does not fit is sent all the same, once,
// and its reply is only counted.
#pragma once

#include "base/moment.h"
#include "causal/record.h"
#include "wire/outbox.h"
#include "wire/replica.h"

enum {
    REPAIRS_MAX = 256,
    REPAIRS_SIZE_MAX = 8 << 20, // bytes of keys and records
    REPAIRS_TRIES = 4,
    REPAIRS_PAUSE_MS = 50,        // before the second try, then four times as long each time
    REPAIRS_REPLY_MS = 10 * 1000, // no reply comes after that
};

// The id of a MERGE that no flight waits for has this bit; those of flights never do.
#define REPAIRS_ID ((uint64_t)1 << 28)

struct read_repair {
    bool is_used, is_sent; // sent: a reply is to come; else it is to be sent again
    uint8_t tries;
    uint32_t life;   // of the slot
    uint32_t number; // of the link to the owner
    uint64_t due_ms;
    struct ring_stamp stamp;
    uint32_t keyspace;
    struct buf key, record;
};

struct repairs { // zero-filled is empty
    struct read_repair items[REPAIRS_MAX];
    uint32_t count;
    size_t size;
};

void repairs_release(struct repairs *repairs);

// Keeps a repair that is being sent, and gives its id; 0: there is no room.
uint64_t repairs_add(struct repairs *repairs, uint32_t number, const struct ring_stamp *stamp,
                     const struct op_merge *merge, struct moment now);

// What became of it: NOT_FOUND, the reply is of none; BUSY, it will be sent again; else it is over.
enum status repairs_on_merged(struct repairs *repairs, uint32_t number,
                              const struct op_merged *merged, struct moment now) MUST_USE;

// Finds one that is to be sent again now, and counts it as sent. False if none is due. The op
// borrows from the list.
bool repairs_next(struct repairs *repairs, struct moment now, struct op_merge *merge,
                  uint32_t *number, struct ring_stamp *stamp);
