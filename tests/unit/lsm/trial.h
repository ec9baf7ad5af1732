// trial.h - an engine under test, its owner, and everything it was ever told.
//
// A trial drives one database on a disk in memory, job by job, and keeps the trace
// of all its writes. What a (re)opened database holds must be
//
//     the state after some prefix of the trace, which contains every write that
//     was reported durable - and the notes that come back must belong to the
//     same prefix.
//
// The owner's memory is a chain: a hash over all notes so far, in order. It is what
// the snapshot holds, so a note that is lost, doubled or out of place shows.
#pragma once

#include "unit/unit.h"

#include "base/random.h"
#include "base/reader.h"
#include "disk/memory_vfs.h"
#include "lsm/lsm.h"
#include "unit/lsm/trace.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIAL_DB_PATH_MAX = 64 };

struct trial {
    struct memory_vfs *disk;
    struct lsm_options options;
    struct lsm *lsm; // NULL: closed
    struct trace trace;
    struct random random;
    unsigned key_count;
    uint64_t chain;
    uint64_t now_ms;
    uint64_t value_id;
    char copy[32];                          // of the last checkpoint that was reported; "": none
    size_t copied_count;                    // writes that it has
    size_t snapshot_more;                   // bytes of a snapshot behind the chain
    size_t durable_before_job;              // what was durable before the last LOG job
    struct lsm_job *jobs[LSM_WORKER_COUNT]; // taken, by worker
    bool ran[LSM_WORKER_COUNT];
    enum status failure; // the first bad result of a job, open or write
    struct fault fault;
    char name[160]; // of this trial, for a failure to be repeated
};

// ---- What it writes ----------------------------------------------------------------

// Half noise, half repetition.
static inline void trial_value_make(struct trial *trial, size_t size, struct buf *value)
{
    struct random random;
    random_init(&random, ++trial->value_id);
    buf_clear(value);
    for (size_t i = 0; i < size; i++)
        buf_append_u8(value, (uint8_t)(i % 64 < 32 ? random_u64(&random) : 'a' + i % 3));
}

// ---- The owner ---------------------------------------------------------------------

static inline uint64_t trial_chain(uint64_t chain, struct bytes note)
{
    return hash64_seeded(note, chain);
}

static inline void trial_snapshot(void *context, struct buf *out)
{
    struct trial *trial = context;
    buf_append_u64(out, trial->chain);
    memset(buf_grow(out, trial->snapshot_more), 's', trial->snapshot_more);
}

static inline enum status trial_restore(void *context, struct bytes snapshot, struct fault *why)
{
    (void)why;
    struct trial *trial = context;
    struct reader reader = reader_of(snapshot);
    trial->chain = reader_u64(&reader);
    return reader.bad ? STATUS_CORRUPT : STATUS_OK;
}

static inline enum status trial_replay(void *context, struct bytes note, struct fault *why)
{
    (void)why;
    struct trial *trial = context;
    trial->chain = trial_chain(trial->chain, note);
    return STATUS_OK;
}

// ---- Reading -----------------------------------------------------------------------

// All keys and values by one scan. A key that was never written, or keys out of
// order, fail the test.
static inline enum status trial_scan(struct trial *trial,
                                     struct trial_value state[static TRIAL_KEYS_MAX],
                                     struct fault *fault)
{
    struct lsm_scan *scan = lsm_scan_open(trial->lsm, (struct bytes){0}, (struct bytes){0});
    struct bytes key, value;
    char text[300];
    unsigned next = 0;
    enum status status;
    memset(state, 0, TRIAL_KEYS_MAX * sizeof *state);
    while (!(status = lsm_scan_next(scan, &key, &value, fault))) {
        while (next < trial->key_count && !bytes_equal(key, trial_key(next, text)))
            next++;
        if (next == trial->key_count)
            fail_msg("%s: the scan gives an unknown or misplaced key '%.*s'", trial->name,
                     (int)key.size, (const char *)key.data);
        state[next++] = trial_value_of(value);
    }
    lsm_scan_close(scan);
    return status == STATUS_END ? STATUS_OK : status;
}

// Every key by a get, into `state`.
static inline enum status trial_get_all(struct trial *trial,
                                        struct trial_value state[static TRIAL_KEYS_MAX],
                                        struct fault *fault)
{
    struct buf value = {0};
    char text[300];
    enum status status = STATUS_OK;
    memset(state, 0, TRIAL_KEYS_MAX * sizeof *state);
    for (unsigned i = 0; i < trial->key_count; i++) {
        status = lsm_get(trial->lsm, trial_key(i, text), &value, fault);
        if (status && status != STATUS_NOT_FOUND)
            break;
        if (!status)
            state[i] = trial_value_of(buf_bytes(&value));
        status = STATUS_OK;
    }
    buf_release(&value);
    return status;
}

