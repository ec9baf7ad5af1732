// scrub.h - lets the store of this node read everything again, one partition after the other.
//
// Data that nobody reads rots unseen. So every partition is read once in an interval, and at once
// if somebody wants it; the store checks every block and record, and that they are the ones
// that were written. Only one partition is read at a time.
#pragma once

#include "base/buf.h"
#include "base/moment.h"
#include "wire/outbox.h"
#include "wire/repair.h"

struct scrub {
    uint64_t interval_ms;
    uint32_t partition_count;
    uint32_t next;         // partition
    uint32_t left;         // how many somebody wants at once
    bool is_asked;         // it is told to the store, which has not replied
    bool is_begun;         // the store reads it
    uint64_t due_ms;       // when to ask next
    uint64_t begun_count;  // of partitions wanted at once, when they were
    uint64_t record_count; // read since somebody wanted it
    uint64_t told_count;   // as the store counts, 0 = not known
    uint64_t damaged;      // partitions
    struct buf fault;      // the last one, "" if none
    uint64_t passed;       // whole passes since the start
};

void scrub_init(struct scrub *scrub, uint64_t interval_ms, uint32_t partition_count,
                struct moment now);
void scrub_release(struct scrub *scrub);

void scrub_hurry(struct scrub *scrub, struct moment now); // all partitions, now
bool scrub_next(struct scrub *scrub, struct moment now, struct op_scrub *op);
void scrub_on_reply(struct scrub *scrub, const struct op_scrubbed *reply, struct moment now);
void scrub_on_lost(struct scrub *scrub); // there will be no reply
