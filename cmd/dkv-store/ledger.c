#include "dkv-store/ledger.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t shard_id(uint32_t keyspace, uint32_t partition)
{
    return (uint64_t)keyspace << 32 | partition;
}

void ledger_init(struct ledger *ledger, uint32_t partition_count, uint64_t request_memory_ms)
{
    *ledger = (struct ledger){.partition_count = partition_count};
    requests_init(&ledger->requests, request_memory_ms);
}

struct ledger_shard *ledger_next(const struct ledger *ledger, size_t *position)
{
    struct bytes key;
    union table_value *value;
    return table_next(&ledger->shards, position, &key, &value) ? value->pointer : NULL;
}

static void release_shard(struct ledger_shard *shard)
{
    seen_release(&shard->seen);
    seen_release(&shard->horizon);
    stability_release(&shard->stability);
    free(shard);
}

void ledger_release(struct ledger *ledger)
{
    struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));)
        release_shard(shard);
    table_release(&ledger->shards);
    trees_release(&ledger->trees);
    requests_release(&ledger->requests);
    lives_release(&ledger->lives);
    *ledger = (struct ledger){0};
}

struct ledger_shard *ledger_shard(struct ledger *ledger, uint32_t keyspace, uint32_t partition)
{
    assert(partition < ledger->partition_count);
    uint64_t id = shard_id(keyspace, partition);
    union table_value *value = table_add(&ledger->shards, table_key(&id));
    if (!value->pointer) {
        struct ledger_shard *shard = xcalloc(1, sizeof *shard);
        shard->keyspace = keyspace;
        shard->partition = partition;
        value->pointer = shard;
    }
    return value->pointer;
}

const struct ledger_shard *ledger_find(const struct ledger *ledger, uint32_t keyspace,
                                       uint32_t partition)
{
    uint64_t id = shard_id(keyspace, partition);
    const union table_value *value = table_find(&ledger->shards, table_key(&id));
    return value ? value->pointer : NULL;
}

uint32_t ledger_last_start(const struct ledger *ledger, uint32_t process)
{
    uint32_t last = 0;
    const struct ledger_shard *shard;
    if (actor_process(ledger->actor) == process)
        last = actor_parse(ledger->actor).start;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));) {
        uint32_t start = seen_last_start(&shard->seen, process);
        last = start > last ? start : last;
    }
    const struct heard *heard = lives_heard(&ledger->lives, process);
    return heard && heard->start > last ? heard->start : last;
}

void ledger_start_actor(struct ledger *ledger, uint64_t actor)
{
    struct ledger_shard *shard;
    ledger->actor = actor;
    lives_begin(&ledger->lives, actor_parse(actor).start);
    for (size_t at = 0; (shard = ledger_next(ledger, &at));)
        shard->counter = 0;
}

// ---- Changes of shards -------------------------------------------------------------------

void ledger_raise(struct ledger_shard *shard, const struct seen *horizon)
{
    seen_join(&shard->horizon, horizon);
    shard->must_strip = true;
}

void ledger_adopt(struct ledger_shard *shard, const struct seen *seen)
{
    seen_join(&shard->seen, seen);
}

void ledger_close_starts(struct ledger_shard *shard, uint32_t process, uint32_t start)
{
    seen_close(&shard->seen, process, start);
}

void ledger_lose(struct ledger_shard *shard)
{
    seen_copy(&shard->seen, &shard->horizon);
    shard->is_lost = true;
    stability_release(&shard->stability);
}

void ledger_make_whole(struct ledger_shard *shard, const struct seen *seen,
                       const struct seen *horizon)
{
    seen_join(&shard->seen, seen);
    ledger_raise(shard, horizon);
    shard->is_lost = false;
    stability_clear_rounds(&shard->stability);
}

void ledger_drop(struct ledger *ledger, struct ledger_shard *shard)
{
    uint64_t id = shard_id(shard->keyspace, shard->partition);
    ledger->entries -= shard->live_count + shard->gone_count;
    table_remove(&ledger->shards, table_key(&id));
    release_shard(shard);
}

uint32_t ledger_lost_count(const struct ledger *ledger)
{
    uint32_t count = 0;
    const struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));)
        count += shard->is_lost;
    return count;
}

uint64_t ledger_seen_count(const struct ledger *ledger)
{
    uint64_t count = 0;
    const struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));)
        count += shard->seen.dots.count;
    return count;
}

void ledger_apply(struct ledger *ledger, const struct ledger_entry *entry)
{
    uint32_t partition = ring_partition_of(ledger->partition_count, entry->token);
    struct ledger_shard *shard = ledger_shard(ledger, entry->keyspace, partition);
    const struct leaf_delta *leaves = &entry->leaves;
    shard->live_count += (uint64_t)leaves->live_count;
    shard->gone_count += (uint64_t)leaves->gone_count;
    shard->live_root += leaves->live_root;
    shard->deleted_root += leaves->deleted_root;
    ledger->entries += (uint64_t)(leaves->live_count + leaves->gone_count);
    trees_apply(&ledger->trees, entry->keyspace, entry->token, leaves);
    for (uint32_t i = 0; i < entry->dot_count; i++)
        seen_add(&shard->seen, entry->dots[i]);
    for (uint32_t i = 0; i < entry->superseded_count; i++)
        requests_add(&ledger->requests, &entry->superseded[i].request, entry->superseded[i].dot,
                     entry->now_ms);
}

// ---- Counting anew -----------------------------------------------------------------------

void ledger_recount_begin(struct ledger *ledger)
{
    struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));) {
        shard->live_count = shard->gone_count = 0;
        shard->live_root = shard->deleted_root = 0;
    }
    ledger->entries = 0;
    ledger->is_old = false;
}

// This copy has known the dots that a record shows, whatever version 1 said about its keyspace.
void ledger_recount_add(struct ledger *ledger, const struct engine_key *key, uint64_t key_hash,
                        const struct record *record)
{
    struct ledger_entry entry = {.token = key->token, .keyspace = key->keyspace};
    struct dot *dots = xmalloc((record->count + 1) * sizeof *dots);
    for (uint32_t i = 0; i < record->count; i++)
        dots[entry.dot_count++] = record->siblings[i].dot;
    entry.dots = dots;
    leaf_delta_add(&entry.leaves, record, key_hash);
    ledger_apply(ledger, &entry);
    free(dots);
}

static bool counts_equal(const struct ledger_shard *a, const struct ledger_shard *b)
{
    static const struct ledger_shard nothing;
    b = b ? b : &nothing;
    return a->live_count == b->live_count && a->gone_count == b->gone_count &&
           a->live_root == b->live_root && a->deleted_root == b->deleted_root;
}

const struct ledger_shard *ledger_difference(const struct ledger *a, const struct ledger *b)
{
    for (unsigned side = 0; side < 2; side++) {
        const struct ledger *one = side ? b : a, *other = side ? a : b;
        const struct ledger_shard *shard;
        for (size_t at = 0; (shard = ledger_next(one, &at));) {
            if (!counts_equal(shard, ledger_find(other, shard->keyspace, shard->partition)))
                return shard;
        }
    }
    return NULL;
}
