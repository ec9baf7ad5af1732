#include "dkv-store/ledger_format.h"

#include "base/section.h"
#include "dkv-store/ledger_lists.h"
#include "dkv-store/ledger_notes.h"
#include "dkv-store/ledger_version_1.h"

const char *const ledger_format_features[] = {"shards", "horizons", NULL};

// Sections of notes, besides those of ledger_notes.h. Those of version 1 had smaller kinds and no
// sizes.
enum note_section {
    NOTE_START = 16, // u64 actor, u32 number of partitions
    NOTE_WRITE = 17, // u64 token, varint keyspace, u8 enum write_part, those parts;
                     // varint count of dots, for each: u64 actor, varint counter;
                     // varint count of superseded, for each: dot, 16 bytes request
};

enum write_part {
    WRITE_LIVE_ROOT = 1,    // u64 to add
    WRITE_DELETED_ROOT = 2, // the same
    WRITE_LIVE_COUNT = 4,   // varint, zigzag
    WRITE_GONE_COUNT = 8,   // the same
    WRITE_PARTS = 15,
};

// Sections of a snapshot, behind a byte with its version.
enum {
    SNAPSHOT_VERSION = 3,
    SNAPSHOT_HEAD = 1,    // u64 actor, u32 number of partitions
    SNAPSHOT_SHARD_2 = 2, // varint keyspace, varint partition, varint live, varint gone,
                          // u64 live root, u64 deleted root, seen-clock; of version 2
    SNAPSHOT_REQUESTS = 3,
    SNAPSHOT_LIVES = 4,
    SNAPSHOT_SHARD = 5, // the same as 2, then the horizon, u8 enum shard_flags
};

enum shard_flags { SHARD_LOST = 1 };

// ---- Writing ---------------------------------------------------------------------------

// Small numbers of either sign have few bytes.
static void append_signed(struct buf *out, int64_t number)
{
    buf_append_varint(out, (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0));
}

static int64_t read_signed(struct reader *reader)
{
    uint64_t bits = reader_varint(reader);
    return (int64_t)(bits >> 1 ^ (bits & 1 ? UINT64_MAX : 0));
}

static void append_dot(struct dot dot, struct buf *out)
{
    buf_append_u64(out, dot.actor);
    buf_append_varint(out, dot.counter);
}

static void append_start(const struct ledger *ledger, uint8_t kind, struct buf *out)
{
    size_t begin = section_begin(out, kind);
    buf_append_u64(out, ledger->actor);
    buf_append_u32(out, ledger->partition_count);
    section_end(out, begin);
}

void ledger_format_start(const struct ledger *ledger, struct buf *note)
{
    append_start(ledger, NOTE_START, note);
}

static void append_parts(const struct leaf_delta *leaves, struct buf *note)
{
    buf_append_u8(note, (uint8_t)((leaves->live_root ? WRITE_LIVE_ROOT : 0) |
                                  (leaves->deleted_root ? WRITE_DELETED_ROOT : 0) |
                                  (leaves->live_count ? WRITE_LIVE_COUNT : 0) |
                                  (leaves->gone_count ? WRITE_GONE_COUNT : 0)));
    if (leaves->live_root)
        buf_append_u64(note, leaves->live_root);
    if (leaves->deleted_root)
        buf_append_u64(note, leaves->deleted_root);
    if (leaves->live_count)
        append_signed(note, leaves->live_count);
    if (leaves->gone_count)
        append_signed(note, leaves->gone_count);
}

void ledger_format_note(const struct ledger_entry *entry, struct buf *note)
{
    size_t begin = section_begin(note, NOTE_WRITE);
    buf_append_u64(note, entry->token);
    buf_append_varint(note, entry->keyspace);
    append_parts(&entry->leaves, note);
    buf_append_varint(note, entry->dot_count);
    for (uint32_t i = 0; i < entry->dot_count; i++)
        append_dot(entry->dots[i], note);
    buf_append_varint(note, entry->superseded_count);
    for (uint32_t i = 0; i < entry->superseded_count; i++) {
        const struct superseded *superseded = &entry->superseded[i];
        append_dot(superseded->dot, note);
        buf_append(note, bytes_of(superseded->request.bytes, sizeof superseded->request.bytes));
    }
    section_end(note, begin);
}

