// lsm.h - the storage engine: an ordered, durable map from bytes to bytes.
//
// A log-structured merge tree: writes go to a log and to a table in memory, the memtable;
// full ones are written out as sorted, immutable files; files are merged in
// the background. dkv-store(5) describes every byte on disk.
//
// The engine has no threads of its own. One thread, the owner, calls every function here
// except lsm_job_run() and what makes an ingest. Work that blocks on the disk leaves as jobs:
//
//     owner:   lsm_write() ...            applied in memory, visible at once
//     owner:   job = lsm_next_job(LOG)    everything written since the last one
//     worker:  lsm_job_run(job)           one write and one fdatasync
//     owner:   lsm_on_done(job)           lsm_durable() has moved
//
// Each worker has at most one job at a time. A simulator can therefore delay, reorder or
// never finish them.
//
// What it does not know: rings, records, clocks. Its owner can let opaque notes
// ride in the log beside the keys, and an opaque snapshot with every flush; at the
// next open the snapshot and the later notes come back in order, so that whatever
// the owner keeps in memory is a function of the log too.
//
// Limits: key 1 to 65535 bytes, value and note up to 2^30 bytes, batch up to half a memtable and,
// with its notes, to a segment of the log; but a note that is alone in its batch may be larger.
#pragma once

#include "base/buf.h"
#include "base/fault.h"
#include "base/pages.h"
#include "base/vfs.h"

enum {
    LSM_KEY_SIZE_MAX = 65535,
    LSM_VALUE_SIZE_MAX = 1 << 30,
};

enum lsm_durability {
    LSM_DURABILITY_GROUP,    // durable = fdatasynced (default)
    LSM_DURABILITY_INTERVAL, // written at once, fdatasynced every interval_ms
    LSM_DURABILITY_NONE,     // written at once, synced by the kernel when it likes
};

struct lsm_owner {
    void *context;
    // Appends what must come back with the flushed data. Called when a memtable is
    // sealed: the snapshot belongs to exactly that position in the log.
    void (*snapshot)(void *context, struct buf *out);
    // During lsm_open(): once, with the newest flushed snapshot, if there is one ...
    enum status (*restore)(void *context, struct bytes snapshot, struct fault *fault);
    // ... then every later note, in the order written. A status other than OK stops the
    // open: INVALID, with a fault that says what it needs, if a newer program has written it,
    // else as corruption at that place.
    enum status (*replay)(void *context, struct bytes note, struct fault *fault);
    // Names of what its snapshots and notes have that not every program knows, up to a NULL
    // (feature.h). A database with others is not opened (INVALID).
    const char *const *features;
};

struct lsm_options {
    struct vfs *vfs;
    const struct pages *pages; // for memtables; NULL: plain memory
    const char *dir;           // created if missing; its parent must exist
    uint64_t seed;             // randomness: the id of a new database, hash seeds
    size_t memtable_size;      // bytes, at least 4 KiB; a full one is sealed and flushed
    size_t log_segment_size;   // bytes; a power of two from 64 KiB to 2 GiB
    size_t block_size;         // uncompressed target of a data block
    size_t cache_size;         // bytes of uncompressed blocks kept; 0 = none
    unsigned table_count_max;  // descriptors that may be open for tables
    unsigned merge_run_count;  // tables that a reader may have to look into for one key
    size_t range_size;         // bytes of the tables that merges aim at
    size_t separate_size;      // values from this size on lie beside the tables; SIZE_MAX: none
    uint64_t merge_rate;       // bytes that merges may write in a second; 0: as they can
    uint64_t purge_age_ms;     // deletions older than this are merged away; 0: when convenient
    enum lsm_durability durability;
    unsigned interval_ms;
    struct lsm_owner owner; // any of its functions may be NULL
};

// 64 MiB memtable and segments, 8 KiB blocks, and so on; vfs, dir, seed are left to the caller.
struct lsm_options lsm_options_default(void);

struct lsm;

// Whether there is a database in `dir`, for programs that must not create one: OK, or
//   INVALID  there is none
//   CORRUPT  there was one: it has lost its CURRENT
//   IO
enum status lsm_exists(struct vfs *vfs, const char *dir, struct fault *fault) MUST_USE;

