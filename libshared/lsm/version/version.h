// version.h - which tables hold which keys now.
//
//     keys         |a ......... |h ............... |q ......... |
//     newest       [ 31 ------- | ---------------- | ---------- ]   one flush, three slices
//                  [ 28 ------- | ---------------- | ---------- ]
//                               [ 30 ------------- ]                a merge of two slices
//     bottom       [ 24 ------- ][ 19 ------------ ][ 27 ------- ]
//
// The keys are divided into ranges. Each has a few slices, newest first: a slice is the
// part of a table that lies in the range. A newer slice hides what older ones say of a
// key. A flush adds one table, a slice on top of every range it reaches;
// a merge works on one range and leaves one slice; the last one is called the bottom.
// Ranges grow with the data: a bottom that became too large is written as several tables,
// each in a range of its own.
//
// A version never changes once it is in force: readers hold on to it by its reference
// count; a change is made to a copy, a draft. Owner's thread only.
#pragma once

#include "lsm/table/sstable.h"
#include "lsm/value/value_counts.h"

struct slice {
    struct sstable *table; // one reference; its run number says how new it is
    uint64_t size;         // what it has in this range, about: stored bytes, and a quarter of the
                           // large values (VALUE_WEIGHT)
    bool is_damaged;       // a merge could not read what it has here
};

struct range {
    struct buf begin; // no key of it is smaller; empty in the first one
    struct slice *slices;
    size_t count;
    uint64_t size;           // of all slices
    uint64_t sampled_count;  // entries in the samples of all slices ...
    uint64_t distinct_count; // ... of different keys ...
    uint64_t deleted_count;  // ... deletions among all; see range_survey()
    bool is_surveyed;
};

// How much of a file with large values is pointed to.
struct live_values {
    struct value_file *file; // one reference
    uint64_t size;           // exact
};

struct version {
    unsigned ref_count;
    struct range *ranges; // ascending; at least one
    size_t count;
    uint64_t *heads;            // first eight bytes of each `begin`
    struct live_values *values; // by id
    size_t value_count;
};

struct version *version_new(void); // one range, no slices
struct version *version_retain(struct version *version);

// Releases the parts of a version whose last reference went.
struct version_drop {
    void *context;
    void (*table)(void *context, struct sstable *table); // for every slice
    void (*values)(void *context, struct value_file *file);
};
void version_release(struct version *version, const struct version_drop *drop);

// ---- Reading -----------------------------------------------------------------------

// Index of the range of a key; of the one where the walk from `from` begins.
size_t version_find(const struct version *version, struct bytes key);

// Where a range ends: the begin of the next one, or empty.
struct bytes version_range_end(const struct version *version, size_t index);

// All tables, each once, in the order of their numbers; the array is the caller's to free.
struct sstable **version_tables(const struct version *version, size_t *count);

// How many of the newest slices can be merged: those above all that are damaged.
size_t range_sound_count(const struct range *range);
bool range_is_sound(const struct range *range); // all can
bool version_is_sound(const struct version *version);

// Marks what these tables have in a range as damaged; a version in force is told, too.
void range_mark_damaged(const struct version *version, size_t index, struct sstable *const *tables,
                        size_t count);

// Fills in how many of the sampled entries of the range are superseded or deletions.
void range_survey(const struct version *version, size_t index);

// ---- A draft -----------------------------------------------------------------------

struct version *version_copy(const struct version *version);

// Lets a range begin at `key`. Returns its index.
size_t version_cut(struct version *draft, struct bytes key);

// Puts slices of a newer table on top of all ranges that it reaches.
void version_push(struct version *draft, struct sstable *table);

// In one range only, at the place of its run.
void version_add(struct version *draft, size_t index, struct sstable *table);

// Replaces the inputs of a merge of [begin, end) by its outputs, which are in key order. With
// the bottom among the inputs, every output gets a range of its own.
struct version_change {
    struct bytes begin, end;
    struct sstable *const *inputs;
    size_t input_count;
    struct sstable *const *outputs;
    size_t output_count;
    bool is_bottom;
};
void version_replace(struct version *draft, const struct version_change *change);

// Joins ranges without slices to their neighbours where nothing reaches over.
void version_tidy(struct version *draft);

// By how many bytes of large values a flush or a merge points to more, and to less.
// Files of which nothing is left go; `files` are new ones, which the draft has not yet.
struct version_values {
    const struct value_counts *more, *less;
    struct value_file *const *files;
    size_t file_count;
};
void version_count_values(struct version *draft, const struct version_values *values,
                          const struct version_drop *drop);

// Index of the file, or SIZE_MAX.
size_t version_find_values(const struct version *version, uint64_t id);

// Brings sizes up to date: the draft may come into force.
void version_finish(struct version *draft);
