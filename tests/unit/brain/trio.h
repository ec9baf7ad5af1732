// trio.h - the three owners of a key, each a store of its own, and rounds between them.
#pragma once

#include "dkv-store/convergence.h"
#include "dkv-store/loss.h"
#include "unit/brain/store_bench.h"

enum { A, B, C, TRIO };
enum { AGE_MS = 600000 }; // purge/age, purge/close_after

static struct bench trio[TRIO];
static struct buf sent;     // the record that was minted last
static struct buf in_hand;  // the record that was read in a round ...
static uint64_t giver;      // ... and the actor of the store that it was read from
static struct record shown; // that a store holds
static uint64_t ttl_ms;     // of what is written
static uint8_t request_number;

static inline bool is_owned_by_all(const char *key)
{
    uint16_t owners[RING_OWNERS_MAX];
    uint64_t token = ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(key));
    const struct ring *ring = &trio[A].ring;
    uint32_t count = ring_owners(ring, ring_partition(ring, token), &ring->keyspaces[0], owners);
    unsigned found = 0;
    for (uint32_t i = 0; i < count; i++)
        found += ring->nodes[owners[i]].id <= TRIO;
    return found == TRIO;
}

static inline void trio_init(void)
{
    for (unsigned i = 0; i < TRIO; i++)
        bench_init_node(&trio[i], i + 1);
    do
        bench_choose_key(&trio[A], 0, true);
    while (!is_owned_by_all(trio[A].key));
    for (unsigned i = 1; i < TRIO; i++)
        memcpy(trio[i].key, trio[A].key, sizeof trio[i].key);
    request_number = 0;
    ttl_ms = 0;
}

static inline void trio_release(void)
{
    for (unsigned i = 0; i < TRIO; i++)
        bench_release(&trio[i]);
    buf_release(&sent);
    buf_release(&in_hand);
    record_release(&shown);
}

static inline int trio_begin(void **state)
{
    (void)state;
    trio_init();
    return 0;
}

static inline int trio_end(void **state)
{
    (void)state;
    trio_release();
    return 0;
}

static inline uint32_t partition(void)
{
    const struct ring *ring = &trio[A].ring;
    return ring_partition(ring, ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(trio[A].key)));
}

static inline const struct ledger_shard *shard(unsigned at)
{
    return ledger_find(&trio[at].store.ledger, RING_DEFAULT_KEYSPACE, partition());
}

static inline struct store *store(unsigned at)
{
    return &trio[at].store;
}

static inline uint64_t actor(unsigned at)
{
    return store(at)->ledger.actor;
}

// Time passes everywhere, and stores tick; all that was written is durable.
static inline void pass_ms(uint64_t ms)
{
    for (unsigned i = 0; i < TRIO; i++) {
        trio[i].now.mono_ms += ms;
        trio[i].now.wall_ms += ms;
        bench_sync_log(&trio[i]);
        for (unsigned tick = 0; tick < 4; tick++) { // a pass begins, and is made, in another
            serve_on_tick(store(i), trio[i].now, &trio[i].outbox);
            bench_sync_log(&trio[i]);
        }
    }
}

// ---- Writes ------------------------------------------------------------------------------

static inline struct dot write_at(unsigned at, const char *value)
{
    struct op_update op = bench_update_of(&trio[at], ++request_number, value ? value : "");
    if (!value)
        op.flags |= UPDATE_DELETE;
    op.ttl_ms = ttl_ms;
    struct op_updated updated = bench_update(&trio[at], &op);
    assert_int_equal(updated.status, STATUS_OK);
    buf_set(&sent, updated.record);
    bench_sync_log(&trio[at]);
    return updated.dot;
}

// Merges a record into a store, which may stand for more dots.
static inline struct op_merged merge_into(unsigned at, struct bytes record,
                                          const struct clock *dots)
{
    struct buf body = {0}, encoded = {0};
    static struct op_merged merged;
    if (dots)
        clock_encode(dots, &encoded);
    struct op_merge op = {.keyspace = RING_DEFAULT_KEYSPACE,
                          .key = bytes_of_text(trio[at].key),
                          .dots = buf_bytes(&encoded),
                          .record = record};
    op_encode_merge(&op, &body);
    bench_tell(&trio[at], MESSAGE_MERGE, trio[at].ring.epoch, 0, &body);
    struct reader reader = bench_said(&trio[at], 0, MESSAGE_MERGED);
    assert_int_equal(op_decode_merged(&merged, &reader), STATUS_OK);
    bench_sync_log(&trio[at]);
    buf_release(&encoded);
    return merged;
}

static inline enum status send_to(unsigned at)
{
    return (enum status)merge_into(at, buf_bytes(&sent), NULL).status;
}

static inline void write_everywhere(unsigned at, const char *value)
{
    write_at(at, value);
    for (unsigned i = 0; i < TRIO; i++) {
        if (i != at)
            assert_int_equal(send_to(i), STATUS_OK);
    }
}

