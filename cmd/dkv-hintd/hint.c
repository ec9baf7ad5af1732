#include "dkv-hintd/hint.h"

#include "base/endian.h"
#include "base/xalloc.h"
#include "wire/replica.h"

#include <stdlib.h>

void hint_release(struct hint *hint)
{
    clock_release(&hint->dots);
    superseded_list_release(&hint->requests);
    record_release(&hint->record);
    *hint = (struct hint){0};
}

void hint_clear(struct hint *hint)
{
    hint->queued_ms = 0;
    clock_clear(&hint->dots);
    hint->requests.count = 0;
    record_clear(&hint->record);
    hint->encoded = (struct bytes){0};
}

// ---- keys --------------------------------------------------------------------------------

void hint_key_encode(uint64_t target, const struct engine_key *key, struct buf *out)
{
    store_u64_be(buf_grow(out, HINT_KEY_PREFIX_SIZE), target);
    engine_key_encode(key, out);
}

bool hint_key_decode(uint64_t *target, struct engine_key *key, struct bytes encoded)
{
    if (encoded.size < HINT_KEY_PREFIX_SIZE)
        return false;
    *target = load_u64_be(encoded.data);
    return engine_key_decode(
        key, bytes_of(encoded.data + HINT_KEY_PREFIX_SIZE, encoded.size - HINT_KEY_PREFIX_SIZE));
}

void hint_key_begin(uint64_t target, uint64_t token, struct buf *out)
{
    buf_clear(out);
    uint8_t *prefix = buf_grow(out, 2 * HINT_KEY_PREFIX_SIZE);
    store_u64_be(prefix, target);
    store_u64_be(prefix + HINT_KEY_PREFIX_SIZE, token);
}

void hint_key_end(uint64_t target, struct buf *out)
{
    buf_clear(out);
    if (target < UINT64_MAX)
        store_u64_be(buf_grow(out, HINT_KEY_PREFIX_SIZE), target + 1);
}

// ---- values ------------------------------------------------------------------------------

static bool decode_lists(struct hint *hint, struct reader *reader)
{
    hint->queued_ms = reader_u64(reader);
    struct reader dots = reader_of(reader_sized(reader));
    struct bytes requests = reader_sized(reader);
    if (reader->bad || clock_decode(&hint->dots, &dots) || !reader_done(&dots))
        return false;
    superseded_decode(requests, &hint->requests);
    return !(requests.size % SUPERSEDED_ENCODED_SIZE);
}

enum status hint_decode(struct hint *hint, struct bytes key, struct bytes value)
{
    struct reader reader = reader_of(value);
    hint_clear(hint);
    bool is_good = decode_lists(hint, &reader);
    hint->encoded = is_good ? reader_sized(&reader) : (struct bytes){0};
    if (is_good && !reader.bad && !record_decode(&hint->record, key, hint->encoded) &&
        !hint->record.head)
        return STATUS_OK;
    hint_clear(hint);
    return STATUS_CORRUPT;
}

void hint_encode(const struct hint *hint, struct bytes record, struct buf *out)
{
    struct buf list = {0};
    buf_append_u64(out, hint->queued_ms);
    clock_encode(&hint->dots, &list);
    buf_append_sized(out, buf_bytes(&list));
    buf_append_sized(out, superseded_encode(&hint->requests, &list));
    buf_append_sized(out, record);
    buf_release(&list);
}

// ---- joining -----------------------------------------------------------------------------

static uint64_t dot_count(const struct clock *dots)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < dots->count; i++)
        count += dots->intervals[i].high - dots->intervals[i].low + 1;
    return count;
}

// Lists a dot unless the record shows it. False: there is no room.
static bool list_dot(struct hint *hint, const struct record *record, struct dot dot)
{
    if (record_find_dot(record, dot) || clock_covers(&hint->dots, dot))
        return true;
    if (dot_count(&hint->dots) >= HINT_DOTS_MAX)
        return false;
    clock_add(&hint->dots, (struct interval){dot.actor, dot.counter, dot.counter});
    return true;
}

static bool has_all(const struct clock *dots, struct interval interval)
{
    uint32_t at = clock_position(dots, (struct dot){interval.actor, interval.low});
    return at < dots->count && dots->intervals[at].actor == interval.actor &&
           dots->intervals[at].low <= interval.low && dots->intervals[at].high >= interval.high;
}

static bool list_clock(struct hint *hint, const struct clock *listed)
{
    for (uint32_t i = 0; i < listed->count; i++) {
        struct interval interval = listed->intervals[i];
        uint64_t count = dot_count(&hint->dots);
        if (has_all(&hint->dots, interval))
            continue;
        if (count >= HINT_DOTS_MAX || interval.high - interval.low >= HINT_DOTS_MAX - count)
            return false; // as if all of them were new
        clock_add(&hint->dots, interval);
    }
    return true;
}

// The oldest go: they are the first to be forgotten elsewhere, too.
static void list_requests(struct hint *hint, const struct superseded_list *superseded)
{
    struct superseded_list *list = &hint->requests;
    for (uint32_t i = 0; i < superseded->count; i++) {
        const struct superseded *one = &superseded->items[i];
        if (!request_id_is_none(&one->request) && !superseded_list_has(list, &one->request))
            superseded_list_add(list, *one);
    }
    if (list->count <= HINT_REQUESTS_MAX)
        return;
    memmove(list->items, list->items + (list->count - HINT_REQUESTS_MAX),
            HINT_REQUESTS_MAX * sizeof *list->items);
    list->count = HINT_REQUESTS_MAX;
}

bool hint_join_lists(struct hint *hint, const struct hint_news *news)
{
    bool has_room = list_clock(hint, news->listed);
    for (uint32_t i = 0; i < news->before->count; i++)
        has_room &= list_dot(hint, news->record, news->before->siblings[i].dot);
    for (uint32_t i = 0; i < news->dot_count; i++)
        has_room &= list_dot(hint, news->record, news->dots[i]);
    list_requests(hint, news->superseded);
    return has_room;
}

struct dot *hint_dots(const struct record *record)
{
    struct dot *dots = xmalloc((record->count + 1) * sizeof *dots);
    for (uint32_t i = 0; i < record->count; i++)
        dots[i] = record->siblings[i].dot;
    return dots;
}

// ---- actors ------------------------------------------------------------------------------

static uint32_t add_actor(uint64_t *actors, uint32_t count, uint64_t actor)
{
    uint32_t at = 0;
    while (at < count && actors[at] < actor)
        at++;
    if (at < count && actors[at] == actor)
        return count;
    memmove(actors + at + 1, actors + at, (count - at) * sizeof *actors);
    actors[at] = actor;
    return count + 1;
}

uint32_t hint_actors(const struct clock *listed, const struct record *record, uint64_t **actors)
{
    uint32_t count = 0;
    *actors = xmalloc((listed->count + record->count + 1) * sizeof **actors);
    for (uint32_t i = 0; i < listed->count; i++)
        count = add_actor(*actors, count, listed->intervals[i].actor);
    for (uint32_t i = 0; i < record->count; i++)
        count = add_actor(*actors, count, record->siblings[i].dot.actor);
    return count;
}
