#include "dkv-hintd/tally_format.h"

#include "base/endian.h"
#include "base/section.h"
#include "base/xalloc.h"

#include <stdlib.h>

const char *const tally_format_features[] = {"hints", NULL};

// Sections of notes and of a snapshot, which begins with a byte of its version.
enum {
    SNAPSHOT_VERSION = 1,
    SECTION_START = 1,    // u64 actor, u32 number of partitions
    SECTION_CHANGE = 2,   // u64 target, u64 token, varint keyspace, zigzag count, zigzag bytes,
                          // u64 time, varint count of actors that came, for each: u64; the same of
                          // those that went; varint count of superseded, for each: u64 actor,
                          // u64 counter, 16 bytes request
    SECTION_DEBT = 3,     // u64 target, u32 partition, u64 since, u64 mark
    SECTION_SETTLED = 4,  // u64 target, u32 partition, u64 mark
    SECTION_TARGET = 5,   // u64 target, u64 count, u64 bytes, u64 since
    SECTION_DOTS = 6,     // of each: u32 keyspace, u32 partition, u64 actor, u64 count
    SECTION_SHARDS = 7,   // of each: u32 keyspace, u32 partition, u64 count
    SECTION_REQUESTS = 8, // requests_encode()
    // Empty: all stores have said that they know of no later start of this hintd.
    SECTION_LAST = 9 | SECTION_MAY_BE_SKIPPED,
};

enum { SUPERSEDED_SIZE = 8 + 8 + sizeof(struct request_id) };

static void append_signed(struct buf *out, int64_t number)
{
    buf_append_varint(out, (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0));
}

static int64_t read_signed(struct reader *reader)
{
    uint64_t bits = reader_varint(reader);
    return (int64_t)(bits >> 1 ^ (bits & 1 ? UINT64_MAX : 0));
}

// ---- Writing -----------------------------------------------------------------------------

void tally_format_start(const struct tally *tally, struct buf *note)
{
    size_t begin = section_begin(note, SECTION_START);
    buf_append_u64(note, tally->actor);
    buf_append_u32(note, tally->partition_count);
    section_end(note, begin);
}

void tally_format_last(struct buf *note)
{
    section_end(note, section_begin(note, SECTION_LAST));
}

static void append_actors(const uint64_t *actors, uint32_t count, struct buf *out)
{
    buf_append_varint(out, count);
    for (uint32_t i = 0; i < count; i++)
        buf_append_u64(out, actors[i]);
}

void tally_format_entry(const struct tally_entry *entry, struct buf *note)
{
    size_t begin = section_begin(note, SECTION_CHANGE);
    buf_append_u64(note, entry->target);
    buf_append_u64(note, entry->token);
    buf_append_varint(note, entry->keyspace);
    append_signed(note, entry->count);
    append_signed(note, entry->bytes);
    buf_append_u64(note, entry->wall_ms);
    append_actors(entry->came, entry->came_count, note);
    append_actors(entry->went, entry->went_count, note);
    buf_append_varint(note, entry->superseded_count);
    for (uint32_t i = 0; i < entry->superseded_count; i++) {
        const struct superseded *one = &entry->superseded[i];
        buf_append_u64(note, one->dot.actor);
        buf_append_u64(note, one->dot.counter);
        buf_append(note, bytes_of(one->request.bytes, sizeof one->request.bytes));
    }
    section_end(note, begin);
}

void tally_format_debt(const struct tally_debt *debt, struct buf *note)
{
    size_t begin = section_begin(note, SECTION_DEBT);
    buf_append_u64(note, debt->target);
    buf_append_u32(note, debt->partition);
    buf_append_u64(note, debt->since_ms);
    buf_append_u64(note, debt->mark);
    section_end(note, begin);
}

void tally_format_settled(uint64_t target, uint32_t partition, uint64_t mark, struct buf *note)
{
    size_t begin = section_begin(note, SECTION_SETTLED);
    buf_append_u64(note, target);
    buf_append_u32(note, partition);
    buf_append_u64(note, mark);
    section_end(note, begin);
}

