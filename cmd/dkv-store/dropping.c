#include "dkv-store/dropping.h"

#include "base/hash.h"
#include "dkv-store/frame.h"
#include "dkv-store/joining.h"
#include "dkv-store/ledger_format.h"
#include "dkv-store/reading.h"
#include "ring/engine_key.h"

enum { FRAME_PART = 32 }; // of a memtable

// What is left of a tick's work.
struct allowance {
    unsigned keys, steps;
    size_t size;
};

static bool is_dropped(const struct store *store, uint32_t keyspace, uint32_t partition)
{
    const struct ring *ring = store->ring;
    uint16_t numbers[RING_OWNERS_MAX];
    if (keyspace == TRASH_KEYSPACE)
        return false;
    if (!ring_keyspace(ring, keyspace))
        return keyspace <= ring->epoch;
    return !ring->move && !joining_is_dead(store) &&
           frame_others(store, keyspace, partition, numbers) < 0;
}

static void count(struct store *store)
{
    struct drops *drops = &store->drops;
    const struct ledger_shard *shard;
    if (drops->counted_epoch == store->ring->epoch)
        return;
    drops->counted_epoch = store->ring->epoch;
    drops->left = 0;
    for (size_t at = 0; (shard = ledger_next(&store->ledger, &at));)
        drops->left += is_dropped(store, shard->keyspace, shard->partition);
}

// Finds the next shard, and begins with it.
static bool begin(struct store *store)
{
    struct drops *drops = &store->drops;
    const struct ledger_shard *shard;
    if (drops->done_epoch == store->ring->epoch)
        return false;
    count(store);
    for (size_t at = 0; (shard = ledger_next(&store->ledger, &at));) {
        if (!is_dropped(store, shard->keyspace, shard->partition))
            continue;
        drops->is_under_way = true;
        drops->keyspace = shard->keyspace;
        drops->partition = shard->partition;
        engine_key_range(store->ring->partition_count, shard->partition, &drops->from, &drops->to);
        return true;
    }
    drops->done_epoch = store->ring->epoch;
    return false;
}

uint64_t dropping_count(const struct store *store)
{
    const struct drops *drops = &store->drops;
    bool is_done =
        drops->done_epoch == store->ring->epoch && lsm_durable(store->lsm) >= drops->mark;
    return is_done ? 0 : drops->left ? drops->left : 1;
}

// Adds to the frame that a record goes. One that cannot be read is not counted off: the end of the
// shard does that.
static void add(struct store *store, const struct engine_key *parts, struct bytes engine_key,
                struct bytes value)
{
    struct ledger_entry entry = {.keyspace = parts->keyspace, .token = parts->token};
    struct record record = {0};
    lsm_batch_delete(&store->frame.batch, engine_key);
    if (!record_decode(&record, parts->key, value)) {
        leaf_delta_remove(&entry.leaves, &record, hash64(engine_key));
        ledger_format_note(&entry, &store->frame.note);
    }
    record_release(&record);
}

// Fills the frame. END: these were the last records; BUSY: the disk is slow.
static enum status fill(struct store *store, struct lsm_scan *scan, struct allowance *left,
                        struct fault *fault)
{
    struct drops *drops = &store->drops;
    for (bool is_first = true; left->keys && left->size; is_first = false) {
        struct bytes key, value;
        struct engine_key parts;
        enum status status =
            is_first && parked_must_read(&drops->wait)
                ? lsm_scan_next(scan, &key, &value, fault)
                : lsm_scan_try_next(scan, &key, &value, &drops->wait.position, fault);
        if (status == STATUS_BUSY && drops->wait.miss_count < PARKED_MISSES_MAX)
            drops->wait.miss_count++;
        if (status)
            return status;
        drops->wait.miss_count = 0;
        if (engine_key_decode(&parts, key) && parts.keyspace == drops->keyspace)
            add(store, &parts, key, value);
        buf_set(&drops->next, key);
        buf_append_u8(&drops->next, 0);
        size_t size = key.size + value.size;
        left->size -= size < left->size ? size : left->size;
        left->keys--;
        if (store->frame.batch.ops.size >= store->options.lsm.memtable_size / FRAME_PART)
            break;
    }
    return STATUS_OK;
}

// The next frame. False: enough for this tick.
static bool step(struct store *store, struct allowance *left, struct moment now)
{
    struct drops *drops = &store->drops;
    struct ledger_place place = {drops->keyspace, drops->partition};
    struct fault fault = {0};
    if (!is_dropped(store, drops->keyspace, drops->partition)) { // it was, by another ring
        drops->is_under_way = false;
        return true;
    }
    struct lsm_scan *scan =
        lsm_scan_open(store->lsm, buf_bytes(&drops->from), buf_bytes(&drops->to));
    frame_begin(store);
    buf_set(&drops->next, buf_bytes(&drops->from));
    enum status status = fill(store, scan, left, &fault);
    lsm_scan_close(scan);
    bool is_end = status == STATUS_END;
    reading_note(store, is_end ? STATUS_OK : status, drops->partition, &fault);
    if (is_end)
        ledger_notes_drop(place, &store->frame.note);
    bool is_empty = !store->frame.note.size && !store->frame.batch.ops.size;
    if (!is_empty && frame_write(store, now))
        return false; // the same again
    drops->mark = lsm_written(store->lsm);
    drops->left -= is_end && drops->left;
    buf_set(&drops->from, buf_bytes(&drops->next));
    if (is_end)
        growth_forget(&store->growth, &store->ledger, drops->partition);
    if (status && !is_end && status != STATUS_BUSY)
        drops->retry_ms = now.mono_ms + DROPPING_RETRY_MS;
    drops->is_under_way = !is_end && now.mono_ms >= drops->retry_ms;
    return !status || is_end;
}

void dropping_on_tick(struct store *store, struct moment now)
{
    const struct drops *drops = &store->drops;
    if (store->loss.is_due || now.mono_ms < drops->retry_ms)
        return;
    if (lsm_loaded(store->lsm) < drops->wait.position && !parked_must_read(&drops->wait))
        return;
    struct allowance left = {DROPPING_KEYS, DROPPING_STEPS, DROPPING_SIZE};
    while (left.steps && left.keys && left.size && (drops->is_under_way || begin(store)) &&
           step(store, &left, now))
        left.steps--;
}
