// engine.h - what is behind `struct lsm`, and a map of the folder.
//
//     lsm.h                    the manual: all that others may include
//     opening, creation        from the files in a directory to a running engine, and its end
//     owner                    what the owner gets back at the opening
//     write read scan          what the owner does all day
//     drop compact             what it does at times ...
//     ingest checkpoint        ... the same
//     job                      what the workers do, and in which order
//     flushing, merging        memory becomes tables, tables become fewer
//     commit                   their tables come into force
//     verify stats
//     engine, files            the state that they share; which files stay
//
// The folders they stand on know nothing of it:
//
//     entry/     a key and what is known of it
//     file/      directories, names, frames, checksums, packing; places that are read later
//     log/       segments of frames of operations; the log after a restart
//     memory/    the memtable, and its entries in order
//     value/     large values, in the log or in files of their own
//     table/     blocks, filters, the cache; tables and runs of tables, read and written
//     version/   which tables hold which keys now, and how the manifest keeps it
//     policy/    what to merge next and when, how long writers wait: decisions alone
//     merge/     walks over tables and memory; flush and merge, in steps
//
//     lsm_write ──> log.pending ──LOG job──> segments
//         └──────> active memtable ──seal──> sealed ──flush──┐
//                                        slices ──merge──┐   │
//                                                        ▼   ▼
//                     version  <──commit (manifest)── new tables
//
// The owner's thread may touch everything here, except what a running job has: the LOG job
// its log_write, the job on the BACKGROUND worker the manifest and the flush, and a MERGE job
// its merge. Tables and versions that a job reads are pinned and referenced; but the READ job
// works on copies of names.
#pragma once

#include "lsm/file/reads.h"
#include "lsm/files.h"
#include "lsm/log/log.h"
#include "lsm/lsm.h"
#include "lsm/memory/order.h"
#include "lsm/merge/flush.h"
#include "lsm/merge/merge.h"
#include "lsm/policy/compaction.h"
#include "lsm/policy/pace.h"
#include "lsm/policy/schedule.h"
#include "lsm/policy/space.h"
#include "lsm/table/cache.h"
#include "lsm/table/filter.h"
#include "lsm/value/value.h"
#include "lsm/version/edit.h"
#include "lsm/version/manifest.h"

enum {
    MERGE_COUNT = 2,            // at a time: one of the BACKGROUND worker, one of the MERGE worker
    ENGINE_STEP_SIZE = 4 << 20, // written by a step of a flush or a merge
};

enum job_kind {
    JOB_NONE, // this worker is idle
    JOB_LOG,
    JOB_PREPARE, // a log segment
    JOB_FLUSH,   // one step
    JOB_MERGE,   // one step
    JOB_COMMIT,  // new tables come into force
    JOB_REWRITE, // the manifest
    JOB_REMOVE,  // files that nobody needs
    JOB_CHECKPOINT,
    JOB_READ, // what the owner did not wait for
};

struct lsm_job {
    enum job_kind kind;
    enum lsm_worker worker;
    struct lsm *lsm;
    enum status status;
    struct fault fault;
    bool is_final;          // the failure must stop the writing
    struct log_write write; // LOG
    struct segment segment; // PREPARE
    uint64_t recycled;
    struct merge *merge;      // MERGE
    uint64_t size_before;     // FLUSH, MERGE: of the output
    struct buf edit;          // COMMIT, REWRITE
    struct manifest manifest; // REWRITE: the new one
    struct buf paths;         // REMOVE: names, each with a terminator
    struct read_batch batch;  // READ
};

// The memtable that takes the writes ...
struct active {
    struct memtable *memtable;
    struct orders orders;
    uint64_t begin; // its first log address
};

// ... and the one before it, on its way into tables.
struct sealed {
    struct memtable *memtable; // NULL: none
    struct orders orders;
    uint64_t end;             // of it in the log
    uint64_t run;             // number of the run that it will be
    struct buf snapshot;      // of the owner, at that address
    uint64_t snapshot_number; // of the file that it will be, 0: none
};

// What comes into force together.
struct commit {
    struct version *draft; // NULL: no commit under way
    bool has_flush;
    bool has_merge[MERGE_COUNT];
    bool has_ingest;
};

// [begin, end) is to be dropped, once all that was written before is in tables.
struct drop {
    bool is_wanted;
    struct buf begin, end;
    uint64_t address;   // of the log, before which the writes lie that it drops
    enum status status; // of the last one
    struct fault fault;
};

// Everything that was written before is to be merged into new bottoms.
struct wish {
    bool is_there;
    uint64_t address; // of the log, before which the writes lie that it is about
    uint64_t before;  // tables before this number hold them; 0: some are in memory still
};

// A note that no segment could hold. All its parts belong to one memtable: if that is sealed in
// between, the note begins anew.
struct note_parts {
    struct buf bytes; // while the log is read: what was there so far ...
    bool is_begun;    // ... if anything was
    uint64_t hash;    // while it is written: of the whole note ...
    size_t done;      // ... and how much of it is in the log ...
    uint64_t begin;   // ... with this memtable, known by where it begins
};

struct checkpoint {
    bool is_wanted;
    uint64_t address; // of the log, before which the writes lie that it is to have
    struct buf dir;
    struct version *version; // while the job runs
    uint64_t segment;        // number of its first segment
    uint64_t first_shared;   // segments from here on are still the log's
    enum status status;
    struct fault fault;
};

struct lsm {
    struct lsm_options options;
    struct vfs *vfs;
    char *dir;
    struct vfs_file *lock;
    uint64_t database; // random id; salt of all checksums, seed of all hashes

    struct log log;
    struct buf packed; // a batch, by write.c
    struct note_parts parts;
    uint64_t written;
    struct active active;
    struct sealed sealed;
    struct memtable *spare; // empty, memory that the next one can have; NULL: none
    bool is_flush_wanted;

    struct manifest manifest;
    uint64_t flushed; // what the manifest says, as in struct edit_state
    struct snapshot snapshot;
    uint64_t next_file;

    struct version *version;
    struct files files; // of all versions that are left
    struct cache cache;

    struct flush flush;               // of the sealed memtable
    struct merge merges[MERGE_COUNT]; // by the worker that does it; see job.c
    struct commit commit;
    struct drop drop;
    struct wish wish;
    struct lsm_ingest *ingest; // to be committed; NULL: none
    struct checkpoint checkpoint;
    struct value_file **held_values; // by commit.c
    size_t held_value_count;
    struct value_reader values; // for reads of the owner
    struct reads reads;         // noted by those that must not wait
    struct schedule schedule;   // of merges; it also knows the time
    struct pace pace;           // of writers
    struct space space;

    struct lsm_job jobs[LSM_WORKER_COUNT];
    bool is_log_retry; // the LOG job must be run again: the disk was full
    bool is_failed;
    uint64_t sync_ms; // of the last interval sync
    struct lsm_stats stats;
};

// Appends everything that is true now, as one edit; but a replay is to begin at `address`.
void engine_encode_state(const struct lsm *lsm, uint64_t address, struct buf *out);

// Makes the active memtable the sealed one. There must be none.
void engine_seal(struct lsm *lsm);

bool engine_is_merging(const struct lsm *lsm, struct bytes begin, struct bytes end);

// A writer for a run; the file numbers are left to the caller.
struct run_writer engine_writer(const struct lsm *lsm, uint64_t run, bool is_bottom,
                                uint64_t table_size_max);

// Numbers for all files that a step of the job may begin; without any left it has failed.
void engine_reserve_files(struct lsm *lsm, struct run_writer *writer, struct lsm_job *job);