static void append_head(const struct ledger *ledger, struct buf *out)
{
    buf_append_u8(out, SNAPSHOT_VERSION);
    append_start(ledger, SNAPSHOT_HEAD, out);
}

static void append_shard(const struct ledger_shard *shard, struct buf *out)
{
    size_t begin = section_begin(out, SNAPSHOT_SHARD);
    buf_append_varint(out, shard->keyspace);
    buf_append_varint(out, shard->partition);
    buf_append_varint(out, shard->live_count);
    buf_append_varint(out, shard->gone_count);
    buf_append_u64(out, shard->live_root);
    buf_append_u64(out, shard->deleted_root);
    seen_encode(&shard->seen, out);
    seen_encode(&shard->horizon, out);
    buf_append_u8(out, shard->is_lost ? SHARD_LOST : 0);
    section_end(out, begin);
}

static void append_lives(const struct ledger *ledger, struct buf *out)
{
    size_t begin = section_begin(out, SNAPSHOT_LIVES);
    lives_encode(&ledger->lives, out);
    section_end(out, begin);
}

static void append_requests(const struct ledger *ledger, struct buf *out)
{
    size_t begin = section_begin(out, SNAPSHOT_REQUESTS);
    requests_encode(&ledger->requests, out);
    section_end(out, begin);
}

void ledger_format_snapshot(const struct ledger *ledger, struct buf *out)
{
    const struct ledger_shard *shard;
    append_head(ledger, out);
    append_lives(ledger, out);
    for (size_t at = 0; (shard = ledger_next(ledger, &at));)
        append_shard(shard, out);
    append_requests(ledger, out);
}

// ---- Reading ---------------------------------------------------------------------------

// The same in a note and in a snapshot.
static enum status read_start(struct ledger *ledger, struct reader *reader)
{
    uint64_t actor = reader_u64(reader);
    uint32_t partition_count = reader_u32(reader);
    bool is_power = !(partition_count & (partition_count - 1));
    if (!ledger->partition_count && is_power && partition_count >= RING_PARTITIONS_MIN &&
        partition_count <= RING_PARTITIONS_MAX)
        ledger->partition_count = partition_count;
    if (!reader_done(reader) || partition_count != ledger->partition_count)
        return STATUS_CORRUPT;
    ledger_start_actor(ledger, actor);
    return STATUS_OK;
}

static void read_parts(struct ledger_entry *entry, struct reader *reader)
{
    uint8_t parts = reader_u8(reader);
    entry->leaves.live_root = parts & WRITE_LIVE_ROOT ? reader_u64(reader) : 0;
    entry->leaves.deleted_root = parts & WRITE_DELETED_ROOT ? reader_u64(reader) : 0;
    entry->leaves.live_count = parts & WRITE_LIVE_COUNT ? read_signed(reader) : 0;
    entry->leaves.gone_count = parts & WRITE_GONE_COUNT ? read_signed(reader) : 0;
    reader->bad |= (parts & ~WRITE_PARTS) != 0;
}

static enum status read_write(struct ledger *ledger, struct reader *reader)
{
    struct ledger_entry entry = {.token = reader_u64(reader), .now_ms = ledger->now_ms};
    uint64_t keyspace = reader_varint(reader);
    entry.keyspace = (uint32_t)keyspace;
    read_parts(&entry, reader);
    if (reader->bad || keyspace > UINT32_MAX || !ledger->partition_count)
        return STATUS_CORRUPT;
    return ledger_lists_apply(ledger, &entry, reader);
}

static enum status refuse(const struct section *section, const char *what, struct fault *fault)
{
    if (section->kind & SECTION_MAY_BE_SKIPPED)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID, "%s of kind %u", what, section->kind);
}

