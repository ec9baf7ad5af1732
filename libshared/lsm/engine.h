// engine.h - what is behind `struct lsm`. For the files of its functions alone:
//
//     lsm.c opening.c          options, close; from the files in a directory to a running engine
//     write.c read.c scan.c    what the owner does all day
//     job.c                    what the workers do, and in which order
//     background.c commit.c    flushes and merges; what they made comes into force
//     ingest.c drop.c checkpoint.c verify.c stats.c
//     files.c owner.c          what is referenced stays, the rest goes; what the owner gets back
//
// What they stand on knows nothing of it:
//
//     entry/     a key and what is known of it
//     file/      names, frames, checksums, packing; places that are read later
//     log/       segments of frames of operations; the log after a restart
//     memory/    the memtable, and its entries in order
//     value/     large values, in the log or in files of their own
//     table/     blocks, filters, the cache; tables and runs of tables, read and written
//     version/   which tables hold which keys now, and how the manifest keeps it
//     merge/     what to merge; walks over tables and memory; flush and merge, in steps
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

#include "lsm/file/file_name.h"
#include "lsm/file/reads.h"
#include "lsm/log/log.h"
#include "lsm/lsm.h"
#include "lsm/memory/order.h"
#include "lsm/merge/compaction.h"
#include "lsm/merge/flush.h"
#include "lsm/merge/merge.h"
#include "lsm/table/cache.h"
#include "lsm/table/filter.h"
#include "lsm/value/value.h"
#include "lsm/version/edit.h"
#include "lsm/version/manifest.h"

enum {
    MERGE_COUNT = 2, // at a time: one of the BACKGROUND worker, one of the MERGE worker
    IDLE_MS = 1000,  // without a write, for what saves space alone
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

struct lsm_ingest {
    struct lsm *lsm;
    size_t separate_size;
    struct run_writer writer; // its run is 0 until the commit
    struct buf last;          // key
    struct buf packed;        // a value
    bool is_finished;
    uint64_t address; // of the log, before which the writes lie that it hides
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
    struct memtable *active;
    struct orders active_orders;
    uint64_t active_begin;   // its first log address
    struct memtable *sealed; // NULL: none
    struct memtable *spare;  // empty, memory that the next one can have; NULL: none
    struct orders sealed_orders;
    uint64_t sealed_end;
    uint64_t sealed_run; // number of the run that it will be
    struct buf sealed_snapshot;
    uint64_t sealed_snapshot_number; // of the file that it will be, 0: none
    bool is_flush_wanted;

    struct manifest manifest;
    uint64_t flushed; // what the manifest says, as in struct edit_state
    struct snapshot snapshot;
    uint64_t next_file;

    struct version *version;
    struct sstable_files files;
    struct cache cache;

    struct flush flush;               // of the sealed memtable
    struct merge merges[MERGE_COUNT]; // by the worker that does it; see job.c
    struct commit commit;
    struct drop drop;
    struct lsm_ingest *ingest; // to be committed; NULL: none
    struct checkpoint checkpoint;
    struct value_file **value_files; // all there are, in whatever version
    size_t value_file_count;
    struct value_file **held_values; // by commit.c
    size_t held_value_count;
    struct value_reader values; // for reads of the owner
    struct reads reads;         // noted by those that must not wait
    uint64_t merge_retry_ms;
    struct buf merge_failed; // where the merge began that failed last in a way that may pass
    bool has_merge_failed;
    uint64_t value_round; // see compaction.h; 0: none
    unsigned dead_rest;   // permille of dead values that the last one could not win back
    int64_t merge_budget; // bytes that merges may still write; a step may overdraw it
    struct {              // what next_file was when, to tell old tombstones
        uint64_t ms, file;
    } purge_marks[8];
    uint64_t purge_run;
    uint64_t write_ms; // the last tick at which something had been written
    uint64_t write_mark;

    unsigned debt;                           // of the version, see compaction.h
    uint64_t unpaced_bytes;                  // written since lsm_delay_us() was asked
    uint64_t flush_delay_ns, merge_delay_ns; // that the owner has not waited yet