static void append_targets(const struct tally *tally, struct buf *out)
{
    for (uint32_t i = 0; i < tally->target_count; i++) {
        const struct tally_target *target = &tally->targets[i];
        if (!target->count)
            continue;
        size_t begin = section_begin(out, SECTION_TARGET);
        buf_append_u64(out, target->node);
        buf_append_u64(out, target->count);
        buf_append_u64(out, target->bytes);
        buf_append_u64(out, target->since_ms);
        section_end(out, begin);
    }
}

// Keys of both tables are numbers in big endian: they are written as they are.
static void append_counts(uint8_t kind, const struct table *table, struct buf *out)
{
    struct bytes key;
    union table_value *value;
    size_t begin = section_begin(out, kind);
    for (size_t at = 0; table_next(table, &at, &key, &value);) {
        buf_append(out, key);
        buf_append_u64(out, value->number);
    }
    section_end(out, begin);
}

void tally_format_snapshot(const struct tally *tally, struct buf *out)
{
    buf_append_u8(out, SNAPSHOT_VERSION);
    tally_format_start(tally, out);
    if (tally->is_last)
        tally_format_last(out);
    append_targets(tally, out);
    append_counts(SECTION_DOTS, &tally->dots, out);
    append_counts(SECTION_SHARDS, &tally->shards, out);
    for (uint32_t i = 0; i < tally->debt_count; i++)
        tally_format_debt(&tally->debts[i], out);
    size_t begin = section_begin(out, SECTION_REQUESTS);
    requests_encode(&tally->requests, out);
    section_end(out, begin);
}

// ---- Reading -----------------------------------------------------------------------------

static bool read_start(struct tally *tally, struct reader *reader)
{
    uint64_t actor = reader_u64(reader);
    uint32_t partition_count = reader_u32(reader);
    bool is_power = !(partition_count & (partition_count - 1));
    if (!tally->partition_count && is_power && partition_count >= RING_PARTITIONS_MIN &&
        partition_count <= RING_PARTITIONS_MAX)
        tally->partition_count = partition_count;
    if (!reader_done(reader) || !partition_count || partition_count != tally->partition_count)
        return false;
    tally->actor = actor;
    return true;
}

// The list is the caller's to free; NULL if it is none.
static uint64_t *read_actors(struct reader *reader, uint32_t *count)
{
    uint64_t number = reader_varint(reader);
    if (reader->bad || number > reader_left(reader) / sizeof number)
        return NULL;
    uint64_t *actors = xmalloc((number + 1) * sizeof *actors);
    for (*count = 0; *count < number; (*count)++)
        actors[*count] = reader_u64(reader);
    return actors;
}

static bool read_superseded(struct reader *reader, struct superseded_list *list)
{
    uint64_t number = reader_varint(reader);
    if (reader->bad || number != reader_left(reader) / SUPERSEDED_SIZE)
        return false;
    for (uint64_t i = 0; i < number; i++) {
        struct superseded one = {.dot.actor = reader_u64(reader)};
        one.dot.counter = reader_u64(reader);
        memcpy(one.request.bytes, reader_bytes(reader, sizeof one.request.bytes).data,
               sizeof one.request.bytes);
        superseded_list_add(list, one);
    }
    return reader_done(reader);
}

// A change that cannot have been is a damaged note: nothing counts below 0.
static bool is_possible(const struct tally *tally, const struct tally_entry *entry)
{
    const struct tally_target *target = tally_find(tally, entry->target);
    int64_t count = target ? (int64_t)target->count : 0;
    int64_t bytes = target ? (int64_t)target->bytes : 0;
    return tally->partition_count && entry->count >= -1 && entry->count <= 1 &&
           count + entry->count >= 0 && entry->bytes >= -bytes;
}