static inline bool trial_state_equal(const struct trial *trial, const struct trial_value *a,
                                     const struct trial_value *b)
{
    for (unsigned i = 0; i < trial->key_count; i++)
        if (!trial_value_equal(a[i], b[i]))
            return false;
    return true;
}

// The newest prefix of `from`..`to` writes that has this state and the owner's chain.
static inline size_t trial_find_prefix(const struct trial *trial, size_t from, size_t to,
                                       const struct trial_value *state, bool ask_chain)
{
    struct trial_value model[TRIAL_KEYS_MAX] = {0};
    size_t found = SIZE_MAX;
    trace_apply(&trial->trace, 0, from, model);
    for (size_t count = from;; count++) {
        if (trial_state_equal(trial, model, state) &&
            (!ask_chain || trial->chain == trace_chain(&trial->trace, count)))
            found = count;
        if (count == to)
            return found;
        trace_apply(&trial->trace, count, count + 1, model);
    }
}

// Fails the test unless the database holds a prefix of `from`..`to` writes. Returns it.
static inline size_t trial_check_between(struct trial *trial, size_t from, size_t to)
{
    static struct trial_value by_scan[TRIAL_KEYS_MAX], by_get[TRIAL_KEYS_MAX];
    struct fault fault = {0};
    unsigned planned = trial->disk->plan.kinds; // faults are not for the checks
    trial->disk->plan.kinds = 0;
    if (trial_scan(trial, by_scan, &fault))
        fail_msg("%s: scan: %s", trial->name, fault.text);
    if (trial_get_all(trial, by_get, &fault))
        fail_msg("%s: get: %s", trial->name, fault.text);
    trial->disk->plan.kinds = planned;
    for (unsigned i = 0; i < trial->key_count; i++)
        if (!trial_value_equal(by_scan[i], by_get[i]))
            fail_msg("%s: key %u: a scan finds %zu bytes (present %d), a get %zu (%d)", trial->name,
                     i, by_scan[i].size, by_scan[i].present, by_get[i].size, by_get[i].present);
    size_t found = trial_find_prefix(trial, from, to, by_scan, true);
    if (found != SIZE_MAX)
        return found;
    size_t keys_alone = trial_find_prefix(trial, from, to, by_scan, false);
    size_t older = trial_find_prefix(trial, 0, from, by_scan, false);
    struct trial_value model[TRIAL_KEYS_MAX] = {0};
    trace_apply(&trial->trace, 0, to, model);
    unsigned differs = 0;
    while (differs < trial->key_count && trial_value_equal(model[differs], by_scan[differs]))
        differs++;
    fail_msg(
        "%s: %zu writes are durable, %zu were made; the keys match prefix %zd of these (%zd of "
        "the older ones), and the notes do not; first key unlike the newest: %u, size %zu "
        "instead of %zu",
        trial->name, from, to, (ssize_t)keys_alone, (ssize_t)older, differs,
        differs < trial->key_count ? by_scan[differs].size : 0,
        differs < trial->key_count ? model[differs].size : 0);
    return SIZE_MAX;
}

// The open database holds exactly what was written.
static inline void trial_check(struct trial *trial)
{
    trial_check_between(trial, trial->trace.write_count, trial->trace.write_count);
}

// ---- Life --------------------------------------------------------------------------

// The smallest sizes, so that everything happens soon.
static inline struct lsm_options trial_options(void)
{
    struct lsm_options options = lsm_options_default();
    options.dir = "db";
    options.seed = 7;
    options.memtable_size = 32 << 10;
    options.log_segment_size = 64 << 10;
    options.block_size = 1024;
    options.cache_size = 64 << 10;
    options.table_count_max = 8;
    options.merge_run_count = 2;
    options.range_size = 16 << 10;
    options.separate_size = 700;
    return options;
}

static inline void trial_init(struct trial *trial, struct memory_vfs *disk,
                              const struct lsm_options *options, uint64_t seed)
{
    *trial =
        (struct trial){.disk = disk, .options = *options, .key_count = 48, .value_id = seed << 32};
    random_init(&trial->random, seed);
}

// A second trial with the same past, to go on from on another disk.
static inline void trial_fork(struct trial *fork, const struct trial *trial,
                              struct memory_vfs *disk)
{
    *fork = *trial;
    fork->disk = disk;
    fork->lsm = NULL;
    fork->trace = trace_copy(&trial->trace);
    fork->value_id += (uint64_t)1 << 24;
    memset(fork->jobs, 0, sizeof fork->jobs);
    fork->failure = STATUS_OK;
}

