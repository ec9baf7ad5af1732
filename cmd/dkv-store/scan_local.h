// scan_local.h - one page of the records of a partition, in the order of their tokens.
#pragma once

#include "lsm/lsm.h"
#include "turn/parked.h"
#include "wire/message.h"
#include "wire/replica.h"

// The page that is made; kept for its memory.
struct scan_local {
    struct buf items; // as SCANNED_LOCAL has them
    uint32_t item_count;
    bool is_done;    // there is nothing behind it
    struct buf last; // the last key of the engine that was looked at
    struct buf from, to;
    struct record record;
    struct buf head;
};

void scan_local_release(struct scan_local *scan);
void scan_local_clear(struct scan_local *scan);

// Makes the page of a partition of `partition_count` that `op` asks for.
//   BUSY: it has to be begun again when `wait` is over
//   CORRUPT, IO: the fault names the file, or `dir`
enum status scan_local_page(struct scan_local *scan, const struct op_scan_local *op,
                            uint32_t partition_count, struct lsm *lsm, struct parked_wait *wait,
                            const char *dir, struct fault *fault) MUST_USE;
