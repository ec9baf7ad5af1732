#include "dkv-store/lives.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum { PROCESS_END = 1 << 17, ENDED_SIZE = 4 + 8, HEARD_SIZE_MIN = 1 + 4 + 8 };

void lives_release(struct lives *lives)
{
    free(lives->ended);
    free(lives->heard);
    *lives = (struct lives){0};
}

static void add_ended(struct lives *lives, struct life life)
{
    if (lives->ended_count == LIVES_MAX) {
        lives->known_from = lives->ended[1].start;
        memmove(lives->ended, lives->ended + 1, (LIVES_MAX - 1) * sizeof *lives->ended);
        lives->ended_count--;
    }
    lives->ended = xrealloc(lives->ended, (lives->ended_count + 1) * sizeof *lives->ended);
    lives->ended[lives->ended_count++] = life;
}

void lives_begin(struct lives *lives, uint32_t start)
{
    if (lives->start == start)
        return;
    if (lives->is_begun_before)
        lives->known_from = start;
    else if (lives->start)
        add_ended(lives, (struct life){lives->start, lives->position});
    lives->is_begun_before = false;
    lives->start = start;
    lives->position = 0;
}

static uint32_t position_of(const struct lives *lives, uint32_t process)
{
    uint32_t i = 0;
    while (i < lives->heard_count && lives->heard[i].process < process)
        i++;
    return i;
}

const struct heard *lives_heard(const struct lives *lives, uint32_t process)
{
    uint32_t i = position_of(lives, process);
    return i < lives->heard_count && lives->heard[i].process == process ? &lives->heard[i] : NULL;
}

// About a start that is no later than the present one.
static bool is_known(const struct lives *lives, uint32_t start, uint64_t position)
{
    if (!start || start < lives->known_from)
        return true;
    if (start == lives->start)
        return position <= lives->position;
    for (uint32_t i = 0; i < lives->ended_count; i++) {
        if (lives->ended[i].start == start)
            return position <= lives->ended[i].end;
    }
    return false;
}

enum lives_verdict lives_judge(const struct lives *lives, uint32_t own, uint32_t start,
                               uint64_t position)
{
    const struct heard *heard = lives_heard(lives, own);
    if (start > lives->start)
        return LIVES_YOUNGER;
    if (is_known(lives, start, position))
        return LIVES_AGREE;
    bool is_told =
        heard && (heard->start > start || (heard->start == start && heard->position >= position));
    return is_told ? LIVES_AGREE : LIVES_LOST;
}

bool lives_is_news(const struct lives *lives, uint64_t actor, uint64_t position)
{
    const struct heard *heard = lives_heard(lives, actor_process(actor));
    uint32_t start = actor_parse(actor).start;
    return start && (!heard || heard->start < start ||
                     (heard->start == start && heard->position < position));
}

void lives_hear(struct lives *lives, uint64_t actor, uint64_t position, uint64_t now_ms)
{
    uint32_t process = actor_process(actor), i = position_of(lives, process);
    if (!lives_is_news(lives, actor, position))
        return;
    if (!lives_heard(lives, process)) {
        lives->heard = xrealloc(lives->heard, (lives->heard_count + 1) * sizeof *lives->heard);
        memmove(lives->heard + i + 1, lives->heard + i,
                (lives->heard_count - i) * sizeof *lives->heard);
        lives->heard_count++;
        lives->heard[i] = (struct heard){.process = process};
    }
    struct heard *heard = &lives->heard[i];
    if (heard->start < actor_parse(actor).start)
        heard->since_ms = now_ms;
    heard->start = actor_parse(actor).start;
    heard->position = position;
}

void lives_encode(const struct lives *lives, struct buf *out)
{
    buf_append_u32(out, lives->start);
    buf_append_u64(out, lives->position);
    buf_append_u32(out, lives->losses);
    buf_append_u32(out, lives->known_from);
    buf_append_varint(out, lives->ended_count);
    for (uint32_t i = 0; i < lives->ended_count; i++) {
        buf_append_u32(out, lives->ended[i].start);
        buf_append_u64(out, lives->ended[i].end);
    }
    buf_append_varint(out, lives->heard_count);
    for (uint32_t i = 0; i < lives->heard_count; i++) {
        buf_append_varint(out, lives->heard[i].process);
        buf_append_u32(out, lives->heard[i].start);
        buf_append_u64(out, lives->heard[i].position);
    }
}

static bool decode_ended(struct lives *lives, struct reader *reader)
{
    uint64_t count = reader_varint(reader);
    if (count > LIVES_MAX || count > reader_left(reader) / ENDED_SIZE)
        return false;
    lives->ended = xcalloc(count + 1, sizeof *lives->ended);
    lives->ended_count = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        lives->ended[i].start = reader_u32(reader);
        lives->ended[i].end = reader_u64(reader);
    }
    return !reader->bad;
}

static bool decode_heard(struct lives *lives, struct reader *reader, uint64_t now_ms)
{
    uint64_t count = reader_varint(reader), least = 0;
    if (count > reader_left(reader) / HEARD_SIZE_MIN)
        return false;
    lives->heard = xcalloc(count + 1, sizeof *lives->heard);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t process = reader_varint(reader);
        struct heard heard = {.process = (uint32_t)process, .since_ms = now_ms};
        heard.start = reader_u32(reader);
        heard.position = reader_u64(reader);
        if (reader->bad || process < least || process >= PROCESS_END)
            return false;
        lives->heard[lives->heard_count++] = heard;
        least = process + 1;
    }
    return true;
}

enum status lives_decode(struct lives *lives, struct reader *reader, uint64_t now_ms)
{
    lives_release(lives);
    lives->start = reader_u32(reader);
    lives->position = reader_u64(reader);
    lives->losses = reader_u32(reader);
    lives->known_from = reader_u32(reader);
    if (decode_ended(lives, reader) && decode_heard(lives, reader, now_ms) && !reader->bad)
        return STATUS_OK;
    lives_release(lives);
    return STATUS_CORRUPT;
}