static bool read_change(struct tally *tally, struct reader *reader)
{
    struct superseded_list superseded = {0};
    struct tally_entry entry = {.target = reader_u64(reader), .now_ms = tally->begin_ms};
    entry.token = reader_u64(reader);
    uint64_t keyspace = reader_varint(reader);
    entry.keyspace = (uint32_t)keyspace;
    entry.count = read_signed(reader);
    entry.bytes = read_signed(reader);
    entry.wall_ms = reader_u64(reader);
    uint64_t *came = read_actors(reader, &entry.came_count);
    uint64_t *went = came ? read_actors(reader, &entry.went_count) : NULL;
    bool is_good = went && keyspace <= UINT32_MAX && read_superseded(reader, &superseded) &&
                   is_possible(tally, &entry);
    entry.came = came;
    entry.went = went;
    entry.superseded = superseded.items;
    entry.superseded_count = superseded.count;
    if (is_good)
        tally_apply(tally, &entry);
    superseded_list_release(&superseded);
    free(came);
    free(went);
    return is_good;
}

static bool read_debt(struct tally *tally, struct reader *reader)
{
    struct tally_debt debt = {.target = reader_u64(reader)};
    debt.partition = reader_u32(reader);
    debt.since_ms = reader_u64(reader);
    debt.mark = reader_u64(reader);
    if (!reader_done(reader) || debt.partition >= tally->partition_count)
        return false;
    tally_put_debt(tally, &debt);
    return true;
}

static bool read_settled(struct tally *tally, struct reader *reader)
{
    uint64_t target = reader_u64(reader);
    uint32_t partition = reader_u32(reader);
    uint64_t mark = reader_u64(reader);
    return reader_done(reader) && tally_settle(tally, target, partition, mark);
}

static bool read_target(struct tally *tally, struct reader *reader)
{
    struct tally_target *target = tally_target(tally, reader_u64(reader));
    target->count = reader_u64(reader);
    target->bytes = reader_u64(reader);
    target->since_ms = reader_u64(reader);
    tally->bytes += target->bytes;
    return reader_done(reader);
}

static bool read_counts(struct table *table, size_t id_size, struct reader *reader)
{
    while (reader_left(reader) >= id_size + 8) {
        struct bytes id = reader_bytes(reader, id_size);
        table_add(table, id)->number = reader_u64(reader);
    }
    return reader_done(reader);
}

static bool read_section(struct tally *tally, const struct section *section, bool *is_known)
{
    struct reader body = reader_of(section->body);
    switch (section->kind) {
    case SECTION_START:
        return read_start(tally, &body);
    case SECTION_CHANGE:
        return read_change(tally, &body);
    case SECTION_DEBT:
        return read_debt(tally, &body);
    case SECTION_SETTLED:
        return read_settled(tally, &body);
    case SECTION_TARGET:
        return read_target(tally, &body);
    case SECTION_DOTS:
        return read_counts(&tally->dots, 16, &body);
    case SECTION_SHARDS:
        return read_counts(&tally->shards, 8, &body);
    case SECTION_REQUESTS:
        return !requests_decode(&tally->requests, &body, tally->begin_ms) && reader_done(&body);
    case SECTION_LAST:
        tally->is_last = true;
        return reader_done(&body);
    default:
        *is_known = section->kind & SECTION_MAY_BE_SKIPPED;
        return *is_known;
    }
}

static enum status read_sections(struct tally *tally, struct reader *reader, struct fault *fault)
{
    struct section section;
    bool is_known = true;
    while (section_next(reader, &section)) {
        if (read_section(tally, &section, &is_known))
            continue;
        return is_known ? STATUS_CORRUPT
                        : fault_set(fault, STATUS_INVALID, "notes of kind %u", section.kind);
    }
    return reader->bad ? STATUS_CORRUPT : STATUS_OK;
}

enum status tally_format_replay(struct tally *tally, struct bytes note, struct fault *fault)
{
    struct reader reader = reader_of(note);
    return note.size ? read_sections(tally, &reader, fault) : STATUS_CORRUPT;
}

enum status tally_format_restore(struct tally *tally, struct bytes snapshot, struct fault *fault)
{
    struct reader reader = reader_of(snapshot);
    uint8_t version = reader_u8(&reader);
    if (version > SNAPSHOT_VERSION)
        return fault_set(fault, STATUS_INVALID, "snapshots of version %u", version);
    return version ? read_sections(tally, &reader, fault) : STATUS_CORRUPT;
}
