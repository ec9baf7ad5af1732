// script.h - what a trial does, as a word.
//
// A letter is a step, a number before it repeats it:
//
//     p  a write of one operation       b  of nine, with a note
//     n  a note alone, N of 150 KB      P  a put of 12 KiB, q of 1000 bytes
//     l  a LOG job                      L  one run but not yet handed back
//     g  a BACKGROUND job               G  one taken but not yet run
//     h  a MERGE job                    H  one taken but not yet run
//     f  ask for a flush                m  all work there is
//     d  drop some range                i  ingest some pairs
//     C  make a checkpoint
//     s  snapshots of 300 KiB from now  t  a second passes
//     r  drain, close, open
//     c  kill -9, open                  k  power loss, open
//
// "9blfgLp" is nine batches, all durable, a flush, and a put whose LOG job is late.
#pragma once

#include "unit/lsm/trial.h"

// ---- Writing -----------------------------------------------------------------------

static inline void trial_batch_op(struct trial *trial, struct lsm_batch *batch, bool put,
                                  size_t size)
{
    char text[300];
    unsigned key = (unsigned)random_below(&trial->random, trial->key_count);
    if (!put) {
        lsm_batch_delete(batch, trial_key(key, text));
        trace_add_op(&trial->trace, key, (struct trial_value){0});
        return;
    }
    struct buf value = {0};
    trial_value_make(trial, size, &value);
    lsm_batch_put(batch, trial_key(key, text), buf_bytes(&value));
    trace_add_op(&trial->trace, key, trial_value_of(buf_bytes(&value)));
    buf_release(&value);
}

// Writes what is in the batch and the trace. BUSY makes room; other refusals leave
// nothing behind.
static inline enum status trial_submit(struct trial *trial, struct lsm_batch *batch, uint64_t chain)
{
    struct trace *trace = &trial->trace;
    uint64_t position = 0;
    enum status status = STATUS_BUSY;
    trace_add_write(trace, chain); // before the call: a crash within it may keep it
    for (int i = 0; i < 100 && status == STATUS_BUSY && !trial->failure; i++) {
        status = lsm_write(trial->lsm, batch, &position);
        if (status == STATUS_BUSY) {
            trial_finish(trial, LSM_WORKER_LOG);
            trial_finish(trial, LSM_WORKER_BACKGROUND);
        }
    }
    if (status) {
        trace_cut(trace, trace->write_count - 1);
        return status;
    }
    trace->writes[trace->write_count - 1].position = position;
    trial->chain = chain;
    trial_note_durable(trial);
    memory_vfs_look(trial->disk); // crashes at this moment
    return STATUS_OK;
}

// One write of `count` operations, a fourth of them deletes, and a note of this size, if any.
static inline enum status trial_write(struct trial *trial, unsigned count, size_t size,
                                      size_t note_size)
{
    struct lsm_batch batch = {0};
    uint64_t chain = trial->chain;
    for (unsigned i = 0; i < count; i++) {
        bool put = size || random_below(&trial->random, 4) != 0;
        trial_batch_op(trial, &batch, put, size ? size : trial_size(&trial->random));
    }
    struct buf note = {0};
    if (note_size) {
        buf_append_u64(&note, ++trial->value_id);
        memset(buf_grow(&note, note_size - 8), 'n', note_size - 8);
        lsm_batch_note(&batch, buf_bytes(&note));
        chain = trial_chain(chain, buf_bytes(&note));
    }
    buf_release(&note);
    enum status status = trial_submit(trial, &batch, chain);
    // The limit is half a memtable; what the engine adds to each operation counts too.
    bool large = batch.ops.size > trial->options.memtable_size / 3;
    lsm_batch_release(&batch);
    if (status != STATUS_BUSY && !(status == STATUS_TOO_LARGE && large))
        trial_fail(trial, status);
    return status;
}

// ---- Beside the log --------------------------------------------------------------------

// What the trace has as its last write was done otherwise than by a write.
static inline void trial_finish_write(struct trial *trial, bool is_done)
{
    struct trace *trace = &trial->trace;
    if (!is_done || trial->failure)
        return; // it may come yet, or never
    trace->writes[trace->write_count - 1].position = lsm_written(trial->lsm);
    trace->durable_count = trace->write_count; // as is all before it
}

static inline void trial_drop(struct trial *trial)
{
    char from[300], to[300];
    unsigned first = (unsigned)random_below(&trial->random, trial->key_count);
    unsigned end = first + 1 + (unsigned)random_below(&trial->random, trial->key_count - first);
    for (unsigned key = first; key < end; key++)
        trace_add_op(&trial->trace, key, (struct trial_value){0});
    trace_add_write(&trial->trace, trial->chain);
    bool is_all = end == trial->key_count;
    assert_int_equal(lsm_drop_range(trial->lsm, first ? trial_key(first, from) : (struct bytes){0},
                                    is_all ? (struct bytes){0} : trial_key(end, to)),
                     STATUS_OK);
    trial_drain(trial);
    trial_finish_write(trial, lsm_drop_status(trial->lsm, NULL) == STATUS_OK);
}

// BUSY waits for the flush that is under way.
static inline void trial_commit(struct trial *trial, struct lsm_ingest *ingest)
{
    enum status status = lsm_ingest_commit(trial->lsm, ingest);
    for (int i = 0; i < 100 && status == STATUS_BUSY && !trial->failure; i++) {
        trial_finish(trial, LSM_WORKER_LOG);
        trial_finish(trial, LSM_WORKER_BACKGROUND);
        status = lsm_ingest_commit(trial->lsm, ingest);
    }
    if (status)
        lsm_ingest_release(ingest);
    trial_fail(trial, status);
}

