// repair.h - the words of `dkv repair`.
#pragma once

#include "dkv/dkv.h"
#include "ring/ring.h"

// What of it the operand names.
struct repair_scope {
    uint32_t keyspace; // 0: all
    bool has_partition;
    uint32_t partition;
    struct bytes key; // empty: all of them
};

// As words of a question to dkv-repair.
void repair_scope_format(const struct repair_scope *scope, struct buf *out);

// Each asks the processes of all nodes. The exit status.
int repair_run(const struct globals *globals, const struct ring *ring,
               const struct repair_scope *scope, bool wait);
int repair_dry_run(const struct globals *globals, const struct ring *ring,
                   const struct repair_scope *scope);
// The copies of one node; "": that of the router that is asked.
int repair_accept_loss(const struct globals *globals, const struct ring *ring,
                       const struct repair_scope *scope, const char *node, bool is_sure);
int repair_status(const struct globals *globals, const struct ring *ring, uint64_t age_max_s);
