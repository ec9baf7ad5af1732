// dry.h - dry runs: which keys differ, without anything being done about it.
//
// Compares, for each shard in a scope, our store with that of every other owner whose name comes
// behind ours; the processes of the others do the rest, so that each pair is looked at once.
// Whoever asked comes back for the text, a line for each key, and has to take it: a dry run that
// nobody asks about is dropped.
#pragma once

#include "dkv-repair/pulls.h"

enum {
    DRIES_MAX = 4,
    DRY_TEXT_MAX = 1 << 20, // that waits to be taken; no round begins meanwhile
    DRY_FORGOTTEN_MS = 60 * 1000,
    DRY_TRIES_MAX = 4,
    DRY_PAUSE_MS = 500,
};

struct dry_again { // a pull whose round was cut off before it found anything
    uint32_t pull;
    uint32_t tries;
};

struct dry {
    uint64_t id;  // 0: free
    bool is_told; // all of it: another one may take the place
    struct scope scope;
    uint32_t next;           // pull to look at
    uint32_t running;        // rounds
    struct dry_again *again; // owned
    uint32_t again_count;
    uint64_t again_ms; // not before
    uint64_t done, failed;
    uint64_t asked_ms; // when it was last asked about
    uint64_t taken;    // bytes of all text that went before `text`
    struct buf text;   // KEYSPACE PARTITION HEX NODE NODE, lines
};

struct dries {
    struct dry items[DRIES_MAX];
    uint64_t id_last;
};

void dries_release(struct dries *dries);
struct dry *dries_add(struct dries *dries, const struct scope *scope, uint64_t now_ms); // or NULL
struct dry *dries_find(struct dries *dries, uint64_t id);
void dries_forget_old(struct dries *dries, uint64_t now_ms); // none of whose rounds run

// The round of a pull was cut off: true if it is tried once more.
bool dry_try_again(struct dry *dry, uint32_t pull, uint32_t tries, uint64_t now_ms);

// Nothing is left to begin.
static inline bool dry_is_begun(const struct dry *dry, uint32_t pull_count)
{
    return dry->next >= pull_count && !dry->again_count;
}

// Drops the text before `offset`, and gives what there is from there on. INVALID: that is gone.
enum status dry_take(struct dry *dry, uint64_t offset, struct bytes *text) MUST_USE;
