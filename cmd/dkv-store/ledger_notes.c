#include "dkv-store/ledger_notes.h"

#include "base/section.h"

// ---- Writing -----------------------------------------------------------------------------

static void append_place(struct ledger_place place, struct buf *out)
{
    buf_append_varint(out, place.keyspace);
    buf_append_varint(out, place.partition);
}

static void append_seen(enum ledger_note kind, struct ledger_place place, const struct seen *seen,
                        struct buf *note)
{
    size_t begin = section_begin(note, (uint8_t)kind);
    append_place(place, note);
    seen_encode(seen, note);
    section_end(note, begin);
}

void ledger_notes_horizon(struct ledger_place place, const struct seen *horizon, struct buf *note)
{
    append_seen(LEDGER_NOTE_HORIZON, place, horizon, note);
}

void ledger_notes_adoption(struct ledger_place place, const struct seen *seen, struct buf *note)
{
    append_seen(LEDGER_NOTE_ADOPTION, place, seen, note);
}

void ledger_notes_closing(struct ledger_place place, uint32_t process, uint32_t start,
                          struct buf *note)
{
    size_t begin = section_begin(note, LEDGER_NOTE_CLOSING);
    append_place(place, note);
    buf_append_varint(note, process);
    buf_append_u32(note, start);
    section_end(note, begin);
}

void ledger_notes_loss(uint64_t actor, const struct ledger_place *places, size_t count,
                       struct buf *note)
{
    size_t begin = section_begin(note, LEDGER_NOTE_LOSS);
    buf_append_u64(note, actor);
    buf_append_varint(note, count);
    for (size_t i = 0; i < count; i++)
        append_place(places[i], note);
    section_end(note, begin);
}

void ledger_notes_whole(struct ledger_place place, const struct seen *seen,
                        const struct seen *horizon, struct buf *note)
{
    size_t begin = section_begin(note, LEDGER_NOTE_WHOLE);
    append_place(place, note);
    seen_encode(seen, note);
    seen_encode(horizon, note);
    section_end(note, begin);
}

void ledger_notes_heard(uint64_t actor, uint64_t position, struct buf *note)
{
    size_t begin = section_begin(note, LEDGER_NOTE_HEARD);
    buf_append_u64(note, actor);
    buf_append_u64(note, position);
    section_end(note, begin);
}

void ledger_notes_drop(struct ledger_place place, struct buf *note)
{
    size_t begin = section_begin(note, LEDGER_NOTE_DROP);
    append_place(place, note);
    section_end(note, begin);
}

// ---- Applying ----------------------------------------------------------------------------

// Makes the shard if there is none; NULL: it is no place of a shard.
static struct ledger_shard *read_shard(struct ledger *ledger, struct reader *body)
{
    uint64_t keyspace = reader_varint(body), partition = reader_varint(body);
    if (body->bad || keyspace > UINT32_MAX || partition >= ledger->partition_count)
        return NULL;
    return ledger_shard(ledger, (uint32_t)keyspace, (uint32_t)partition);
}

static enum status apply_seen(struct ledger *ledger, struct reader *body,
                              void (*apply)(struct ledger_shard *shard, const struct seen *seen))
{
    struct seen seen = {0};
    struct ledger_shard *shard = read_shard(ledger, body);
    enum status status = shard ? seen_decode(&seen, body) : STATUS_CORRUPT;
    if (!status && !reader_done(body))
        status = STATUS_CORRUPT;
    if (!status)
        apply(shard, &seen);
    seen_release(&seen);
    return status;
}

static enum status apply_closing(struct ledger *ledger, struct reader *body)
{
    struct ledger_shard *shard = read_shard(ledger, body);
    uint64_t process = reader_varint(body);
    uint32_t start = reader_u32(body);
    if (!shard || !reader_done(body) || process >> 17 || !start || start > ACTOR_START_MAX)
        return STATUS_CORRUPT;
    ledger_close_starts(shard, (uint32_t)process, start);
    return STATUS_OK;
}

static enum status apply_loss(struct ledger *ledger, struct reader *body)
{
    uint64_t actor = reader_u64(body), count = reader_varint(body);
    while (count && !body->bad) {
        struct ledger_shard *shard = read_shard(ledger, body);
        if (!shard)
            return STATUS_CORRUPT;
        ledger_lose(shard);
        count--;
    }
    if (!reader_done(body))
        return STATUS_CORRUPT;
    ledger->lives.losses++;
    ledger_start_actor(ledger, actor);
    return STATUS_OK;
}

static enum status apply_whole(struct ledger *ledger, struct reader *body)
{
    struct seen seen = {0}, horizon = {0};
    struct ledger_shard *shard = read_shard(ledger, body);
    enum status status = shard ? seen_decode(&seen, body) : STATUS_CORRUPT;
    if (!status)
        status = seen_decode(&horizon, body);
    if (!status && !reader_done(body))
        status = STATUS_CORRUPT;
    if (!status)
        ledger_make_whole(shard, &seen, &horizon);
    seen_release(&seen);
    seen_release(&horizon);
    return status;
}

static enum status apply_heard(struct ledger *ledger, struct reader *body)
{
    uint64_t actor = reader_u64(body), position = reader_u64(body);
    if (!reader_done(body))
        return STATUS_CORRUPT;
    lives_hear(&ledger->lives, actor, position, ledger->now_ms);
    return STATUS_OK;
}

static enum status apply_drop(struct ledger *ledger, struct reader *body)
{
    struct ledger_shard *shard = read_shard(ledger, body);
    if (!shard || !reader_done(body))
        return STATUS_CORRUPT;
    ledger_drop(ledger, shard);
    return STATUS_OK;
}

enum status ledger_notes_apply(struct ledger *ledger, uint8_t kind, struct reader *body)
{
    switch (kind) {
    case LEDGER_NOTE_HORIZON:
        return apply_seen(ledger, body, ledger_raise);
    case LEDGER_NOTE_ADOPTION:
        return apply_seen(ledger, body, ledger_adopt);
    case LEDGER_NOTE_CLOSING:
        return apply_closing(ledger, body);
    case LEDGER_NOTE_LOSS:
        return apply_loss(ledger, body);
    case LEDGER_NOTE_WHOLE:
        return apply_whole(ledger, body);
    case LEDGER_NOTE_HEARD:
        return apply_heard(ledger, body);
    case LEDGER_NOTE_DROP:
        return apply_drop(ledger, body);
    default:
        return STATUS_NOT_FOUND;
    }
}