// Takes over what became durable.
static inline void trial_note_durable(struct trial *trial)
{
    struct trace *trace = &trial->trace;
    uint64_t durable = lsm_durable(trial->lsm);
    assert_true(durable <= lsm_written(trial->lsm));
    while (trace->durable_count < trace->write_count &&
           trace->writes[trace->durable_count].position <= durable)
        trace->durable_count++;
}

// Opens, and checks what is there; the trace is cut to it. A status other than OK is
// the caller's to judge.
static inline enum status trial_open(struct trial *trial)
{
    struct trace *trace = &trial->trace;
    trial->options.vfs = &trial->disk->vfs;
    trial->options.owner = (struct lsm_owner){
        .context = trial,
        .snapshot = trial_snapshot,
        .restore = trial_restore,
        .replay = trial_replay,
    };
    trial->chain = 0;
    trial->fault = (struct fault){0};
    enum status status = lsm_open(&trial->lsm, &trial->options, &trial->fault);
    if (status) {
        trial->lsm = NULL;
        return status;
    }
    size_t found = trial_check_between(trial, trace->durable_count, trace->write_count);
    trace_cut(trace, found);
    for (size_t i = 0; i < found; i++)
        trace->writes[i].position = lsm_written(trial->lsm);
    trial_note_durable(trial);
    return STATUS_OK;
}

static inline void trial_must_open(struct trial *trial)
{
    enum status status = trial_open(trial);
    if (status)
        fail_msg("%s: open: %s (%s)", trial->name, status_text(status), trial->fault.text);
}

static inline void trial_fail(struct trial *trial, enum status status)
{
    if (status && !trial->failure)
        trial->failure = status;
}

// Takes a job if there is one.
static inline bool trial_take(struct trial *trial, enum lsm_worker worker)
{
    if (!trial->jobs[worker]) {
        trial->jobs[worker] = lsm_next_job(trial->lsm, worker);
        trial->ran[worker] = false;
        if (worker == LSM_WORKER_LOG && trial->jobs[worker])
            trial->durable_before_job = trial->trace.durable_count;
    }
    return trial->jobs[worker] != NULL;
}

static inline void trial_run(struct trial *trial, enum lsm_worker worker)
{
    if (trial_take(trial, worker) && !trial->ran[worker]) {
        lsm_job_run(trial->jobs[worker]);
        trial->ran[worker] = true;
    }
}

// Takes, runs and hands back. False if there was nothing to do.
static inline bool trial_finish(struct trial *trial, enum lsm_worker worker)
{
    if (!trial_take(trial, worker))
        return false;
    trial_run(trial, worker);
    struct lsm_job *job = trial->jobs[worker];
    trial->jobs[worker] = NULL;
    trial_fail(trial, lsm_on_done(trial->lsm, job, &trial->fault));
    trial_note_durable(trial);
    return true;
}

// All work there is; stops at a failure.
static inline void trial_drain(struct trial *trial)
{
    unsigned count = 0;
    while (!trial->failure &&
           (trial_finish(trial, LSM_WORKER_LOG) || trial_finish(trial, LSM_WORKER_MERGE) ||
            trial_finish(trial, LSM_WORKER_BACKGROUND)))
        if (++count > 10000)
            fail_msg("%s: the engine never runs out of work", trial->name);
}

static inline void trial_close(struct trial *trial)
{
    for (int worker = 0; worker < LSM_WORKER_COUNT && trial->lsm; worker++) {
        if (!trial->jobs[worker])
            continue;
        // No job may be running at a close; those not begun still must be handed back.
        trial_run(trial, (enum lsm_worker)worker);
        trial_fail(trial, lsm_on_done(trial->lsm, trial->jobs[worker], &trial->fault));
        trial_note_durable(trial);
        trial->jobs[worker] = NULL;
    }
    if (trial->lsm)
        lsm_close(trial->lsm);
    trial->lsm = NULL;
}

static inline void trial_release(struct trial *trial)
{
    trial_close(trial);
    trace_release(&trial->trace);
}

// Only in groups does durable mean that it survives this.
static inline void trial_lose_power(struct trial *trial, enum memory_vfs_policy policy)
{
    memory_vfs_crash(trial->disk, policy, &trial->random);
    if (trial->options.durability != LSM_DURABILITY_GROUP)
        trial->trace.durable_count = 0;
}

// The whole engine stops as it is, and the disk with it.
static inline void trial_crash(struct trial *trial, enum memory_vfs_policy policy)
{
    memory_vfs_power_off(trial->disk);
    trial_close(trial);
    trial_lose_power(trial, policy);
    trial->failure = STATUS_OK;
}

static inline void trial_kill(struct trial *trial)
{
    memory_vfs_power_off(trial->disk);
    trial_close(trial);
    memory_vfs_kill(trial->disk);
    trial->failure = STATUS_OK;
}
