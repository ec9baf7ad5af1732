#include "dkv-hintd/keeping.h"

#include "base/hash.h"
#include "base/xalloc.h"
#include "dkv-hintd/tally_format.h"

#include <assert.h>
#include <stdlib.h>

void keeping_release(struct keeping *keeping)
{
    hint_release(&keeping->hint);
    buf_release(&keeping->engine_key);
    buf_release(&keeping->value);
    *keeping = (struct keeping){0};
}

enum status keeping_locate(struct keeping *keeping, const struct ring *ring, uint32_t keyspace_id,
                           struct bytes key)
{
    const struct ring_keyspace *keyspace = ring_keyspace(ring, keyspace_id);
    if (!keyspace || key.size < 1 || key.size > RECORD_KEY_SIZE_MAX)
        return STATUS_INVALID;
    struct engine_key engine_key = engine_key_of(keyspace_id, key);
    buf_clear(&keeping->engine_key);
    engine_key_encode(&engine_key, &keeping->engine_key);
    keeping->hash = hash64(buf_bytes(&keeping->engine_key));
    keeping->key = key;
    keeping->keyspace = keyspace_id;
    keeping->conflict = keyspace->conflict;
    keeping->token = engine_key.token;
    keeping->partition = ring_partition(ring, engine_key.token);
    keeping->target = 0;
    keeping->is_there = false;
    hint_clear(&keeping->hint);
    return STATUS_OK;
}

static enum status read_value(struct keeping *keeping, struct lsm *lsm, struct parked_wait *wait,
                              struct fault *fault)
{
    struct bytes key = buf_bytes(&keeping->engine_key);
    if (parked_must_read(wait))
        return lsm_get(lsm, key, &keeping->value, fault);
    enum status status = lsm_try_get(lsm, key, &keeping->value, &wait->position, fault);
    wait->miss_count += status == STATUS_BUSY;
    return status;
}

enum status keeping_read(struct keeping *keeping, uint64_t target, struct lsm *lsm,
                         struct parked_wait *wait, const char *dir, struct fault *fault)
{
    struct engine_key key = {keeping->token, keeping->keyspace, keeping->key};
    buf_clear(&keeping->engine_key);
    hint_key_encode(target, &key, &keeping->engine_key);
    hint_clear(&keeping->hint);
    buf_clear(&keeping->value);
    keeping->target = target;
    keeping->is_there = false;
    enum status status = read_value(keeping, lsm, wait, fault);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status)
        return status;
    if (hint_decode(&keeping->hint, keeping->key, buf_bytes(&keeping->value)))
        return fault_set(fault, STATUS_CORRUPT, "%s: a hint fails its checksum", dir);
    keeping->is_there = true;
    return STATUS_OK;
}

// ---- changes -----------------------------------------------------------------------------

void keeping_batch_clear(struct keeping_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        free(batch->items[i].came);
        free(batch->items[i].went);
    }
    batch->count = 0;
    lsm_batch_clear(&batch->batch);
    buf_clear(&batch->note);
}

void keeping_batch_release(struct keeping_batch *batch)
{
    keeping_batch_clear(batch);
    free(batch->items);
    lsm_batch_release(&batch->batch);
    buf_release(&batch->note);
    buf_release(&batch->value);
    *batch = (struct keeping_batch){0};
}

static struct keeping_item *add_item(struct keeping_batch *batch)
{
    if (batch->count == batch->capacity) {
        batch->capacity = 2 * batch->capacity + 8;
        batch->items = xrealloc(batch->items, batch->capacity * sizeof *batch->items);
    }
    struct keeping_item *item = &batch->items[batch->count++];
    *item = (struct keeping_item){0};
    return item;
}

// Takes out of `came` what was there before: dots never go from a hint while it is joined.
static uint32_t keep_new(uint64_t *came, uint32_t count, const uint64_t *before,
                         uint32_t before_count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0, b = 0; i < count; i++) {
        while (b < before_count && before[b] < came[i])
            b++;
        if (b == before_count || before[b] != came[i])
            came[kept++] = came[i];
    }
    return kept;
}

bool keeping_batch_put(struct keeping_batch *batch, struct keeping *keeping,
                       const struct hint_news *news, struct moment now)
{
    struct hint *hint = &keeping->hint;
    struct keeping_item *item = add_item(batch);
    uint64_t *before;
    uint32_t before_count = hint_actors(&hint->dots, &hint->record, &before);
    size_t size = keeping->is_there ? keeping->engine_key.size + keeping->value.size : 0;
    if (!keeping->is_there)
        hint->queued_ms = now.wall_ms;
    bool has_room = hint_join_lists(hint, news);
    buf_clear(&batch->value);
    hint_encode(hint, news->encoded, &batch->value);
    item->entry = (struct tally_entry){
        .target = keeping->target,
        .keyspace = keeping->keyspace,
        .token = keeping->token,
        .count = !keeping->is_there,
        .bytes = (int64_t)(keeping->engine_key.size + batch->value.size) - (int64_t)size,
        .wall_ms = now.wall_ms,
        .now_ms = now.mono_ms,
    };
    uint32_t count = hint_actors(&hint->dots, news->record, &item->came);
    item->entry.came_count = keep_new(item->came, count, before, before_count);
    free(before);
    lsm_batch_put(&batch->batch, buf_bytes(&keeping->engine_key), buf_bytes(&batch->value));
    return has_room;
}

void keeping_batch_remove(struct keeping_batch *batch, const struct keeping_gone *gone,
                          struct moment now)
{
    struct keeping_item *item = add_item(batch);
    item->went = xmalloc((gone->actor_count + 1) * sizeof *item->went);
    for (uint32_t i = 0; i < gone->actor_count; i++)
        item->went[i] = gone->actors[i];
    item->entry = (struct tally_entry){
        .target = gone->target,
        .keyspace = gone->keyspace,
        .token = gone->token,
        .count = -1,
        .bytes = -(int64_t)gone->size,
        .wall_ms = now.wall_ms,
        .now_ms = now.mono_ms,
        .went_count = gone->actor_count,
    };
    lsm_batch_delete(&batch->batch, gone->engine_key);
}

void keeping_batch_remember(struct keeping_batch *batch, const struct superseded_list *remember)
{
    assert(batch->count);
    struct tally_entry *entry = &batch->items[batch->count - 1].entry;
    entry->superseded = remember->items;
    entry->superseded_count = remember->count;
}

enum status keeping_batch_write(struct keeping_batch *batch, struct lsm *lsm, struct tally *tally)
{
    uint64_t position;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct keeping_item *item = &batch->items[i];
        item->entry.came = item->came;
        item->entry.went = item->went;
        tally_format_entry(&item->entry, &batch->note);
    }
    lsm_batch_note(&batch->batch, buf_bytes(&batch->note));
    enum status status = lsm_write(lsm, &batch->batch, &position);
    for (uint32_t i = 0; !status && i < batch->count; i++)
        tally_apply(tally, &batch->items[i].entry);
    keeping_batch_clear(batch);
    return status;
}