// Opens or creates the database: takes the lock, reads the manifest, replays the
// log. Afterwards everything that was durable before is there, and nothing that was
// never written. Blocks; before any job.
//   LOCKED   another process has it open
//   CORRUPT  the fault names file and offset; nothing was changed on disk
//   INVALID  a newer program has written there; nothing was changed
//   IO, DISK_FULL
enum status lsm_open(struct lsm **lsm, const struct lsm_options *options,
                     struct fault *fault) MUST_USE;

// Releases everything. No job may be running. Promises nothing: writes that were not durable
// are lost, as after a crash. For a clean stop, drain the LOG jobs first.
void lsm_close(struct lsm *lsm);

// ---- Writing -------------------------------------------------------------------

// Operations that become visible and durable together. Zero-filled is empty; may be
// reused after lsm_batch_clear().
struct lsm_batch {
    struct buf ops;
    uint32_t count;
    size_t entries_size;   // bytes of a memtable that they take at most
    size_t value_size_max; // of the largest value
    enum status refusal;   // of the first key or value over its limit; lsm_write() says it
};

void lsm_batch_release(struct lsm_batch *batch);
void lsm_batch_clear(struct lsm_batch *batch);
void lsm_batch_put(struct lsm_batch *batch, struct bytes key, struct bytes value);
void lsm_batch_delete(struct lsm_batch *batch, struct bytes key);
void lsm_batch_note(struct lsm_batch *batch, struct bytes note); // for lsm_owner.replay

// Applies the batch in memory, where every later read sees it, and queues it for
// the log. `position` grows with every write; the write is durable once
// lsm_durable() >= position. Never blocks. On failure nothing was applied:
//   BUSY       both memtables are full: flush first (lsm_next_job). With a note that is larger
//              than a segment: a part of it is in the log. Again with the same batch, until it
//              is OK, when jobs are done; other writes may come in between. It counts from the
//              last part on, and unless that comes it never was.
//   DISK_FULL  no room for the log; taken up again when there is
//   TOO_LARGE  over a limit above
//   INVALID    a key without bytes
//   IO         the engine has stopped (lsm_failed)
enum status lsm_write(struct lsm *lsm, const struct lsm_batch *batch, uint64_t *position) MUST_USE;

// How long the owner should wait before it writes on, in microseconds; 0 as long as
// flushes and merges keep up. Grows gradually while they fall behind. Asked after every write,
// or every few. An owner that does not wait will find both memtables full: lsm_write() is BUSY then
// until a flush ends.
uint64_t lsm_delay_us(struct lsm *lsm);

uint64_t lsm_written(const struct lsm *lsm); // position of the newest write
uint64_t lsm_durable(const struct lsm *lsm); // position up to which writes are durable

// Whether a job could not write or sync the log, a flush or the manifest: lsm_on_done() has
// said why, and only a close is left.
bool lsm_failed(const struct lsm *lsm);

// Whether writes, or what they need, wait for room on the disk.
bool lsm_is_disk_full(const struct lsm *lsm);

// Starts a flush of what is in memory even if the memtable is not full.
void lsm_flush(struct lsm *lsm);

// Merges everything that was written before, so that what is deleted, superseded or in large
// values that nobody points to takes no room any more. Under way until lsm_is_compacting() is
// false; ranges where damage was met stay as they are. Again while it is under way: from now on.
void lsm_compact(struct lsm *lsm);
bool lsm_is_compacting(const struct lsm *lsm);

// Lets go of everything in [from, to) that has been written so far, without reading it; an
// empty `to` is the end. It takes effect, at once and durably, when lsm_is_dropping() has become
// false again; what is written into the range before then may go as well. A crash before
// leaves the range as it was; so does damage there, if large values have to be counted, and
// lsm_drop_status() says so. BUSY: another drop is under way.
enum status lsm_drop_range(struct lsm *lsm, struct bytes from, struct bytes to) MUST_USE;
bool lsm_is_dropping(const struct lsm *lsm);

// BUSY while it is under way; then how the last drop ended: OK, CORRUPT, IO.
enum status lsm_drop_status(const struct lsm *lsm, struct fault *fault) MUST_USE;

