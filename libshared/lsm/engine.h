// engine.h - what is behind `struct lsm`. For lsm.c, job.c and scan.c alone.
//
//     lsm_write ──> log.pending ──LOG job──> segments
//         └──────> active memtable ──seal──> sealed ──flush──> run ──merge──> run
//
// The owner's thread may touch everything here, except what a running job has: the LOG job
// its log_write, the BACKGROUND job the manifest, the sealed memtable (read) and the merge.
#pragma once

#include "lsm/cache.h"
#include "lsm/file_name.h"
#include "lsm/filter.h"
#include "lsm/flush.h"
#include "lsm/log.h"
#include "lsm/manifest.h"
#include "lsm/merge.h"
#include "lsm/order.h"

enum job_kind {
    JOB_NONE, // this worker is idle
    JOB_LOG,
    JOB_PREPARE, // a log segment
    JOB_FLUSH,
    JOB_MERGE,   // one step
    JOB_REWRITE, // the manifest
    JOB_REMOVE,  // files that nobody needs
};

struct lsm_job {
    enum job_kind kind;
    struct lsm *lsm;
    enum status status;
    struct fault fault;
    bool is_final;          // the failure must stop the writing
    bool is_committing;     // the edit may have reached the manifest
    struct log_write write; // LOG
    struct segment segment; // PREPARE
    uint64_t recycled;
    struct flush flush;
    uint64_t flushed;
    struct sstable **opened; // FLUSH, MERGE: the new tables
    size_t opened_count;
    struct buf edit;          // FLUSH, MERGE: its first part; REWRITE: all
    struct manifest manifest; // REWRITE: the new one
    struct buf paths;         // REMOVE: names, each with a terminator
    uint64_t size_before;     // MERGE: of the output
};

struct lsm {
    struct lsm_options options;
    struct vfs *vfs;
    char *dir;
    struct vfs_file *lock;
    uint64_t database; // random id; salt of all checksums, seed of all hashes

    struct log log;
    uint64_t written;
    struct memtable *active;
    struct orders active_orders;
    uint64_t active_begin;   // its first log address
    struct memtable *sealed; // NULL: none
    struct memtable *spare;  // empty, memory that the next one can have; NULL: none
    struct orders sealed_orders;
    uint64_t sealed_end;
    struct buf sealed_snapshot;
    bool is_flush_wanted;

    struct manifest manifest;
    uint64_t flushed; // what the manifest says, as in struct edit_state
    bool has_snapshot;
    struct buf snapshot;
    uint64_t next_file;

    struct version version;
    struct sstable_files files;
    struct cache cache;
    struct merge merge;        // under way if it has tables
    unsigned merge_step_count; // since the last flush
    bool is_merge_stopped;     // damaged input
    uint64_t merge_retry_ms;

    struct lsm_job jobs[2]; // by enum lsm_worker
    bool is_log_retry;      // the LOG job must be run again: the disk was full
    struct buf garbage;     // paths of files to remove, each with a terminator
    bool is_failed;
    bool is_disk_full;
    bool is_waiting; // for the next attempt after a full disk
    uint64_t retry_ms;
    uint64_t now_ms;
    uint64_t sync_ms; // of the last interval sync
    struct lsm_stats stats;
};

// Drops a reference; the file goes when it was the last one.
void engine_drop_table(struct lsm *lsm, struct sstable *table);
void engine_add_garbage(struct lsm *lsm, enum file_kind kind, uint64_t number);

// Makes the active memtable the sealed one. There must be none.
void engine_seal(struct lsm *lsm);

// Gives back what a job holds.
void engine_release_job(struct lsm_job *job);