enum status ledger_format_replay(struct ledger *ledger, struct bytes note, struct fault *fault)
{
    struct reader reader = reader_of(note);
    struct section section;
    enum status status = STATUS_OK;
    if (ledger_version_1_is_note(note))
        return ledger_version_1_replay(ledger, note);
    while (!status && section_next(&reader, &section)) {
        struct reader body = reader_of(section.body);
        if (section.kind == NOTE_START)
            status = read_start(ledger, &body);
        else if (section.kind == NOTE_WRITE)
            status = read_write(ledger, &body);
        else
            status = ledger_notes_apply(ledger, section.kind, &body);
        if (status == STATUS_NOT_FOUND)
            status = refuse(&section, "notes", fault);
    }
    ledger->lives.position++;
    return reader.bad || !note.size ? STATUS_CORRUPT : status;
}

static enum status read_horizon(struct ledger_shard *shard, struct reader *reader)
{
    enum status status = seen_decode(&shard->horizon, reader);
    uint8_t flags = reader_u8(reader);
    shard->is_lost = flags & SHARD_LOST;
    shard->must_strip = true; // as far as that had come is not known
    return status || flags > SHARD_LOST ? STATUS_CORRUPT : STATUS_OK;
}

static enum status read_shard(struct ledger *ledger, bool has_horizon, struct reader *reader)
{
    uint64_t keyspace = reader_varint(reader), partition = reader_varint(reader);
    if (reader->bad || keyspace > UINT32_MAX || partition >= ledger->partition_count ||
        ledger_find(ledger, (uint32_t)keyspace, (uint32_t)partition))
        return STATUS_CORRUPT;
    struct ledger_shard *shard = ledger_shard(ledger, (uint32_t)keyspace, (uint32_t)partition);
    shard->live_count = reader_varint(reader);
    shard->gone_count = reader_varint(reader);
    shard->live_root = reader_u64(reader);
    shard->deleted_root = reader_u64(reader);
    ledger->entries += shard->live_count + shard->gone_count;
    enum status status = seen_decode(&shard->seen, reader);
    if (!status && has_horizon)
        status = read_horizon(shard, reader);
    return status || reader_done(reader) ? status : STATUS_CORRUPT;
}

static enum status read_requests(struct ledger *ledger, struct reader *reader)
{
    enum status status = requests_decode(&ledger->requests, reader, ledger->now_ms);
    return status || reader_done(reader) ? status : STATUS_CORRUPT;
}

static enum status read_lives(struct ledger *ledger, struct reader *reader)
{
    enum status status = lives_decode(&ledger->lives, reader, ledger->now_ms);
    return status || reader_done(reader) ? status : STATUS_CORRUPT;
}

enum status ledger_format_restore(struct ledger *ledger, struct bytes snapshot, struct fault *fault)
{
    struct reader reader = reader_of(snapshot);
    struct section section;
    uint8_t version = reader_u8(&reader);
    enum status status = STATUS_OK;
    if (version == 1)
        return ledger_version_1_restore(ledger, snapshot);
    if (version > SNAPSHOT_VERSION)
        return fault_set(fault, STATUS_INVALID, "snapshots of version %u", version);
    while (!status && section_next(&reader, &section)) {
        struct reader body = reader_of(section.body);
        if (section.kind == SNAPSHOT_HEAD)
            status = read_start(ledger, &body);
        else if (section.kind == SNAPSHOT_SHARD || section.kind == SNAPSHOT_SHARD_2)
            status = read_shard(ledger, section.kind == SNAPSHOT_SHARD, &body);
        else if (section.kind == SNAPSHOT_LIVES)
            status = read_lives(ledger, &body);
        else if (section.kind == SNAPSHOT_REQUESTS)
            status = read_requests(ledger, &body);
        else
            status = refuse(&section, "snapshots with sections", fault);
    }
    ledger->lives.is_begun_before = version < SNAPSHOT_VERSION;
    return reader.bad || !version ? STATUS_CORRUPT : status;
}
