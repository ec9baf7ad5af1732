// node.h - one simulated machine: its disks, its clock, and one process of each kind.
//
// The brains are the real ones. Each process runs the table of functions that its brain exports,
// with a few of them replaced, to watch the messages that come and go: every dot that a store
// or a hintd gives goes into the history, and a router that answers OK is asked where the copies
// are. Hints lie on a disk of their own, which loses power but is neither wiped nor set back.
#pragma once

#include "disk/memory_vfs.h"
#include "dkv-hintd/hintd.h"
#include "dkv-repair/repair.h"
#include "dkv-router/router.h"
#include "dkv-store/store.h"
#include "sim/history.h"
#include "sim/process.h"

// The same for all nodes of a run.
struct node_settings {
    struct ring_snapshot *ring;
    struct network *network;
    struct history *history;
    struct world *world;
    size_t memtable_size, block_size, cache_size;
    unsigned merge_run_count;
    uint64_t down_after_ms; // of silence, until a router calls a store down
    uint64_t request_memory_ms;
    uint64_t repair_interval_ms;
};

// A put that a router was asked for, to be held against its answer.
struct node_put {
    link_id link;
    uint64_t id;
    const struct act *act;
    uint8_t level;      // W
    uint64_t epoch;     // of the router's ring
    struct clock given; // its context
};

enum { NODE_PUTS_MAX = 64, NODE_ACTS_MAX = 1024, NODE_EPOCHS_MAX = 64, NODE_LIVES_MAX = 256 };

struct node {
    const struct node_settings *settings;
    struct node *nodes; // all of them, by index in the ring
    uint32_t index;
    struct ring_snapshot *ring;     // data/ring/adopted, held
    struct buf votes;               // data/ring/votes
    uint64_t kept[NODE_EPOCHS_MAX]; // by epoch: the hash of the document that was ever there
    struct memory_vfs disk, hint_disk;
    struct memory_vfs saved, saved_hints; // copies of them
    uint64_t saved_us;                    // when they were made, 0 = there is none
    bool is_damaged;                      // until it is wiped
    bool is_saved_damaged;
    uint64_t mono_base_ms;
    int64_t skew_ms; // of the wall clock
    uint64_t log_us; // how long the log thread takes
    uint64_t full_until_us;
    struct seals seals;   // keys/seals
    bool is_staying_down; // until the nemesis lets it come back
    struct store store;
    struct hintd hintd;
    struct router router;
    struct repair repair;
    struct process store_process, hintd_process, router_process, repair_process;
    struct node_put puts[NODE_PUTS_MAX]; // the last ones that the router was asked for
    uint32_t put_count;
    // By operation: when this life of the store minted or merged it, plus 1; 0 = never.
    uint64_t knows_ms[NODE_ACTS_MAX];
    uint64_t first_segment;         // of the log, at the start of the store
    uint16_t lives[NODE_LIVES_MAX]; // what was drawn for the last ones of the store
    uint32_t life_count;
    uint64_t latest_actor; // of the store
    bool has_gone_back;    // it began a life before an earlier one: wiped, with its clock behind
};

void node_init(struct node *node, const struct node_settings *settings, struct node *nodes,
               uint32_t index);
void node_release(struct node *node);

// The store opens its disk; if that fails for a reason that passes, it tries again later.
void node_start_store(struct node *node);
void node_start_hintd(struct node *node);
void node_start_router(struct node *node);
void node_start_repair(struct node *node);

// The process is gone. A power loss takes all processes and all that the disks had not synced.
void node_kill_store(struct node *node);
void node_kill_hintd(struct node *node);
void node_kill_router(struct node *node);
void node_kill_repair(struct node *node);
void node_lose_power(struct node *node, enum memory_vfs_policy policy);
void node_restart_after(struct node *node, uint64_t delay_us); // the processes that are down then

struct moment node_now(const struct node *node); // by its clocks

static inline struct world *node_world(const struct node *node)
{
    return node->settings->world;
}

// Reads the record that the store holds of this key of a keyspace; it borrows from `bytes`. False
// if a disk that is damaged does not say. The store does not know that somebody looked.
bool node_read(struct node *node, uint32_t keyspace, struct bytes name, struct record *record,
               struct buf *bytes);
// The same for a key of the history, whether or not it is durable. False, too, if the store is
// down.
bool node_peek(struct node *node, uint32_t key, struct record *record, struct buf *bytes);

// Reads the record of the hint that the node keeps of a key for another one. False if its hintd is
// down. An empty record: there is none.
bool node_peek_hint(struct node *node, uint32_t key, uint32_t target, struct record *record,
                    struct buf *bytes);
// Whether it keeps any.
bool node_has_hints(const struct node *node);
// Whether the store's copy of the shard of a key answers no reads.
bool node_is_lost(struct node *node, uint32_t key);

// Reads the record that a power loss would leave of a key now. False if damage hides it.
bool node_peek_durable(struct node *node, uint32_t key, struct record *record, struct buf *bytes);

// The store agrees with itself: checksums, hash tree roots, entry counts.
void node_check(struct node *node);