// Sorted pairs that come in beside the log: made by any one thread, they become visible and
// durable all at once. Much faster than writing them, and merged less.
//
//     owner:    ingest = lsm_ingest_new(lsm)
//     anybody:  lsm_ingest_add() ..., lsm_ingest_finish()
//     owner:    lsm_ingest_commit()    then, when lsm_is_ingesting() has become false, they
//                                      are there: newer than all that was written before the
//                                      commit, and older than all that was written since
struct lsm_ingest;
struct lsm_ingest *lsm_ingest_new(struct lsm *lsm);

// Keys ascend: INVALID otherwise. TOO_LARGE, DISK_FULL, IO: only a release makes sense then.
enum status lsm_ingest_add(struct lsm_ingest *ingest, struct bytes key, struct bytes value,
                           struct fault *fault) MUST_USE;
enum status lsm_ingest_finish(struct lsm_ingest *ingest, struct fault *fault) MUST_USE;

// Takes a finished ingest over. BUSY: another one is under way, or a flush is while there are
// later writes than it takes; again when a job is done. IO: the engine has stopped.
enum status lsm_ingest_commit(struct lsm *lsm, struct lsm_ingest *ingest) MUST_USE;
bool lsm_is_ingesting(const struct lsm *lsm);

// Instead of the commit: nothing is left of it. Owner's thread.
void lsm_ingest_release(struct lsm_ingest *ingest); // NULL is allowed

// ---- Reading -------------------------------------------------------------------

// The newest value, copied into `value` (replacing its content).
//   NOT_FOUND, CORRUPT (fault: file and offset, or at least the database), IO
enum status lsm_get(struct lsm *lsm, struct bytes key, struct buf *value,
                    struct fault *fault) MUST_USE;

// As lsm_get(), but it does not wait for the disk:
//
//     owner:    lsm_try_get()                 BUSY, and a position
//     worker:   the job of LSM_WORKER_READ    reads what was missing; the system keeps it in memory
//     owner:    lsm_loaded() >= position      asks again, about what the key is then
//
// It may be BUSY again: a key can need several places, and memory can be taken for other things
// meanwhile. After a few times lsm_get() is the way to be sure. Where 256 places are waited for
// already, and where the system cannot tell what is in memory, it waits as that does. Opening a
// file, when there are more than the options keep open, is not counted as waiting either.
enum status lsm_try_get(struct lsm *lsm, struct bytes key, struct buf *value, uint64_t *position,
                        struct fault *fault) MUST_USE;
uint64_t lsm_loaded(const struct lsm *lsm); // everything up to this position was read

// The newest values of many keys, each given to `found` with its index and one of the statuses
// of lsm_get(), in any order; the value is borrowed for the call, which must not use the engine.
// Much faster than one after the other, since their memory is waited for together. OK, or
// the first CORRUPT or IO, which the fault describes.
enum status lsm_multi_get(struct lsm *lsm, const struct bytes *keys, size_t count,
                          void (*found)(void *context, size_t index, enum status status,
                                        struct bytes value),
                          void *context, struct fault *fault) MUST_USE;

// Damaged blocks that reads have met, some hundreds at most; they are remembered until the database
// is closed or their tables go. All keys that the block may have had lie in [from, to], borrowed.
struct lsm_damage {
    struct bytes from, to;
    bool is_passed_over;
};
size_t lsm_damage_count(const struct lsm *lsm);
struct lsm_damage lsm_damage(const struct lsm *lsm, size_t index);

// From now on reads take it for lost: they find what is newer, and what is older. Merges do not
// touch it. To be called when somebody has noted that keys may be missing, or be of the past.
void lsm_pass_over(struct lsm *lsm, size_t index);

// A consistent walk in key order over [from, to); an empty `to` is the end. Sees
// exactly what was written before it was opened. Memory and files stay alive until
// lsm_scan_close(), so a scan must not be kept open for long.
struct lsm_scan;
struct lsm_scan *lsm_scan_open(struct lsm *lsm, struct bytes from, struct bytes to);

// The next pair, borrowed until the next call on the scan. END at the end.
enum status lsm_scan_next(struct lsm_scan *scan, struct bytes *key, struct bytes *value,
                          struct fault *fault) MUST_USE;