    struct lsm_job jobs[LSM_WORKER_COUNT];
    bool is_log_retry;  // the LOG job must be run again: the disk was full
    struct buf garbage; // paths of files to remove, each with a terminator
    bool is_failed;
    bool is_disk_full;
    bool is_waiting; // for the next attempt after a full disk
    uint64_t retry_ms;
    uint64_t spare_retry_ms; // until then the log is frugal, if it is
    uint64_t now_ms;
    uint64_t sync_ms; // of the last interval sync
    struct lsm_stats stats;
};

static inline bool engine_is_idle(const struct lsm *lsm)
{
    return lsm->now_ms - lsm->write_ms >= IDLE_MS;
}

// Whether a job that failed so is tried again, and until then only what needs it waits: nothing is
// damaged, and there may be room, or a descriptor, again.
static inline bool engine_may_pass(enum status status)
{
    return status == STATUS_DISK_FULL || status == STATUS_EXHAUSTED;
}

// Appends everything that is true now, as one edit; but a replay is to begin at `address`.
void engine_encode_state(const struct lsm *lsm, uint64_t address, struct buf *out);

// Gives back what a job holds.
void engine_release_job(struct lsm_job *job);

// ---- files.c -------------------------------------------------------------------------

// Drops a reference; the file goes when it was the last one. `lsm` is a struct lsm.
void engine_drop_table(void *lsm, struct sstable *table);
void engine_drop_values(void *lsm, struct value_file *file);
void engine_drop_version(struct lsm *lsm, struct version *version);

// A file that is new, with a reference for the caller.
struct value_file *engine_add_value_file(struct lsm *lsm, uint64_t id, uint64_t size);

// Whether tables of any version point into the segment: the log must let it be.
bool engine_keeps_segment(const void *lsm, uint64_t number);

// Whether the log still has this file with values for itself.
static inline bool engine_is_of_log(const struct lsm *lsm, uint64_t id)
{
    return id & VALUE_IN_LOG && log_segment_size(&lsm->log, id & ~VALUE_IN_LOG);
}

// A file to remove.
void engine_add_garbage(struct lsm *lsm, enum file_kind kind, uint64_t number);

// ---- write.c -------------------------------------------------------------------------

// Makes the active memtable the sealed one. There must be none.
void engine_seal(struct lsm *lsm);

// ---- owner.c -------------------------------------------------------------------------

// The snapshot that the manifest has or names; only an owner that wants it is told of damage.
enum status owner_restore(struct lsm *lsm, const struct edit_state *state,
                          struct fault *fault) MUST_USE;
// A note of the log, or a part of one. CORRUPT: the fault is the caller's to make.
struct log_op;
enum status owner_replay(struct lsm *lsm, const struct log_op *op, struct fault *fault) MUST_USE;

// ---- read.c --------------------------------------------------------------------------

// Replaces `value` by that of the entry: what it has, packed or not, or points to.
enum status engine_read_value(struct lsm *lsm, const struct entry *entry, struct buf *value,
                              struct fault *fault) MUST_USE;

// Between the two the owner does not wait for the disk (reads.h). The latter says what has to be
// loaded for every BUSY there was.
void engine_begin_try(struct lsm *lsm, uint64_t ahead_size);
uint64_t engine_end_try(struct lsm *lsm);

// ---- drop.c --------------------------------------------------------------------------

// A failed drop has left everything as it was.
void engine_end_drop(struct lsm *lsm, enum status status, const struct fault *fault);

// ---- background.c: flushes and merges ------------------------------------------------

// The next step, or JOB_NONE.
enum job_kind flush_next(struct lsm *lsm, struct lsm_job *job);
enum job_kind merge_next(struct lsm *lsm, struct lsm_job *job);
void flush_run(struct lsm_job *job);
void merge_run(struct lsm_job *job);
void flush_on_done(struct lsm *lsm, struct lsm_job *job);
void merge_on_done(struct lsm *lsm, struct lsm_job *job);

// A writer for a run; the file numbers are left to the caller.
struct run_writer engine_writer(const struct lsm *lsm, uint64_t run, bool is_bottom,
                                uint64_t table_size_max);

// ---- ingest.c ------------------------------------------------------------------------

bool ingest_is_ready(const struct lsm *lsm);
void ingest_release(struct lsm_ingest *ingest); // keeps the files

// ---- checkpoint.c ----------------------------------------------------------------------

enum job_kind checkpoint_next(struct lsm *lsm, struct lsm_job *job);
void checkpoint_run(struct lsm_job *job);
void checkpoint_on_done(struct lsm *lsm);

// ---- commit.c: what they made comes into force -----------------------------------------

bool engine_is_merging(const struct lsm *lsm, struct bytes begin, struct bytes end);
enum job_kind commit_next(struct lsm *lsm, struct lsm_job *job);
void commit_run(struct lsm_job *job);
void commit_on_done(struct lsm *lsm, struct lsm_job *job);
void commit_release_values(struct lsm *lsm);
