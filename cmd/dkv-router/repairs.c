#include "dkv-router/repairs.h"

static void forget(struct repairs *repairs, struct read_repair *repair)
{
    repairs->count--;
    repairs->size -= repair->key.size + repair->record.size;
    buf_release(&repair->key);
    buf_release(&repair->record);
    repair->is_used = false;
    repair->life++;
}

void repairs_release(struct repairs *repairs)
{
    for (uint32_t i = 0; i < REPAIRS_MAX; i++) {
        if (repairs->items[i].is_used)
            forget(repairs, &repairs->items[i]);
    }
}

static uint64_t id_of(const struct repairs *repairs, const struct read_repair *repair)
{
    return (uint64_t)repair->life << 32 | REPAIRS_ID | (uint64_t)(repair - repairs->items);
}

static struct read_repair *find_free(struct repairs *repairs, size_t size)
{
    if (repairs->count == REPAIRS_MAX || repairs->size + size > REPAIRS_SIZE_MAX)
        return NULL;
    struct read_repair *repair = repairs->items;
    while (repair->is_used)
        repair++;
    return repair;
}

uint64_t repairs_add(struct repairs *repairs, uint32_t number, const struct ring_stamp *stamp,
                     const struct op_merge *merge, struct moment now)
{
    size_t size = merge->key.size + merge->record.size;
    struct read_repair *repair = find_free(repairs, size);
    if (!repair)
        return 0;
    repairs->count++;
    repairs->size += size;
    *repair = (struct read_repair){.is_used = true,
                                   .is_sent = true,
                                   .tries = 1,
                                   .life = repair->life,
                                   .number = number,
                                   .due_ms = now.mono_ms + REPAIRS_REPLY_MS,
                                   .stamp = *stamp,
                                   .keyspace = merge->keyspace};
    buf_set(&repair->key, merge->key);
    buf_set(&repair->record, merge->record);
    return id_of(repairs, repair);
}

static uint64_t pause_ms(unsigned tries)
{
    uint64_t pause = REPAIRS_PAUSE_MS;
    while (--tries)
        pause *= 4;
    return pause;
}

enum status repairs_on_merged(struct repairs *repairs, uint32_t number,
                              const struct op_merged *merged, struct moment now)
{
    uint32_t index = (uint32_t)(merged->id & (REPAIRS_ID - 1));
    if (!(merged->id & REPAIRS_ID) || index >= REPAIRS_MAX)
        return STATUS_NOT_FOUND;
    struct read_repair *repair = &repairs->items[index];
    if (!repair->is_used || id_of(repairs, repair) != merged->id || repair->number != number)
        return STATUS_NOT_FOUND;
    if (merged->status != STATUS_BUSY || repair->tries == REPAIRS_TRIES) {
        forget(repairs, repair);
        return merged->status == STATUS_BUSY ? STATUS_REFUSED : (enum status)merged->status;
    }
    repair->is_sent = false;
    repair->due_ms = now.mono_ms + pause_ms(repair->tries);
    return STATUS_BUSY;
}

bool repairs_next(struct repairs *repairs, struct moment now, struct op_merge *merge,
                  uint32_t *number, struct ring_stamp *stamp)
{
    for (uint32_t i = 0; repairs->count && i < REPAIRS_MAX; i++) {
        struct read_repair *repair = &repairs->items[i];
        if (!repair->is_used || now.mono_ms < repair->due_ms)
            continue;
        if (repair->is_sent) { // its owner is gone, or was: somebody will read the key again
            forget(repairs, repair);
            continue;
        }
        repair->is_sent = true;
        repair->tries++;
        repair->due_ms = now.mono_ms + REPAIRS_REPLY_MS;
        *merge = (struct op_merge){.id = id_of(repairs, repair),
                                   .keyspace = repair->keyspace,
                                   .key = buf_bytes(&repair->key),
                                   .record = buf_bytes(&repair->record)};
        *number = repair->number;
        *stamp = repair->stamp;
        return true;
    }
    return false;
}
