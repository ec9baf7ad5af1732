// requests.h - the request ids that a process applied lately, and the dots they became.
//
// A client that does not know how its write ended sends it again with the same id. Every
// owner remembers the ids of writes that it minted or joined, so that the second try finds the
// first; an id that is forgotten is still found as long as the write is a live sibling, since
// siblings carry their request ids.
//
// An id is remembered for `memory_ms` by the monotonic clock of this process: no step of the
// wall clock shortens that. Ids that a restart finds in log and snapshot count from the start,
// so they are remembered for longer than that, never for less.
//
// The memory is bounded: REQUESTS_BYTES_MAX, which is REQUESTS_COUNT_MAX ids. When it is full
// the oldest goes and is counted; `oldest_ms` then says how long an id is remembered.
#pragma once

#include "replica/recall.h"

enum {
    REQUESTS_BYTES_MAX = 64 << 20,
    REQUESTS_BLOCK = 4096, // ids, each of 40 bytes; 4 to 8 more are its share of the index
    REQUESTS_BLOCKS = 512, // in the circle; not all at once
    REQUESTS_PARTS = 16,   // of the index: growing one takes no longer than a write may
    REQUESTS_COUNT_MAX = 357 * REQUESTS_BLOCK,
};

struct request_entry {
    struct request_id request;
    struct dot dot;
    uint64_t at_ms; // monotonic
};

// By open addressing: positions in the circle + 1, 0 = free.
struct requests_part {
    uint32_t *slots;
    uint32_t size; // a power of two, a third more than there are ids at least
    uint32_t count;
};

struct requests {
    struct request_entry *blocks[REQUESTS_BLOCKS]; // a circle; those without ids are NULL
    struct requests_part parts[REQUESTS_PARTS];    // by hash
    uint32_t first;                                // position of the oldest
    uint32_t count;
    uint64_t memory_ms;
    uint64_t seed;          // keeps clients from choosing ids that collide; set while it is empty
    uint64_t dropped_count; // ids that went before their time
};

void requests_init(struct requests *requests, uint64_t memory_ms);
void requests_release(struct requests *requests);

// Remembers; does nothing if the id is there. An all-zero id is no id.
void requests_add(struct requests *requests, const struct request_id *request, struct dot dot,
                  uint64_t now_ms);
const struct request_entry *requests_find(const struct requests *requests,
                                          const struct request_id *request);
struct recall requests_recall(const struct requests *requests); // for mint and join
void requests_forget_old(struct requests *requests, uint64_t now_ms);

uint64_t requests_bytes(const struct requests *requests);                      // of memory
uint64_t requests_oldest_ms(const struct requests *requests, uint64_t now_ms); // 0 if there is none

// All of them, for a snapshot, without their times; decode adds what it reads as of `now_ms`.
// (In version 1 each had a wall clock, which is passed over.)
void requests_encode(const struct requests *requests, struct buf *out);
enum status requests_decode(struct requests *requests, struct reader *reader,
                            uint64_t now_ms) MUST_USE;
enum status requests_decode_1(struct requests *requests, struct reader *reader,
                              uint64_t now_ms) MUST_USE;
