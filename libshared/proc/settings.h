// settings.h - the configuration of a node: DIR/dkv.conf (dkv.conf(5)).
//
// ZPL (base/zpl.h); names are paths such as ping/interval. Unknown or repeated keys and
// bad values are errors that name file and line. Every key has a default but those that
// say who the node is.
#pragma once

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct settings {
    char dir[512]; // where dkv.conf lies; paths below are relative to it
    // node/...
    char node_name[64];
    uint64_t node_id;
    char address[256]; // advertised and listened on
    uint16_t port;     // base port
    char dc[64];
    char rack[64];
    bool plain;    // net/plain: no CURVE, loopback only
    int log_level; // log/level: enum log_level
    uint64_t ping_interval_ms, ping_down_after_ms;
    uint64_t value_size_max, record_size_max;             // limits/...
    uint64_t request_memory_ms;                           // request/memory
    int durability;                                       // store/durability: enum lsm_durability
    uint64_t durability_interval_ms;                      // store/durability_interval
    uint64_t memtable_size, log_segment_size, cache_size; // store/...
    uint64_t separate_size, merge_rate;
    uint64_t clock_warn_ms, clock_refuse_ms;
};

// Bytes that a record may have. A join of concurrent records is greater than each, and the engine
// must take it, too; so one may fill at most a quarter of what a batch of the engine goes into.
uint64_t settings_record_size_max(const struct settings *settings);

// One line of the table of keys, for dkv config and for checking --set. The keys of a
// section stand together.
struct setting {
    const char *key;     // "ping/interval"
    const char *value;   // default, as text; NULL = must be given
    const char *meaning; // one line
};

const struct setting *settings_table(uint32_t *count);

// INVALID if the key is unknown or the value is not one for it.
enum status settings_check(const char *key, const char *value, struct fault *fault) MUST_USE;

// Reads and checks a file. INVALID with "FILE:LINE: ..." in the fault; NOT_FOUND, IO. A
// percentage is one of the memory of the machine.
enum status settings_load(struct settings *settings, const char *path,
                          struct fault *fault) MUST_USE;
