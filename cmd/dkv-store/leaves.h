// leaves.h - one page of the heads of a shard's records, in some ranges of tokens.
#pragma once

#include "base/fault.h"
#include "causal/record.h"
#include "lsm/lsm.h"
#include "turn/parked.h"
#include "wire/repair.h"

// The page that is made; kept for its memory.
struct leaves {
    struct buf items; // as LISTED has them
    bool is_done;     // there is nothing behind it
    struct buf last;  // the last key of the engine that was looked at
    struct buf from, to, head;
    struct record record;
    unsigned steps;
};

void leaves_release(struct leaves *leaves);

// Makes the page that `op` asks for.
//   BUSY: it has to be begun again when `wait` is over
//   INVALID: its ranges are none
//   CORRUPT, IO
// Of a copy that is lost the rest of a range that cannot be read is passed over.
enum status leaves_page(struct leaves *leaves, const struct op_leaves *op, struct lsm *lsm,
                        struct parked_wait *wait, bool is_lost, struct fault *fault) MUST_USE;
