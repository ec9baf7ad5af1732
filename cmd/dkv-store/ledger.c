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

void ledger_release(struct ledger *ledger)
{
    struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));) {
        seen_release(&shard->seen);
        free(shard);
    }
    table_release(&ledger->shards);
    requests_release(&ledger->requests);
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
    return last;
}

void ledger_start_actor(struct ledger *ledger, uint64_t actor)
{
    struct ledger_shard *shard;
    ledger->actor = actor;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));)
        shard->counter = 0;
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