static inline void trial_ingest(struct trial *trial)
{
    struct lsm_ingest *ingest = lsm_ingest_new(trial->lsm);
    struct buf value = {0};
    char text[300];
    enum status status = STATUS_OK;
    size_t op_count = trial->trace.op_count;
    for (unsigned key = 0; key < trial->key_count && !status; key++) {
        if (random_below(&trial->random, 4))
            continue;
        trial_value_make(trial, trial_size(&trial->random), &value);
        status = lsm_ingest_add(ingest, trial_key(key, text), buf_bytes(&value), &trial->fault);
        trace_add_op(&trial->trace, key, trial_value_of(buf_bytes(&value)));
    }
    buf_release(&value);
    if (!status)
        status = lsm_ingest_finish(ingest, &trial->fault);
    if (status) {
        trial->trace.op_count = op_count;
        lsm_ingest_release(ingest);
        trial_fail(trial, status);
        return;
    }
    trace_add_write(&trial->trace, trial->chain);
    trial_commit(trial, ingest);
    trial_drain(trial);
    trial_finish_write(trial, !lsm_is_ingesting(trial->lsm));
}

static inline void trial_checkpoint(struct trial *trial)
{
    char dir[sizeof trial->copy];
    snprintf(dir, sizeof dir, "copy-%llu", (unsigned long long)++trial->value_id);
    assert_int_equal(lsm_checkpoint(trial->lsm, dir), STATUS_OK);
    trial_drain(trial);
    enum status status = lsm_checkpoint_status(trial->lsm, &trial->fault);
    if (status != STATUS_BUSY)
        trial_fail(trial, status);
    if (status)
        return;
    memcpy(trial->copy, dir, sizeof dir);
    trial->copied_count = trial->trace.write_count;
}

// The last checkpoint is a database that holds what was written before it.
static inline void trial_check_copy(const struct trial *trial)
{
    static struct trial_value held[TRIAL_KEYS_MAX], found[TRIAL_KEYS_MAX];
    if (!trial->copy[0])
        return;
    struct trial copy = *trial;
    copy.options.vfs = &trial->disk->vfs;
    copy.options.dir = trial->copy;
    copy.options.owner = (struct lsm_owner){0};
    if (lsm_open(&copy.lsm, &copy.options, &copy.fault) || trial_scan(&copy, found, &copy.fault) ||
        lsm_verify(copy.lsm, &copy.fault))
        fail_msg("%s: %s: %s", trial->name, trial->copy, copy.fault.text);
    memset(held, 0, sizeof held);
    assert_true(trial->copied_count <= trial->trace.write_count);
    trace_apply(&trial->trace, 0, trial->copied_count, held);
    if (!trial_state_equal(trial, held, found))
        fail_msg("%s: %s holds something else", trial->name, trial->copy);
    lsm_close(copy.lsm);
}

// ---- Scripts -------------------------------------------------------------------------

// Writes have no more to them than these numbers.
struct script_write {
    char letter;
    unsigned count;
    size_t size; // 0: any
    size_t note_size;
};

static inline bool script_write(struct trial *trial, char step)
{
    static const struct script_write writes[] = {
        {'p', 1, 0, 0},        {'b', 9, 0, 8},    {'n', 0, 0, 8},
        {'P', 1, 12 << 10, 0}, {'q', 1, 1000, 0}, {'N', 0, 0, 150000},
    };
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++)
        if (writes[i].letter == step) {
            // A refusal is in trial->failure.
            (void)!trial_write(trial, writes[i].count, writes[i].size, writes[i].note_size);
            return true;
        }
    return false;
}

static inline void trial_step(struct trial *trial, char step)
{
    switch (step) {
    case 'h':
        trial_finish(trial, LSM_WORKER_MERGE);
        break;
    case 'H':
        trial_take(trial, LSM_WORKER_MERGE);
        break;
    case 'd':
        trial_drop(trial);
        break;
    case 'i':
        trial_ingest(trial);
        break;
    case 'C':
        trial_checkpoint(trial);
        break;
    case 'l':
        trial_finish(trial, LSM_WORKER_LOG);
        break;
    case 'L':
        trial_run(trial, LSM_WORKER_LOG);
        break;
    case 'g':
        trial_finish(trial, LSM_WORKER_BACKGROUND);
        break;
    case 'G':
        trial_take(trial, LSM_WORKER_BACKGROUND);
        break;
    case 'f':
        lsm_flush(trial->lsm);
        break;
    case 'm':
        trial_drain(trial);
        break;
    case 's':
        trial->snapshot_more = 300 << 10;
        break;
    case 't':
        lsm_tick(trial->lsm, trial->now_ms += 1000);
        break;
    case 'r':
        trial_drain(trial);
        trial_close(trial);
        break;
    case 'c':
        trial_kill(trial);
        break;
    case 'k':
        trial_crash(trial,
                    (enum memory_vfs_policy)random_below(&trial->random, MEMORY_VFS_POLICY_COUNT));
        break;
    default:
        assert_true(script_write(trial, step));
    }
    if (!trial->lsm && !trial->failure)
        trial_fail(trial, trial_open(trial));
}

// Stops early when the engine fails.
static inline void trial_play(struct trial *trial, const char *script)
{
    while (*script && trial->lsm && !trial->failure) {
        unsigned count = 0;
        while (*script >= '0' && *script <= '9')
            count = count * 10 + (unsigned)(*script++ - '0');
        for (unsigned i = 0; i < (count ? count : 1) && !trial->failure; i++)
            trial_step(trial, *script);
        script++;
    }
}
