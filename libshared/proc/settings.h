// settings.h - the configuration of a node: DIR/dkv.conf (dkv.conf(5)).
//
// ZPL (base/zpl.h); names are paths such as ping/interval. Unknown or repeated keys and
// bad values are errors that name file and line. Every key has a default but those that
// say who the node is. Few values count at once when the file is read again; the others
// wait for the next start.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

enum { SETTINGS_MAX = 64 }; // keys in the table, at most

struct settings {
    char dir[512];                // where the file lies; all else of the node lies there, too
    char path[640];               // of the file
    uint16_t lines[SETTINGS_MAX]; // in which each key of the table stands, 0 = nowhere
    // node/...
    char node_name[64];
    uint64_t node_id;
    char address[256]; // advertised and listened on
    uint16_t port;     // base port
    char dc[64];
    char rack[64];
    bool plain;     // net/plain: clients need no CURVE, loopback only
    int local_role; // net/local_role: enum role
    int log_level;  // log/level: enum log_level
    uint64_t ping_interval_ms, ping_down_after_ms;
    uint64_t value_size_max, record_size_max;        // limits/...
    uint64_t request_memory_ms;                      // request/memory
    uint64_t purge_age_ms, close_after_ms, trash_ms; // purge/...
    uint64_t hints_retry_ms, hints_rate;             // hints/...
    uint64_t hints_size_max, hints_expire_ms;
    uint64_t repair_interval_ms, repair_settle_ms; // repair/...
    uint64_t repair_rate, repair_scrub_ms;
    int durability;                                       // store/durability: enum lsm_durability
    uint64_t durability_interval_ms;                      // store/durability_interval
    uint64_t memtable_size, log_segment_size, cache_size; // store/...
    uint64_t separate_size, merge_rate;
    uint64_t clock_warn_ms, clock_refuse_ms;
};

// Bytes that a record may have. A join of concurrent records is larger than each, and the engine
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
// percentage is one of the memory of the machine, or of the file system.
enum status settings_load(struct settings *settings, const char *path,
                          struct fault *fault) MUST_USE;

// Appends "FILE:LINE" of a key, or "FILE" if it stands there nowhere.
void settings_place(const struct settings *settings, const char *key, struct buf *out);

// Two readings of one file. `index` is that of the table; next_change: the first key from there
// on whose values differ, the count of the table if none does.
uint32_t settings_next_change(const struct settings *before, const struct settings *after,
                              uint32_t index);
void settings_format(const struct settings *settings, uint32_t index, struct buf *out);
void settings_take(struct settings *settings, const struct settings *from, uint32_t index);
bool settings_is_live(uint32_t index); // counts at once, without a start
