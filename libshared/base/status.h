// status.h - how an operation ended.
//
// One vocabulary from the lowest function to the wire and the exit status of
// dkv(1). The numbers travel between nodes of different versions and must never
// change; new ones go at the end.
//
// Three outcomes of a write are kept apart by every layer: written (OK), not
// written (UNAVAILABLE and the refusals), and INDETERMINATE. A write that was
// sent and not confirmed is never reported as failed.
#pragma once

#define MUST_USE __attribute__((warn_unused_result))

enum status {
    STATUS_OK = 0,
    STATUS_NOT_FOUND = 1,      // authoritative: no live value (also after a delete)
    STATUS_SIBLINGS = 2,       // several concurrent values where one was asked for
    STATUS_INVALID = 3,        // the request or argument makes no sense
    STATUS_TOO_LARGE = 4,      // beyond a published limit
    STATUS_REFUSED = 5,        // policy says no
    STATUS_NOT_AUTHORISED = 6, // the key's role does not allow this
    STATUS_DISK_FULL = 7,      // nothing was written, no space
    STATUS_SIBLING_CAP = 8,    // the key has too many unresolved siblings
    STATUS_UNAVAILABLE = 9,    // too few replicas can serve; of a write, nothing was written
    STATUS_INDETERMINATE = 10, // sent, not confirmed: may or may not be applied
    STATUS_TIMEOUT = 11,       // a read ran out of time
    STATUS_UNREACHABLE = 12,   // no router answered
    STATUS_PRECONDITION = 13,  // what a conditional write asked for is not so; nothing was written
    STATUS_PARTIAL = 14,       // some of a batch failed
    STATUS_RING_CHANGED = 15,  // another change of the ring came first: look and try again
    STATUS_CHECK_FAILED = 16,  // a check answered no
    STATUS_STALE = 17,         // sender and receiver mean different owners: ask again later
    STATUS_BUSY = 18,          // a queue is full: try again shortly; nothing was done
    STATUS_CORRUPT = 19,       // bytes that fail their checksum or their grammar
    STATUS_IO = 20,            // the disk or file system said no
    STATUS_END = 21,           // an iterator has no more
    STATUS_LOCKED = 22,        // another process owns it
    STATUS_EXISTS = 23,        // it is there already
    STATUS_INTERNAL = 24,      // a bug on our side
    STATUS_NOT_OWNER = 25,     // this node does not own the partition
    STATUS_LATE = 26,          // it was under way for too long: nothing was done
    STATUS_NOT_KEPT = 27,      // it was purged since, and was not taken
    STATUS_EXHAUSTED = 28,     // no descriptor is left: try again shortly; nothing was done
    STATUS_LOST = 29,          // the copy may lack what it had known: it does not count
    STATUS_COUNT
};

// A short English phrase for people, such as "not found". Never NULL.
const char *status_text(enum status status);

// The exit status of dkv(1) for an outcome; see EXIT STATUS there. BUSY and EXHAUSTED are
// UNAVAILABLE for a caller: nothing was done.
int status_exit_code(enum status status);
