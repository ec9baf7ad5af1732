#include "dkv-store/ledger_version_1.h"

#include "dkv-store/ledger_lists.h"

enum {
    KEYSPACE = 1,   // "default"
    NOTE_ACTOR = 1, // u64 actor, u64 wall_ms
    NOTE_ENTRY = 2, // varint partition, u64 root_delta, u8 is_new_key, u64 wall_ms; the lists
};

bool ledger_version_1_is_note(struct bytes note)
{
    return note.size && (note.data[0] == NOTE_ACTOR || note.data[0] == NOTE_ENTRY);
}

static enum status replay_entry(struct ledger *ledger, struct reader *reader)
{
    struct ledger_entry entry = {.keyspace = KEYSPACE, .now_ms = ledger->now_ms};
    uint64_t partition = reader_varint(reader);
    reader_u64(reader);
    reader_u8(reader);
    reader_u64(reader);
    if (reader->bad || partition >= ledger->partition_count)
        return STATUS_CORRUPT;
    // Any token of the partition would do.
    entry.token = ring_partition_begin(ledger->partition_count, (uint32_t)partition);
    return ledger_lists_apply(ledger, &entry, reader);
}

enum status ledger_version_1_replay(struct ledger *ledger, struct bytes note)
{
    struct reader reader = reader_of(note);
    ledger->is_old = ledger->lives.is_begun_before = true;
    if (!ledger->partition_count) // only records can be looked at, without their ring
        return STATUS_OK;
    if (reader_u8(&reader) == NOTE_ENTRY)
        return replay_entry(ledger, &reader);
    ledger->actor = reader_u64(&reader);
    reader_u64(&reader);
    return reader_done(&reader) ? STATUS_OK : STATUS_CORRUPT;
}

// u8 version, u64 actor, u32 number of partitions, for each: u64 root, varint entries, seen-clock;
// then the requests, each with a wall clock.
enum status ledger_version_1_restore(struct ledger *ledger, struct bytes snapshot)
{
    struct reader reader = reader_of(snapshot);
    reader_u8(&reader);
    uint64_t actor = reader_u64(&reader);
    uint32_t partition_count = reader_u32(&reader);
    ledger->is_old = ledger->lives.is_begun_before = true;
    if (!ledger->partition_count)
        return STATUS_OK;
    if (reader.bad || partition_count != ledger->partition_count)
        return STATUS_CORRUPT;
    ledger->actor = actor;
    for (uint32_t i = 0; i < partition_count; i++) {
        struct seen seen = {0};
        reader_u64(&reader);
        reader_varint(&reader);
        enum status status = seen_decode_1(&seen, &reader);
        if (!status && seen.dots.count)
            seen_join(&ledger_shard(ledger, KEYSPACE, i)->seen, &seen);
        seen_release(&seen);
        if (status)
            return status;
    }
    enum status status = requests_decode_1(&ledger->requests, &reader, ledger->now_ms);
    if (status)
        return status;
    return reader_done(&reader) ? STATUS_OK : STATUS_CORRUPT;
}
