// window.h - the records of a load that are under way, in the order of the input.
//
// Puts end in any order; records are settled in theirs. So at any moment everything
// before one position of the input is settled, which is what a journal can remember.
//
//     add ->  | held | sent | sent | done | sent | done | -> next_settled
//              newest                            oldest
//
// A record whose key is under way already is held until the one before it ended: the same
// key is written in the order of the input.
//
// Bounded: `capacity` records and WINDOW_SIZE_MAX bytes (or one larger record alone).
#pragma once

#include "base/table.h"
#include "client/net/client.h"
#include "dkv/bulk/format.h"
#include "wire/client.h"

enum {
    WINDOW_RECORDS_MAX = 4096,
    WINDOW_SIZE_MAX = 8 * 1024 * 1024,
    WINDOW_RAW_SIZE_MAX = 1024 * 1024, // a longer raw text is not copied: see window_newest()
    WINDOW_PUT_TIMEOUT_MS = 60 * 1000,
};

struct window_record {
    uint8_t state; // enum window_state
    enum status status;
    uint64_t number; // of the record in the input
    uint64_t offset; // behind it
    uint64_t key_hash;
    uint64_t next_same; // number of the record that waits for this one, 0 = none
    size_t size;        // that it counts for
    struct op_put op;   // without its bytes
    struct buf raw;     // if kept for the rejects file
    struct buf held;    // key and value while held
    struct buf text;    // why it failed
    struct window *window;
};

struct window {
    struct client *client;
    struct window_record *records; // a ring by number
    uint32_t capacity;
    uint64_t oldest, newest; // numbers; newest is that of the next record
    size_t size;
    bool keep_raw;
    struct bytes keyspace;
    uint8_t level;
    uint8_t flags;        // of every put
    uint64_t deadline_ms; // of all; 0: each put has WINDOW_PUT_TIMEOUT_MS
    struct table tails;   // hash of key -> number of the last record under way with it
};

// `first` is the number of the first record.
void window_init(struct window *window, struct client *client, uint32_t capacity, uint64_t first);
void window_release(struct window *window); // with nothing in flight any more

bool window_has_room(const struct window *window);
static inline bool window_is_empty(const struct window *window)
{
    return window->oldest == window->newest;
}

// Adds a pair that ends at `offset`. `flags` beyond the window's own.
void window_add(struct window *window, const struct pair *pair, uint64_t offset,
                struct request_id request, uint8_t flags);

// Adds a record that failed already.
void window_add_rejected(struct window *window, struct bytes raw, uint64_t offset,
                         enum status status);

// The newest record once it has ended, else NULL. A caller that added one with a raw text that
// was not copied waits for it, and keeps the text if it failed.
struct window_record *window_newest(struct window *window);

// True if a record with this key is under way.
bool window_has_key(const struct window *window, struct bytes key);

// The oldest record if it has ended, else NULL. window_settle() takes it off.
struct window_record *window_oldest(struct window *window);
void window_settle(struct window *window);
