// replies.h - what targets replied to operations in flight, each decoded once, when it came.
//
// Kept beyond the message that brought it: the bytes are copied, and what was decoded borrows from
// the copy. Replies are taken from a pool and given back, so that a get allocates nothing.
#pragma once

#include "causal/record.h"
#include "wire/client.h"
#include "wire/message.h"

struct reply {
    struct buf bytes;
    struct record record;      // of a get: borrows from `bytes`; empty: nothing is known there
    size_t seen_size;          // of an explanation: that of the seen-clock behind the record
    struct op_scanned scanned; // of a scan, the same
    struct reply *next;        // in the pool
};

struct replies {
    struct reply *free;
    uint32_t free_count;
};

void replies_release(struct replies *replies); // those in the pool

struct reply *replies_take(struct replies *replies);
void replies_give(struct replies *replies, struct reply *reply); // NULL is nothing

// Takes over a record that a target sent. CORRUPT: it is none of this key.
enum status reply_keep_record(struct reply *reply, struct bytes key, struct bytes record) MUST_USE;
// The same, and what the target has seen of the shard.
enum status reply_keep_inspected(struct reply *reply, struct bytes key, struct bytes record,
                                 struct bytes seen) MUST_USE;
void reply_forget(struct reply *reply); // as if nothing had come
struct bytes reply_record(const struct reply *reply);
struct bytes reply_seen(const struct reply *reply);
// Takes over a page.
void reply_keep_page(struct reply *reply, const struct op_scanned *scanned);
