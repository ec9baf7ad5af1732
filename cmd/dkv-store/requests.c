#include "dkv-store/requests.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"

#include <stdlib.h>

enum { CAPACITY_FIRST = 1024 };

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
    return (uint32_t)hash & (2 * requests->capacity - 1);
}

static uint32_t next_slot(const struct requests *requests, uint32_t slot)
{
    return (slot + 1) & (2 * requests->capacity - 1);
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
    uint32_t mask = 2 * requests->capacity - 1;
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
    requests->first = (requests->first + 1) & (requests->capacity - 1);
    requests->count--;
}

static void grow(struct requests *requests)
{
    uint32_t capacity = requests->capacity ? 2 * requests->capacity : CAPACITY_FIRST;
    struct request_entry *entries = xmalloc(capacity * sizeof *entries);
    for (uint32_t i = 0; i < requests->count; i++)
        entries[i] = requests->entries[(requests->first + i) & (requests->capacity - 1)];
    free(requests->entries);
    free(requests->index);
    requests->entries = entries;
    requests->index = xcalloc(2 * (size_t)capacity, sizeof *requests->index);
    requests->capacity = capacity;
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

void requests_add(struct requests *requests, const struct request_id *request, struct dot dot,
                  uint64_t now_ms)
{
    static const struct request_id none;
    if (request_id_equal(request, &none) || requests_find(requests, request))
        return;
    if (requests->count == REQUESTS_COUNT_MAX)
        forget_first(requests);
    if (requests->count == requests->capacity)
        grow(requests);
    uint32_t position = (requests->first + requests->count) & (requests->capacity - 1);
    requests->entries[position] = (struct request_entry){*request, dot, now_ms};
    requests->count++;
    index_add(requests, position);
}

void requests_forget_old(struct requests *requests, uint64_t now_ms)
{
    while (requests->count &&
           requests->entries[requests->first].at_ms + requests->memory_ms < now_ms)
        forget_first(requests);
}

void requests_encode(const struct requests *requests, uint32_t max, struct buf *out)
{
    uint32_t count = requests->count < max ? requests->count : max;
    buf_append_varint(out, count);
    for (uint32_t i = requests->count - count; i < requests->count; i++) {
        const struct request_entry *entry =
            &requests->entries[(requests->first + i) & (requests->capacity - 1)];
        buf_append(out, bytes_of(entry->request.bytes, sizeof entry->request.bytes));
        buf_append_u64(out, entry->dot.actor);
        buf_append_varint(out, entry->dot.counter);
        buf_append_u64(out, entry->at_ms);
    }
}

enum status requests_decode(struct requests *requests, struct reader *reader)
{
    uint64_t count = reader_varint(reader);
    if (count > reader_left(reader))
        return STATUS_CORRUPT;
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        struct request_id request = {{0}};
        struct bytes id = reader_bytes(reader, sizeof request.bytes);
        uint64_t actor = reader_u64(reader);
        uint64_t counter = reader_varint(reader);
        uint64_t at_ms = reader_u64(reader);
        if (reader->bad)
            break;
        memcpy(request.bytes, id.data, sizeof request.bytes);
        requests_add(requests, &request, (struct dot){actor, counter}, at_ms);
    }
    return reader->bad ? STATUS_CORRUPT : STATUS_OK;
}
