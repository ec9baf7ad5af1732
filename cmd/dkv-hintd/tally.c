#include "dkv-hintd/tally.h"

#include "base/endian.h"
#include "base/search.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum { SHARD_ID_SIZE = 8, DOT_ID_SIZE = SHARD_ID_SIZE + 8 };

_Static_assert(DOT_ID_SIZE <= sizeof((struct table_slot){0}.key.bytes),
               "the ids of dots lie in the table itself");

void tally_init(struct tally *tally, uint64_t request_memory_ms)
{
    *tally = (struct tally){0};
    requests_init(&tally->requests, request_memory_ms);
}

void tally_release(struct tally *tally)
{
    free(tally->targets);
    free(tally->debts);
    table_release(&tally->dots);
    table_release(&tally->shards);
    requests_release(&tally->requests);
    *tally = (struct tally){0};
}

// ---- targets -----------------------------------------------------------------------------

static size_t position_of(const struct tally *tally, uint64_t node)
{
    return search_number(tally->targets, tally->target_count, sizeof *tally->targets, node);
}

const struct tally_target *tally_find(const struct tally *tally, uint64_t node)
{
    size_t at = position_of(tally, node);
    bool is_there = at < tally->target_count && tally->targets[at].node == node;
    return is_there ? &tally->targets[at] : NULL;
}

struct tally_target *tally_target(struct tally *tally, uint64_t node)
{
    size_t at = position_of(tally, node);
    if (at < tally->target_count && tally->targets[at].node == node)
        return &tally->targets[at];
    size_t size = sizeof *tally->targets;
    tally->targets = xrealloc(tally->targets, (tally->target_count + 1) * size);
    memmove(&tally->targets[at + 1], &tally->targets[at], (tally->target_count - at) * size);
    tally->target_count++;
    tally->targets[at] = (struct tally_target){.node = node};
    return &tally->targets[at];
}

// ---- dots --------------------------------------------------------------------------------

static struct bytes shard_id(uint32_t keyspace, uint32_t partition, uint8_t id[DOT_ID_SIZE])
{
    store_u32_be(id, keyspace);
    store_u32_be(id + 4, partition);
    return bytes_of(id, SHARD_ID_SIZE);
}

static struct bytes dot_id(uint64_t actor, uint8_t id[DOT_ID_SIZE])
{
    store_u64_be(id + SHARD_ID_SIZE, actor);
    return bytes_of(id, DOT_ID_SIZE);
}

// A number that comes to 0 is not kept.
static void count(struct table *table, struct bytes id, int64_t more)
{
    union table_value *value = table_add(table, id);
    value->number += (uint64_t)more;
    if (!value->number)
        table_remove(table, id);
}

static void count_dots(struct tally *tally, const struct tally_entry *entry)
{
    uint8_t id[DOT_ID_SIZE];
    uint32_t partition = ring_partition_of(tally->partition_count, entry->token);
    count(&tally->shards, shard_id(entry->keyspace, partition, id), entry->count);
    for (uint32_t i = 0; i < entry->came_count; i++)
        count(&tally->dots, dot_id(entry->came[i], id), 1);
    for (uint32_t i = 0; i < entry->went_count; i++)
        count(&tally->dots, dot_id(entry->went[i], id), -1);
}

void tally_apply(struct tally *tally, const struct tally_entry *entry)
{
    struct tally_target *target = tally_target(tally, entry->target);
    assert(tally->partition_count);
    if (!target->count)
        target->since_ms = entry->wall_ms;
    target->count += (uint64_t)entry->count;
    target->bytes += (uint64_t)entry->bytes;
    tally->bytes += (uint64_t)entry->bytes;
    if (!target->count)
        target->since_ms = 0;
    count_dots(tally, entry);
    for (uint32_t i = 0; i < entry->superseded_count; i++)
        requests_add(&tally->requests, &entry->superseded[i].request, entry->superseded[i].dot,
                     entry->now_ms);
}

