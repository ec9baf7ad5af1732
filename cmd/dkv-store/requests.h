// requests.h - the request ids that a store applied lately, and the dots they became.
//
// A client that does not know how its write ended sends it again with the same id. Every
// owner remembers the ids that it minted or merged, so that the second try finds the
// first. The memory is bounded by age and by count; what it forgot is still found as long
// as the write is a live sibling, since siblings carry their request ids.
#pragma once

#include "causal/record.h"

enum { REQUESTS_COUNT_MAX = 1 << 18 };

struct request_entry {
    struct request_id request;
    struct dot dot;
    uint64_t at_ms; // wall clock
};

struct requests {
    struct request_entry *entries; // a circle, oldest at `first`
    uint32_t *index;               // open addressing: position in entries + 1, 0 = free
    uint32_t capacity;             // of entries, a power of two; the index has twice as many
    uint32_t first;
    uint32_t count;
    uint64_t memory_ms;
};

void requests_init(struct requests *requests, uint64_t memory_ms);
void requests_release(struct requests *requests);

// Remembers; does nothing if the id is there. An all-zero id is no id.
void requests_add(struct requests *requests, const struct request_id *request, struct dot dot,
                  uint64_t now_ms);
const struct request_entry *requests_find(const struct requests *requests,
                                          const struct request_id *request);
void requests_forget_old(struct requests *requests, uint64_t now_ms);

// The newest `max` entries, for a snapshot; decode adds what it reads.
void requests_encode(const struct requests *requests, uint32_t max, struct buf *out);
enum status requests_decode(struct requests *requests, struct reader *reader) MUST_USE;
