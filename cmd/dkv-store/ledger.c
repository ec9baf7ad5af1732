#include "dkv-store/ledger.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum { LEDGER_VERSION = 1 };

enum note_kind {
    NOTE_ACTOR = 1, // u64 actor, u64 wall_ms
    NOTE_ENTRY = 2, // varint partition, u64 root_delta, u8 is_new_key, u64 wall_ms;
                    // varint count of dots, for each: u64 actor, varint counter;
                    // varint count of superseded, for each: dot, 16 bytes request
};

void ledger_init(struct ledger *ledger, uint32_t partition_count, uint64_t request_memory_ms)
{
    *ledger = (struct ledger){.partition_count = partition_count};
    ledger->partitions = xcalloc(partition_count, sizeof *ledger->partitions);
    requests_init(&ledger->requests, request_memory_ms);
}

void ledger_release(struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->partition_count; i++)
        seen_release(&ledger->partitions[i].seen);
    free(ledger->partitions);
    requests_release(&ledger->requests);
    *ledger = (struct ledger){0};
}

void ledger_start_actor(struct ledger *ledger, uint64_t actor, uint64_t wall_ms, struct buf *note)
{
    ledger->actor = actor;
    for (uint32_t i = 0; i < ledger->partition_count; i++)
        ledger->partitions[i].counter = 0;
#if DKV_MUTANT == 3
    for (uint32_t i = 0; i < ledger->partition_count; i++)
        ledger->partitions[i].counter = seen_high(&ledger->partitions[i].seen, actor);
#endif
    buf_append_u8(note, NOTE_ACTOR);
    buf_append_u64(note, actor);
    buf_append_u64(note, wall_ms);
}

static void append_dot(struct dot dot, struct buf *out)
{
    buf_append_u64(out, dot.actor);
    buf_append_varint(out, dot.counter);
}

static struct dot read_dot(struct reader *reader)
{
    uint64_t actor = reader_u64(reader);
    return (struct dot){actor, reader_varint(reader)};
}

void ledger_note(const struct ledger_entry *entry, struct buf *note)
{
    buf_append_u8(note, NOTE_ENTRY);
    buf_append_varint(note, entry->partition);
    buf_append_u64(note, entry->root_delta);
    buf_append_u8(note, entry->is_new_key);
    buf_append_u64(note, 0);
    buf_append_varint(note, entry->dot_count);
    for (uint32_t i = 0; i < entry->dot_count; i++)
        append_dot(entry->dots[i], note);
    buf_append_varint(note, entry->superseded_count);
    for (uint32_t i = 0; i < entry->superseded_count; i++) {
        const struct ledger_superseded *superseded = &entry->superseded[i];
        append_dot(superseded->dot, note);
        buf_append(note, bytes_of(superseded->request.bytes, sizeof superseded->request.bytes));
    }
}

void ledger_apply(struct ledger *ledger, const struct ledger_entry *entry)
{
    struct ledger_partition *partition = &ledger->partitions[entry->partition];
    partition->root += entry->root_delta;
    partition->entries += entry->is_new_key;
    ledger->entries += entry->is_new_key;
    for (uint32_t i = 0; i < entry->dot_count; i++)
        seen_add(&partition->seen, entry->dots[i]);
    for (uint32_t i = 0; i < entry->superseded_count; i++)
        requests_add(&ledger->requests, &entry->superseded[i].request, entry->superseded[i].dot,
                     entry->now_ms);
}

// The lists of an entry, in memory of the caller's entry until ledger_replay() frees it.
static bool read_lists(struct reader *reader, struct dot **dots, uint32_t *dot_count,
                       struct ledger_superseded **superseded, uint32_t *superseded_count)
{
    uint64_t count = reader_varint(reader);
    if (count > reader_left(reader))
        return false;
    *dots = xmalloc(count * sizeof **dots);
    *dot_count = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++)
        (*dots)[i] = read_dot(reader);
    count = reader_varint(reader);
    if (count > reader_left(reader))
        return false;
    *superseded = xcalloc(count, sizeof **superseded);
    *superseded_count = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        (*superseded)[i].dot = read_dot(reader);
        struct bytes request = reader_bytes(reader, sizeof(*superseded)[i].request.bytes);
        if (request.size)
            memcpy((*superseded)[i].request.bytes, request.data, request.size);
    }
    return reader_done(reader);
}

static enum status replay_entry(struct ledger *ledger, struct reader *reader)
{
    struct ledger_entry entry = {.partition = (uint32_t)reader_varint(reader)};
    entry.root_delta = reader_u64(reader);
    entry.is_new_key = reader_u8(reader);
    reader_u64(reader);
    entry.now_ms = ledger->begin_ms;
    if (reader->bad || entry.partition >= ledger->partition_count)
        return STATUS_CORRUPT;
    struct dot *dots = NULL;
    struct ledger_superseded *superseded = NULL;
    bool whole = read_lists(reader, &dots, &entry.dot_count, &superseded, &entry.superseded_count);
    entry.dots = dots;
    entry.superseded = superseded;
    if (whole)
        ledger_apply(ledger, &entry);
    free(dots);
    free(superseded);
    return whole ? STATUS_OK : STATUS_CORRUPT;
}

enum status ledger_replay(struct ledger *ledger, struct bytes note)
{
    struct reader reader = reader_of(note);
    switch (reader_u8(&reader)) {
    case NOTE_ACTOR:
        ledger->actor = reader_u64(&reader);
        reader_u64(&reader);
        return reader_done(&reader) ? STATUS_OK : STATUS_CORRUPT;
    case NOTE_ENTRY:
        return replay_entry(ledger, &reader);
    default:
        return STATUS_CORRUPT;
    }
}

void ledger_snapshot(const struct ledger *ledger, struct buf *out)
{
    buf_append_u8(out, LEDGER_VERSION);
    buf_append_u64(out, ledger->actor);
    buf_append_u32(out, ledger->partition_count);
    for (uint32_t i = 0; i < ledger->partition_count; i++) {
        const struct ledger_partition *partition = &ledger->partitions[i];
        buf_append_u64(out, partition->root);
        buf_append_varint(out, partition->entries);
        seen_encode(&partition->seen, out);
    }
    requests_encode(&ledger->requests, out);
}

enum status ledger_restore(struct ledger *ledger, struct bytes snapshot)
{
    struct reader reader = reader_of(snapshot);
    uint8_t version = reader_u8(&reader);
    uint64_t actor = reader_u64(&reader);
    uint32_t partition_count = reader_u32(&reader);
    if (version != LEDGER_VERSION || partition_count != ledger->partition_count)
        return STATUS_CORRUPT;
    ledger->actor = actor;
    for (uint32_t i = 0; i < partition_count; i++) {
        struct ledger_partition *partition = &ledger->partitions[i];
        partition->root = reader_u64(&reader);
        partition->entries = reader_varint(&reader);
        ledger->entries += partition->entries;
        enum status status = seen_decode(&partition->seen, &reader);
        if (status)
            return status;
    }
    enum status status = requests_decode(&ledger->requests, &reader, ledger->begin_ms);
    if (status)
        return status;
    return reader_done(&reader) ? STATUS_OK : STATUS_CORRUPT;
}
