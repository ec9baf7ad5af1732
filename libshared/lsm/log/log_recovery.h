// log_recovery.h - the log after a restart.
//
// Reads the log from an address on and hands every batch to `apply`, in the order
// written. The end is where no valid frame starts. It is
//
//   corruption, if a valid frame behind it, in this segment or a later one, promises a
//               later address as synced: the damaged bytes had been acknowledged;
//   a torn tail otherwise: a power loss left it of writes that nobody was told to be
//               durable. It is discarded, with all later segments that hold frames (a
//               prefix of what was written, never with a hole).
//
// Nothing on disk is changed, but frames that were not known to be synced are written once more and
// synced, unless the durability is NONE. The seal that cuts a torn tail off is written together
// with the first batch that follows.
#pragma once

#include "lsm/log/log.h"

struct log_recovery {
    uint64_t address;        // where the replay begins
    const uint64_t *numbers; // segments in the directory, ascending
    size_t count;
    void *context;
    // `address` is that of the first byte of the operations in the log. Any status but OK
    // stops the recovery: INVALID with its fault, else as corruption of the log at that place.
    enum status (*apply)(void *context, struct bytes ops, uint64_t address, struct fault *fault);
};

// Fills `log`, whose files, database, segment size and durability are set. Returns CORRUPT (file
// and offset in the fault) or IO.
enum status log_recover(struct log *log, const struct log_recovery *recovery,
                        struct fault *fault) MUST_USE;

// Reads all frames between two addresses of a running log: OK or CORRUPT.
enum status log_verify(const struct log *log, uint64_t begin, uint64_t end,
                       struct fault *fault) MUST_USE;
