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
    uint32_t heard_start;  // of a store to a hintd: the latest start of it that was heard of
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
OP_FUNCTIONS(ping)
OP_FUNCTIONS(pong)
OP_FUNCTIONS(error)

// The WELCOME that answers `hello`: its id, and the versions that we speak. Who we are is for the
// caller to add.
struct op_welcome op_welcome_to(const struct op_hello *hello);