// What a store holds of the key, whatever it answers.
static inline const struct record *held(unsigned at)
{
    static struct holding holding[TRIO];
    struct parked_wait wait = {.miss_count = PARKED_MISSES_MAX};
    struct fault fault;
    struct bytes key = bytes_of_text(trio[at].key);
    holding_release(&holding[at]);
    assert_int_equal(holding_locate(&holding[at], store(at)->ring, store(at)->node_index,
                                    RING_DEFAULT_KEYSPACE, key),
                     STATUS_OK);
    assert_int_equal(holding_read(&holding[at], store(at)->lsm, &wait, "", &fault), STATUS_OK);
    buf_set(&in_hand, buf_bytes(&holding[at].encoded));
    record_copy(&shown, &holding[at].record);
    for (uint32_t i = 0; i < shown.count; i++)
        shown.siblings[i].value = (struct bytes){0}; // it is only asked for dots
    holding_release(&holding[at]);
    return &shown;
}

static inline bool holds(unsigned at, struct dot dot)
{
    return record_find_dot(held(at), dot);
}

static inline bool holds_nothing(unsigned at)
{
    return record_is_empty(held(at));
}

// ---- Rounds ------------------------------------------------------------------------------

static inline struct opening opening_of(unsigned at, unsigned to)
{
    struct opening opening;
    uint16_t number = actor_parse(actor(to)).node;
    bench_sync_log(&trio[at]); // the gate
    assert_int_equal(
        convergence_open(store(at), RING_DEFAULT_KEYSPACE, partition(), number, &opening),
        STATUS_OK);
    return opening;
}

static inline enum status meet(unsigned by, unsigned from, bool is_pulling)
{
    struct opening opening = opening_of(from, by);
    enum status status = convergence_meet(store(by), RING_DEFAULT_KEYSPACE, partition(), &opening,
                                          is_pulling, trio[by].now);
    bench_sync_log(&trio[by]);
    return status;
}

// Both tell their openings; `by` pulls.
static inline enum status begin(unsigned by, unsigned from)
{
    enum status status = meet(by, from, true);
    enum status other = meet(from, by, false);
    return status ? status : other;
}

// Reads the record of the other.
static inline void take(unsigned from)
{
    held(from);
    giver = actor(from);
}

static inline enum reconciled apply(unsigned by)
{
    struct holding holding = {0};
    struct parked_wait wait = {.miss_count = PARKED_MISSES_MAX};
    struct fault fault;
    enum reconciled reconciled = RECONCILED;
    struct buf record = {0};
    buf_set(&record, buf_bytes(&in_hand));
    assert_int_equal(holding_locate(&holding, store(by)->ring, store(by)->node_index,
                                    RING_DEFAULT_KEYSPACE, bytes_of_text(trio[by].key)),
                     STATUS_OK);
    assert_int_equal(holding_read(&holding, store(by)->lsm, &wait, "", &fault), STATUS_OK);
    enum status status = convergence_reconcile(store(by), &holding, buf_bytes(&record), giver,
                                               trio[by].now, &reconciled);
    assert_true(status == STATUS_OK || status == STATUS_STALE);
    holding_release(&holding);
    buf_release(&record);
    bench_sync_log(&trio[by]);
    return reconciled;
}

static inline enum status finish(unsigned by, unsigned from)
{
    struct opening opening = opening_of(from, by);
    enum status status =
        convergence_adopt(store(by), RING_DEFAULT_KEYSPACE, partition(), &opening, trio[by].now);
    bench_sync_log(&trio[by]);
    return status;
}

static inline enum status pull(unsigned by, unsigned from)
{
    enum status status = begin(by, from);
    if (status)
        return status;
    take(from);
    apply(by);
    return finish(by, from);
}

static inline void all_rounds(void)
{
    for (unsigned by = 0; by < TRIO; by++) {
        for (unsigned from = 0; from < TRIO; from++) {
            if (by != from)
                (void)!pull(by, from);
        }
    }
}

// As long as it takes to purge what all know.
static inline void purge_all(void)
{
    for (unsigned time = 0; time < 4; time++) {
        all_rounds();
        pass_ms(AGE_MS);
    }
}

// ---- Faults ------------------------------------------------------------------------------

static inline void lose(unsigned at)
{
    loss_found(store(at), partition(), "a test");
    assert_int_equal(loss_settle(store(at), trio[at].now), STATUS_OK);
    bench_sync_log(&trio[at]);
}

// Takes the record away without a word.
static inline void take_away(unsigned at)
{
    struct lsm_batch batch = {0};
    struct buf key = {0};
    uint64_t position;
    struct engine_key parts = engine_key_of(RING_DEFAULT_KEYSPACE, bytes_of_text(trio[at].key));
    engine_key_encode(&parts, &key);
    lsm_batch_delete(&batch, buf_bytes(&key));
    assert_int_equal(lsm_write(store(at)->lsm, &batch, &position), STATUS_OK);
    bench_sync_log(&trio[at]);
    lsm_batch_release(&batch);
    buf_release(&key);
}

static inline void restart(unsigned at)
{
    store_close(store(at));
    bench_start(&trio[at], 7);
}

static inline void wipe(unsigned at)
{
    store_close(store(at));
    memory_vfs_release(&trio[at].disk);
    memory_vfs_init(&trio[at].disk);
    trio[at].options.lsm.vfs = &trio[at].disk.vfs;
    trio[at].now.wall_ms += 60000;
    bench_start(&trio[at], 9);
}
