// lanes.h - every record of a keyspace, partition by partition, in token order.
//
// Several partitions are fetched at once, a page at a time; they are given out in order.
//
//     lane     0     1     2     3           pages wait in their lanes
//     fetches  p4    p5    p6    p3          until their partition's turn comes
//
// The caller keeps the conversation going while a page is awaited; client/net/scanner.h does.
//
// Memory: LANES_COUNT pages of LANES_PAGE_SIZE (or one larger record each). Pages are small, since
// routers and stores that make one are kept from the requests of others.
#pragma once

#include "client/conversation.h"
#include "ring/ring.h"
#include "wire/client.h"

enum { LANES_COUNT = 8, LANES_PAGE_SIZE = 128 * 1024, LANES_TIMEOUT_MS = 60 * 1000 };

struct lane {
    struct lanes *lanes;
    uint32_t partition;
    bool asked;         // an answer is awaited
    bool ready;         // a page is here
    bool done;          // and it is the last of its partition
    enum status status; // of the page
    struct buf items;
    struct buf contexts;
    struct buf last; // where the next page begins
    struct buf text;
};

struct lanes {
    struct conversation *conversation;
    struct lane lanes[LANES_COUNT];
    struct op_scan op; // template
    uint32_t partition_count;
    uint32_t partition; // whose turn it is
    uint32_t missing_count;
    uint32_t keyspace; // id
    uint64_t epoch;
    uint64_t deadline_ms;   // 0: each page has LANES_TIMEOUT_MS
    struct reader items;    // what is left of the page ...
    struct reader contexts; // ... and of its contexts
    bool reading;
};

// Asks for the first pages. `op` has level, flags, keyspace and prefix, which live as long as the
// scan; `after` is an engine key to start behind, or empty. INVALID: the ring has no such keyspace.
// The scan stays where it is until it is released, and outlives its conversation.
enum status lanes_begin(struct lanes *lanes, struct conversation *conversation,
                        const struct op_scan *op, const struct ring *ring, struct bytes after,
                        uint64_t deadline_ms, uint64_t now_ms, struct fault *fault) MUST_USE;
void lanes_release(struct lanes *lanes); // zero is a scan, too

struct lanes_item { // borrowed until the next call
    struct bytes key;
    struct bytes record;  // encoded, or a head
    struct bytes context; // binary, if `op` wanted it
};

// False: a page is awaited, the conversation has to go on.
bool lanes_is_ready(struct lanes *lanes, uint64_t now_ms);

// Once it is ready. END behind the last record. A failure is that of one partition, of which the
// rest is then left out (and counted in missing_count); the next call goes on with the one after
// it.
enum status lanes_next(struct lanes *lanes, struct lanes_item *item, uint64_t now_ms,
                       struct fault *fault) MUST_USE;
