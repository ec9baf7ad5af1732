// memory_vfs.h - a file system in memory that can lose power.
//
// It keeps apart what a program sees and what a disk would still have:
//
//     file        live image   = durable image + every write since, in order
//     directory   live names   = durable names + every create, link, rename,
//                                remove since, in order
//
// `sync` moves a file's live image to its durable one, `sync_dir` a directory's
// names. memory_vfs_crash() turns the rest into what a power loss may leave: a
// write survives in any of its 512-byte sectors, a name in any order, independent
// of each other. A sector written twice may be found in either version. A sector
// that survives behind the durable end of a file makes it longer, with zeros in
// between.
//
// Memory that was mapped is compared with its file at every call: a run of sectors that
// differ was written, and is as little synced as by a `write`. A test that cannot wait for
// the next call says memory_vfs_look().
//
// Everything is deterministic: the same calls and the same random numbers give the
// same disk. Memory is what is not zero; images share pages until one is written,
// so a clone is cheap. One thread. Directories are never removed, and a rename
// stays in its directory. Paths are relative to a root that always exists.
#pragma once

#include "base/buf.h"
#include "base/random.h"
#include "base/vfs.h"

enum memory_vfs_policy {
    MEMORY_VFS_LOSE_ALL, // only what was synced
    MEMORY_VFS_KEEP_ALL, // everything had just reached the disk
    MEMORY_VFS_RANDOM,   // any sectors, any names
    MEMORY_VFS_PREFIX,   // everything up to some moment, in order, and nothing later
    MEMORY_VFS_TORN,     // everything but some sectors of the last write
    MEMORY_VFS_LATEST,   // of each file and directory the last change, and none before
    MEMORY_VFS_POLICY_COUNT
};

// Kinds of calls, to be or-ed.
enum memory_vfs_kind {
    MEMORY_VFS_OPEN = 1, // open what is there, lock, size, space, map
    MEMORY_VFS_READ = 2, // read, list
    MEMORY_VFS_WRITE = 4,
    MEMORY_VFS_SYNC = 8,
    MEMORY_VFS_SYNC_DIR = 16,
    MEMORY_VFS_NAME = 32, // create, make_dir, rename, link, remove
    MEMORY_VFS_ANY = 63,
};

struct memory_node;
struct memory_map;

struct memory_vfs_plan { // of faults: memory_vfs_fail()
    unsigned kinds;
    uint64_t skip;
    enum status status;
    bool for_ever;
};

struct memory_vfs {
    struct vfs vfs; // first: this is what the engine gets

    // For the test to set, at any time.
    uint64_t capacity; // bytes of all files together, then DISK_FULL; 0 = no limit
    bool has_no_maps;  // `map` gives NULL
    bool keeps_cold;   // what is read stays cold
    void (*after_change)(void *context); // after every call that changed something
    void *context;

    // For the test to read.
    uint64_t call_count;   // calls of any kind
    uint64_t cold_count;   // calls of `read_cached` that came upon a cold page
    uint64_t change_count; // those that changed something: create, write, sync, rename, ...
    uint64_t fault_count;  // those that failed as planned
    unsigned fault_kinds;  // of which kinds they were
    unsigned change_kind;  // the kind of the last change

    struct memory_node *nodes; // all, linked; the root is the last
    struct memory_map *maps;   // all, linked
    uint64_t sequence;         // of the next unsynced change
    uint64_t generation;       // of open files; a crash makes those of the past useless
    uint64_t power_off_at;     // change_count; 0 = never
    bool off;
    struct memory_vfs_plan plan;
    struct random random; // what a failed sync leaves
};

void memory_vfs_init(struct memory_vfs *vfs);
void memory_vfs_release(struct memory_vfs *vfs); // open files must be closed before

// Fills `copy`, uninitialised before, with the same disk in the same state, unsynced
// parts included. No file is open there, no fault planned, no hook set.
void memory_vfs_clone(struct memory_vfs *copy, struct memory_vfs *source);

// Makes all that the files have now cold: `read_cached` fails for a page until it was
// read or written.
void memory_vfs_cool(struct memory_vfs *vfs);

// Takes in what was stored in mapped memory. Whoever stops the process or the power does so
// by itself.
void memory_vfs_look(struct memory_vfs *vfs);

// ---- Crashes -------------------------------------------------------------------
// Files that were open at a crash give IO for everything but close, so the engine
// that had them may be closed before or after it. Locks are gone.

// From now on every call fails with IO, until a crash.
void memory_vfs_power_off(struct memory_vfs *vfs);

// The same after `count` further changes.
void memory_vfs_power_off_after(struct memory_vfs *vfs, uint64_t count);

// Power loss, and power again.
void memory_vfs_crash(struct memory_vfs *vfs, enum memory_vfs_policy policy, struct random *random);

// The process is killed. The system lives on: nothing is lost, but what was not
// synced is still not, and a later crash may take it.
void memory_vfs_kill(struct memory_vfs *vfs);

// ---- Faults --------------------------------------------------------------------

// After `skip` further calls of these kinds the next fails with `status` (IO,
// DISK_FULL or EXHAUSTED), and with `for_ever` all that follow. A failed write has written a part.
// A failed sync leaves an unknown part of the file durable, and no later sync will
// make good for the rest. A new plan replaces the old; `kinds` 0 ends it.
void memory_vfs_fail(struct memory_vfs *vfs, unsigned kinds, uint64_t skip, enum status status,
                     bool for_ever);