// The same without waiting for the disk, with the limits of lsm_try_get(). After BUSY only a
// close makes sense: a scan that begins behind the last pair, once lsm_loaded() has come to the
// position, usually finds the next ones in memory.
enum status lsm_scan_try_next(struct lsm_scan *scan, struct bytes *key, struct bytes *value,
                              uint64_t *position, struct fault *fault) MUST_USE;
void lsm_scan_close(struct lsm_scan *scan);

// ---- Work ----------------------------------------------------------------------

enum lsm_worker {
    LSM_WORKER_LOG,        // latency matters: one write and sync of the log
    LSM_WORKER_BACKGROUND, // flush, merge, preparing log segments
    LSM_WORKER_READ,       // what lsm_try_get() and lsm_scan_try_next() did not wait for
    LSM_WORKER_MERGE,      // a second merge; may be left out where cores are few
    LSM_WORKER_COUNT,
};

struct lsm_job;

// The next job for this worker, or NULL when it has none or one is running. Runs on
// any thread, touches only what is immutable, and must be handed back.
struct lsm_job *lsm_next_job(struct lsm *lsm, enum lsm_worker worker);
void lsm_job_run(struct lsm_job *job);

// Takes the result in and frees the job. When it failed the fault says why, and lsm_failed() tells
// whether writes must stop. If not, it was a merge or a checkpoint. CORRUPT: its range is left as
// it is from now on. DISK_FULL, EXHAUSTED, and IO where that may pass: it will be tried again
// after lsm_tick().
enum status lsm_on_done(struct lsm *lsm, struct lsm_job *job, struct fault *fault) MUST_USE;

// Call a few times a second: retries after a full disk, interval syncs.
void lsm_tick(struct lsm *lsm, uint64_t now_ms);

// ---- Looking after it ------------------------------------------------------------

struct lsm_stats {
    uint64_t memtable_bytes;
    uint64_t memtable_entries;
    uint64_t log_bytes; // of segments that a restart would replay
    size_t table_count;
    uint64_t table_bytes;
    uint64_t table_entries;
    uint64_t written_bytes;      // keys and values given to lsm_write()
    uint64_t disk_written_bytes; // by log, flushes and merges
    uint64_t flush_count;
    uint64_t merge_count;
    uint64_t merge_written_bytes; // of the disk_written_bytes
    uint64_t value_file_count;    // with large values, segments of the log among them
    uint64_t value_bytes;         // of these files
    uint64_t value_live_bytes;    // of them that tables point to
    uint64_t range_count;
    uint64_t slice_count_max; // in one range
    uint64_t debt_permille;   // how far merges are behind; 1000: writers wait
    uint64_t log_sync_count;
    uint64_t filter_miss_count; // table reads that a filter could not prevent in vain
    uint64_t get_count;         // keys looked up ...
    uint64_t table_look_count;  // ... and tables looked into for them
    uint64_t disk_bytes;        // of all files, spare segments of the log too
    uint64_t unflushed_count;   // full memtables
    uint64_t merging_count;     // merges under way
    uint64_t cache_hit_count;
    uint64_t cache_miss_count;
    uint64_t cold_read_count; // places that LSM_WORKER_READ read, or will
    bool disk_full;
};

void lsm_stats(const struct lsm *lsm, struct lsm_stats *stats);

// Makes a database in `dir`, which must not be there or be empty, that holds what has been written
// so far. Files are linked, not copied, so `dir` lies in the same file system; it can be
// opened, copied, removed like any other. Under way until lsm_checkpoint_status() is no
// longer BUSY; then OK, and it survives a power loss, or why there is none, which is no failure
// of the engine. BUSY: another one is under way.
enum status lsm_checkpoint(struct lsm *lsm, const char *dir) MUST_USE;
enum status lsm_checkpoint_status(const struct lsm *lsm, struct fault *fault) MUST_USE;

// Reads every block of every file of the (open) database and checks it. OK, or
// CORRUPT with the first damaged file and offset.
enum status lsm_verify(struct lsm *lsm, struct fault *fault) MUST_USE;
