// hello.h - what any two processes say to each other: who they are, and that they live.
#pragma once

#include "wire/message.h"

struct op_hello { // first message on every link; WELCOME says who is there
    uint64_t id;
    uint8_t version_min, version_max;
    uint32_t capabilities;
    uint64_t cluster; // as far as the sender has a ring; 0 = it has none
    uint64_t node;    // the sender's node id, 0 for a client
    uint64_t actor;   // the actor of the sender's store, or of a hintd its own; 0 = none
};

enum {
    // Of a WELCOME: who says it serves nobody, since a younger process runs as this one, too.
    CAPABILITY_TWIN = 1,
};

struct op_welcome {
    uint64_t id;
    uint8_t version;
    uint8_t version_min, version_max; // that it speaks
    uint32_t capabilities;
    uint64_t cluster;
    uint64_t node;
    uint64_t actor;
    uint32_t value_size_max;
    uint8_t role;          // the asker's, enum role in wire/role.h
    struct bytes software; // short, such as "0.1.0"
    uint8_t is_asking;     // a store that has started, and does not answer yet what routers ask
    uint32_t heard_start;  // of a store: the last start of the asking hintd that it has heard of
};

// A store that has started is told what others have heard of it, before it answers: it may have
// been put back to an older state. dkv-repair carries this between stores.
struct op_hear {
    uint64_t id;
    uint32_t number;   // the answer is to tell what was heard of the store of this node; 0: of none
    uint64_t actor;    // of another store, that says so of itself; 0: none does
    uint64_t position; // how many frames of its log this start has written, all durable
    uint32_t heard_start;    // what it last heard of the receiver: 0, nothing
    uint64_t heard_position; // the same
    uint8_t is_last;         // all others have been asked: answer what routers ask
};

struct op_heard {
    uint64_t id;
    uint8_t status;          // STALE: it found that it lacks what it had known; REFUSED: a younger
                             // process has its identity; BUSY, DISK_FULL: again later
    uint64_t actor;          // of the store that says so of itself
    uint64_t position;       // the same
    uint32_t heard_start;    // what it last heard of the store that was named: 0, nothing
    uint64_t heard_position; // the same
    uint8_t is_asking;       // it does not answer yet what routers ask
};

struct op_ping {
    uint64_t id;
};

struct op_pong {
    uint64_t id;
    uint64_t actor;
    uint32_t unsynced_age_ms; // age of the oldest write that is not durable yet
    uint64_t entry_count;     // keys with a record, deleted ones included
    uint64_t data_size;       // bytes in tables and memory, and of values beside them
    uint8_t disk_full;
    uint64_t wall_ms;     // its wall clock
    struct bytes metrics; // sized, of a store: wire/metrics.h
    // Of a store: the last starts of the store and of the hintd of the asker's node that it heard
    // of; 0: none.
    uint32_t store_start, hintd_start;
};

struct op_error {
    uint64_t id; // of the first operation, 0 if none could be read
    uint8_t status;
    struct bytes text; // short
};

OP_FUNCTIONS(hello)
OP_FUNCTIONS(welcome)
OP_FUNCTIONS(hear)
OP_FUNCTIONS(heard)
OP_FUNCTIONS(ping)
OP_FUNCTIONS(pong)
OP_FUNCTIONS(error)

// The WELCOME that answers `hello`: its id, and the versions that we speak. Who we are is for the
// caller to add.
struct op_welcome op_welcome_to(const struct op_hello *hello);
