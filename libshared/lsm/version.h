// version.h - the tables that make up the database now.
//
//     run 12 (newest)  [ a ------ q ]
//     run  9           [ a - f ][ g --- r ][ s - z ]
//     run  4 (oldest)  [ a - c ][ d - k ][ l -- t ][ u - z ]
//
// A run is a sorted sequence of tables that do not overlap. Whatever a newer run says
// of a key hides what an older one says. A flush adds a run; a merge replaces
// neighbouring runs by one, which keeps the number of the newest of them.
#pragma once

#include "lsm/sstable.h"

struct run {
    uint64_t number;
    struct sstable **tables; // in key order; part of the version's array
    size_t count;
    uint64_t size; // bytes
};

struct version {
    struct sstable **tables; // newest run first, in key order within
    size_t table_count;
    struct run *runs; // newest first
    size_t run_count;
};

// Adds tables, takes over the references. Call version_update() before reading on.
void version_add_take(struct version *version, struct sstable *table);

// Removes a table; its reference goes to the caller.
void version_remove(struct version *version, const struct sstable *table);

// Finds the runs again. False if the tables of one run overlap.
bool version_update(struct version *version);
void version_release(struct version *version);

// The only table of the run that may hold the key, or NULL.
struct sstable *run_find(const struct run *run, struct bytes key);

// Index of the first table with keys that are not below `from`; `count` if there is none.
size_t run_find_from(const struct run *run, struct bytes from);