bool tally_holds(const struct tally *tally, uint32_t keyspace, uint32_t partition, uint32_t process,
                 uint32_t start)
{
    struct bytes key;
    union table_value *value;
    uint8_t id[DOT_ID_SIZE];
    shard_id(keyspace, partition, id);
    for (size_t at = 0; table_next(&tally->dots, &at, &key, &value);) {
        uint64_t actor = load_u64_be(key.data + SHARD_ID_SIZE);
        if (!memcmp(key.data, id, SHARD_ID_SIZE) && actor_process(actor) == process &&
            actor_parse(actor).start <= start)
            return true;
    }
    return false;
}

uint64_t tally_shard_count(const struct tally *tally, uint32_t keyspace, uint32_t partition)
{
    uint8_t id[DOT_ID_SIZE];
    const union table_value *value = table_find(&tally->shards, shard_id(keyspace, partition, id));
    return value ? value->number : 0;
}

// ---- debts -------------------------------------------------------------------------------

// Those of a target stand together, by partition.
static size_t find_debt(const struct tally *tally, uint64_t target, uint32_t partition)
{
    size_t at = search_number(tally->debts, tally->debt_count, sizeof *tally->debts, target);
    while (at < tally->debt_count && tally->debts[at].target == target &&
           tally->debts[at].partition < partition)
        at++;
    return at;
}

static bool is_at(const struct tally *tally, size_t at, uint64_t target, uint32_t partition)
{
    return at < tally->debt_count && tally->debts[at].target == target &&
           tally->debts[at].partition == partition;
}

void tally_put_debt(struct tally *tally, const struct tally_debt *debt)
{
    size_t at = find_debt(tally, debt->target, debt->partition), size = sizeof *tally->debts;
    if (!is_at(tally, at, debt->target, debt->partition)) {
        tally->debts = xrealloc(tally->debts, (tally->debt_count + 1) * size);
        memmove(&tally->debts[at + 1], &tally->debts[at], (tally->debt_count - at) * size);
        tally->debt_count++;
        tally_target(tally, debt->target)->debt_count++;
    }
    tally->debts[at] = *debt;
    if (debt->mark > tally->debt_mark)
        tally->debt_mark = debt->mark;
}

const struct tally_debt *tally_owe(struct tally *tally, uint64_t target, uint32_t partition,
                                   uint64_t wall_ms)
{
    size_t at = find_debt(tally, target, partition);
    struct tally_debt debt = {target, partition, wall_ms, 0};
    if (is_at(tally, at, target, partition))
        debt = tally->debts[at];
    debt.mark = tally->debt_mark + 1;
    tally_put_debt(tally, &debt);
    return &tally->debts[at];
}

bool tally_has_debt(const struct tally *tally, uint64_t target, uint32_t partition, uint64_t mark)
{
    size_t at = find_debt(tally, target, partition);
    return is_at(tally, at, target, partition) && tally->debts[at].mark == mark;
}

bool tally_settle(struct tally *tally, uint64_t target, uint32_t partition, uint64_t mark)
{
    size_t at = find_debt(tally, target, partition);
    if (!tally_has_debt(tally, target, partition, mark))
        return false;
    tally_target(tally, target)->debt_count--;
    tally->debt_count--;
    memmove(&tally->debts[at], &tally->debts[at + 1],
            (tally->debt_count - at) * sizeof *tally->debts);
    return true;
}

// ---- comparing ---------------------------------------------------------------------------

static bool counts_equal(const struct table *a, const struct table *b)
{
    struct bytes key;
    union table_value *value;
    for (size_t at = 0; table_next(a, &at, &key, &value);) {
        const union table_value *other = table_find(b, key);
        if (!other || other->number != value->number)
            return false;
    }
    return a->count == b->count;
}

static bool has_same_targets(const struct tally *a, const struct tally *b)
{
    for (uint32_t i = 0; i < a->target_count; i++) {
        const struct tally_target *one = &a->targets[i], *other = tally_find(b, one->node);
        if ((other ? other->count : 0) != one->count || (other ? other->bytes : 0) != one->bytes)
            return false;
    }
    return true;
}

bool tally_equal(const struct tally *a, const struct tally *b)
{
    return a->bytes == b->bytes && has_same_targets(a, b) && has_same_targets(b, a) &&
           counts_equal(&a->dots, &b->dots) && counts_equal(&a->shards, &b->shards);
}
