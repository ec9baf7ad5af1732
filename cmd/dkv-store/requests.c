#include "dkv-store/requests.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"

#include <stdlib.h>

enum {
    CAPACITY_FIRST = 1024,
    ID_SIZE = sizeof(struct request_id),
    ENCODED_SIZE_MIN = ID_SIZE + 8 + 1,
};

_Static_assert(sizeof(struct request_entry) == 40, "the published bound counts 40 bytes an id");

void requests_init(struct requests *requests, uint64_t memory_ms)
{
    *requests = (struct requests){.memory_ms = memory_ms};
}

void requests_release(struct requests *requests)
{
    free(requests->entries);
    free(requests->index);
    requests_init(requests, requests->memory_ms);
}

static uint32_t home(const struct requests *requests, const struct request_id *request)
{
    uint64_t hash = hash_mix(load_u64(request->bytes), load_u64(request->bytes + 8));
    return (uint32_t)hash & (requests->index_size - 1);
}

static uint32_t next_slot(const struct requests *requests, uint32_t slot)
{
    return (slot + 1) & (requests->index_size - 1);
}

static uint32_t position_of(const struct requests *requests, uint32_t nth)
{
    uint32_t position = requests->first + nth;
    return position < requests->capacity ? position : position - requests->capacity;
}

static void index_add(struct requests *requests, uint32_t position)
{
    uint32_t slot = home(requests, &requests->entries[position].request);
    while (requests->index[slot])
        slot = next_slot(requests, slot);
    requests->index[slot] = position + 1;
}

// Removes by shifting back what probed past the hole (Knuth 6.4, algorithm R).
static void index_remove(struct requests *requests, uint32_t position)
{
    uint32_t mask = requests->index_size - 1;
    uint32_t hole = home(requests, &requests->entries[position].request);
    while (requests->index[hole] != position + 1)
        hole = next_slot(requests, hole);
    for (uint32_t slot = next_slot(requests, hole); requests->index[slot];
         slot = next_slot(requests, slot)) {
        uint32_t wanted = home(requests, &requests->entries[requests->index[slot] - 1].request);
        if (((slot - wanted) & mask) >= ((slot - hole) & mask)) {
            requests->index[hole] = requests->index[slot];
            hole = slot;
        }
    }
    requests->index[hole] = 0;
}

static void forget_first(struct requests *requests)
{
    index_remove(requests, requests->first);
    requests->first = position_of(requests, 1);
    requests->count--;
}

static void grow(struct requests *requests)
{
    uint64_t capacity = requests->capacity ? 2 * (uint64_t)requests->capacity : CAPACITY_FIRST;
    if (capacity > REQUESTS_COUNT_MAX)
        capacity = REQUESTS_COUNT_MAX;
    struct request_entry *entries = xmalloc(capacity * sizeof *entries);
    for (uint32_t i = 0; i < requests->count; i++)
        entries[i] = requests->entries[position_of(requests, i)];
    free(requests->entries);
    free(requests->index);
    while (3 * (uint64_t)requests->index_size < 4 * capacity)
        requests->index_size = requests->index_size ? 2 * requests->index_size : CAPACITY_FIRST;
    requests->entries = entries;
    requests->index = xcalloc(requests->index_size, sizeof *requests->index);
    requests->capacity = (uint32_t)capacity;
    requests->first = 0;
    for (uint32_t i = 0; i < requests->count; i++)
        index_add(requests, i);
}

const struct request_entry *requests_find(const struct requests *requests,
                                          const struct request_id *request)
{
    if (!requests->count)
        return NULL;
    for (uint32_t slot = home(requests, request); requests->index[slot];
         slot = next_slot(requests, slot)) {
        const struct request_entry *entry = &requests->entries[requests->index[slot] - 1];
        if (request_id_equal(&entry->request, request))
            return entry;
    }
    return NULL;
}

static bool is_old(const struct requests *requests, const struct request_entry *entry,
                   uint64_t now_ms)
{
    return now_ms > entry->at_ms && now_ms - entry->at_ms > requests->memory_ms;
}

void requests_add(struct requests *requests, const struct request_id *request, struct dot dot,
                  uint64_t now_ms)
{
    if (request_id_is_none(request) || requests_find(requests, request))
        return;
    if (requests->count == REQUESTS_COUNT_MAX) {
        requests->dropped_count += !is_old(requests, &requests->entries[requests->first], now_ms);
        forget_first(requests);
    }
    if (requests->count == requests->capacity)
        grow(requests);
    uint32_t position = position_of(requests, requests->count);
    requests->entries[position] = (struct request_entry){*request, dot, now_ms};
    requests->count++;
    index_add(requests, position);
}

void requests_forget_old(struct requests *requests, uint64_t now_ms)
{
    while (requests->count && is_old(requests, &requests->entries[requests->first], now_ms))
        forget_first(requests);
}

uint64_t requests_bytes(const struct requests *requests)
{
    return requests->capacity * sizeof *requests->entries +
           requests->index_size * sizeof *requests->index;
}

uint64_t requests_oldest_ms(const struct requests *requests, uint64_t now_ms)
{
    uint64_t at_ms = requests->count ? requests->entries[requests->first].at_ms : now_ms;
    return now_ms > at_ms ? now_ms - at_ms : 0;
}

void requests_encode(const struct requests *requests, struct buf *out)
{
    buf_append_varint(out, requests->count);
    buf_reserve(out, (size_t)requests->count * ENCODED_SIZE_MIN);
    for (uint32_t i = 0; i < requests->count; i++) {
        const struct request_entry *entry = &requests->entries[position_of(requests, i)];
        uint8_t *at = buf_grow(out, ID_SIZE + 8);
        memcpy(at, entry->request.bytes, ID_SIZE);
        store_u64(at + ID_SIZE, entry->dot.actor);
        buf_append_varint(out, entry->dot.counter);
    }
}

static enum status decode(struct requests *requests, struct reader *reader, bool has_times,
                          uint64_t now_ms)
{
    uint64_t count = reader_varint(reader);
    if (count > reader_left(reader) / ENCODED_SIZE_MIN)
        return STATUS_CORRUPT;
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        struct request_id request;
        struct bytes id = reader_bytes(reader, ID_SIZE);
        uint64_t actor = reader_u64(reader);
        uint64_t counter = reader_varint(reader);
        if (has_times)
            reader_u64(reader);
        if (reader->bad)
            break;
        memcpy(request.bytes, id.data, ID_SIZE);
        requests_add(requests, &request, (struct dot){actor, counter}, now_ms);
    }
    return reader->bad ? STATUS_CORRUPT : STATUS_OK;
}

enum status requests_decode(struct requests *requests, struct reader *reader, uint64_t now_ms)
{
    return decode(requests, reader, false, now_ms);
}

enum status requests_decode_1(struct requests *requests, struct reader *reader, uint64_t now_ms)
{
    return decode(requests, reader, true, now_ms);
}
