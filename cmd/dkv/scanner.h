// scanner.h - every record of a keyspace, partition by partition, in token order.
//
// Several partitions are fetched at once, a page at a time; they are given out in order.
//
//     lane     0     1     2     3           pages wait in their lanes
//     fetches  p4    p5    p6    p3          until their partition's turn comes
//
// Memory: SCANNER_LANES pages of SCANNER_PAGE_SIZE (or one greater record each). Pages are
// small, since what routers and stores do for one holds up what others ask of them.
#pragma once

#include "dkv/client.h"
#include "dkv/dkv.h"
#include "ring/ring.h"

enum { SCANNER_LANES = 8, SCANNER_PAGE_SIZE = 128 * 1024, SCANNER_TIMEOUT_MS = 60 * 1000 };

struct scanner_lane {
    struct scanner *scanner;
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

struct scanner {
    struct client *client;
    struct scanner_lane lanes[SCANNER_LANES];
    struct op_scan op; // template
    uint32_t partition_count;
    uint32_t partition; // whose turn it is
    uint32_t missing_count;
    uint32_t keyspace; // id
    uint64_t epoch;
    uint64_t deadline_ms;   // 0: each page has SCANNER_TIMEOUT_MS
    struct reader items;    // what is left of the page ...
    struct reader contexts; // ... and of its contexts
    bool reading;
};

// Asks a router for the ring. `op` has level, flags, keyspace and prefix, which live as
// long as the scanner; `after` is an engine key to start behind, or empty. INVALID: no such
// keyspace; else as client_ask().
enum status scanner_open(struct scanner *scanner, struct client *client, const struct op_scan *op,
                         struct bytes after, uint64_t deadline_ms, struct fault *fault) MUST_USE;
void scanner_close(struct scanner *scanner);

struct scanner_item { // borrowed until the next call
    struct bytes key;
    struct bytes record;  // encoded, or a head
    struct bytes context; // binary, if `op` wanted it
};

// END behind the last. A failure is that of one partition, of which the rest is then left out
// (and counted in missing_count); the next call goes on with the one after it.
enum status scanner_next(struct scanner *scanner, struct scanner_item *item,
                         struct fault *fault) MUST_USE;
