#include "replica/requests.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"

#include <stdlib.h>

enum {
    PART_FIRST = 64, // slots
    POSITIONS = REQUESTS_BLOCKS * REQUESTS_BLOCK,
    ID_SIZE = sizeof(struct request_id),
    ENCODED_SIZE = ID_SIZE + 8 + 8,
    ENCODED_SIZE_MIN_1 = ID_SIZE + 8 + 1 + 8,
};

_Static_assert(sizeof(struct request_entry) == 40, "the published bound counts 40 bytes an id");

void requests_init(struct requests *requests, uint64_t memory_ms)
{
    *requests = (struct requests){.memory_ms = memory_ms};
}

void requests_release(struct requests *requests)
{
    for (unsigned i = 0; i < REQUESTS_BLOCKS; i++)
        free(requests->blocks[i]);
    for (unsigned i = 0; i < REQUESTS_PARTS; i++)
        free(requests->parts[i].slots);
    requests_init(requests, requests->memory_ms);
}

static uint32_t position_of(const struct requests *requests, uint32_t nth)
{
    return (requests->first + nth) % POSITIONS;
}

static struct request_entry *entry_at(const struct requests *requests, uint32_t position)
{
    return &requests->blocks[position / REQUESTS_BLOCK][position % REQUESTS_BLOCK];
}

// ---- The index ---------------------------------------------------------------------------

static uint64_t hash_of(const struct requests *requests, const struct request_id *request)
{
    return hash64_seeded(bytes_of(request->bytes, ID_SIZE), requests->seed);
}

static uint32_t home(const struct requests_part *part, uint64_t hash)
{
    return (uint32_t)(hash / REQUESTS_PARTS) & (part->size - 1);
}

static uint32_t next_slot(const struct requests_part *part, uint32_t slot)
{
    return (slot + 1) & (part->size - 1);
}

static void put_slot(struct requests_part *part, uint64_t hash, uint32_t value)
{
    uint32_t slot = home(part, hash);
    while (part->slots[slot])
        slot = next_slot(part, slot);
    part->slots[slot] = value;
}

static void grow_part(const struct requests *requests, struct requests_part *part)
{
    struct requests_part old = *part;
    part->size = old.size ? 2 * old.size : PART_FIRST;
    part->slots = xcalloc(part->size, sizeof *part->slots);
    for (uint32_t i = 0; i < old.size; i++) {
        if (old.slots[i])
            put_slot(part, hash_of(requests, &entry_at(requests, old.slots[i] - 1)->request),
                     old.slots[i]);
    }
    free(old.slots);
}

static void index_add(struct requests *requests, uint32_t position)
{
    uint64_t hash = hash_of(requests, &entry_at(requests, position)->request);
    struct requests_part *part = &requests->parts[hash % REQUESTS_PARTS];
    if (4 * (part->count + 1) > 3 * part->size)
        grow_part(requests, part);
    put_slot(part, hash, position + 1);
    part->count++;
}

// Removes by shifting back what probed past the hole (Knuth 6.4, algorithm R).
static void index_remove(struct requests *requests, uint32_t position)
{
    uint64_t hash = hash_of(requests, &entry_at(requests, position)->request);
    struct requests_part *part = &requests->parts[hash % REQUESTS_PARTS];
    uint32_t mask = part->size - 1, hole = home(part, hash);
    while (part->slots[hole] != position + 1)
        hole = next_slot(part, hole);
    for (uint32_t slot = next_slot(part, hole); part->slots[slot]; slot = next_slot(part, slot)) {
        const struct request_entry *entry = entry_at(requests, part->slots[slot] - 1);
        uint32_t wanted = home(part, hash_of(requests, &entry->request));
        if (((slot - wanted) & mask) >= ((slot - hole) & mask)) {
            part->slots[hole] = part->slots[slot];
            hole = slot;
        }
    }
    part->slots[hole] = 0;
    part->count--;
}

const struct request_entry *requests_find(const struct requests *requests,
                                          const struct request_id *request)
{
    uint64_t hash = hash_of(requests, request);
    const struct requests_part *part = &requests->parts[hash % REQUESTS_PARTS];
    if (!part->count)
        return NULL;
    for (uint32_t slot = home(part, hash); part->slots[slot]; slot = next_slot(part, slot)) {
        const struct request_entry *entry = entry_at(requests, part->slots[slot] - 1);
        if (request_id_equal(&entry->request, request))
            return entry;
    }
    return NULL;
}

static const struct dot *find_dot(const void *context, const struct request_id *bound)
{
    const struct request_entry *entry = requests_find(context, bound);
    return entry ? &entry->dot : NULL;
}

struct recall requests_recall(const struct requests *requests)
{
    return (struct recall){requests, find_dot};
}

// ---- The circle --------------------------------------------------------------------------

static void forget_first(struct requests *requests)
{
    uint32_t position = requests->first;
    index_remove(requests, position);
    requests->first = position_of(requests, 1);
    requests->count--;
    bool is_last_of_block = requests->first % REQUESTS_BLOCK == 0;
    if (is_last_of_block) {
        free(requests->blocks[position / REQUESTS_BLOCK]);
        requests->blocks[position / REQUESTS_BLOCK] = NULL;
    }
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
        requests->dropped_count += !is_old(requests, entry_at(requests, requests->first), now_ms);
        forget_first(requests);
    }
    uint32_t position = position_of(requests, requests->count);
    struct request_entry **block = &requests->blocks[position / REQUESTS_BLOCK];
    if (!*block)
        *block = xmalloc(REQUESTS_BLOCK * sizeof **block);
    *entry_at(requests, position) = (struct request_entry){*request, dot, now_ms};
    requests->count++;
    index_add(requests, position);
}

void requests_forget_old(struct requests *requests, uint64_t now_ms)
{
    while (requests->count && is_old(requests, entry_at(requests, requests->first), now_ms))
        forget_first(requests);
}

uint64_t requests_bytes(const struct requests *requests)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < REQUESTS_BLOCKS; i++)
        bytes += requests->blocks[i] ? REQUESTS_BLOCK * sizeof **requests->blocks : 0;
    for (unsigned i = 0; i < REQUESTS_PARTS; i++)
        bytes += requests->parts[i].size * sizeof *requests->parts[i].slots;
    return bytes;
}

uint64_t requests_oldest_ms(const struct requests *requests, uint64_t now_ms)
{
    uint64_t at_ms = requests->count ? entry_at(requests, requests->first)->at_ms : now_ms;
    return now_ms > at_ms ? now_ms - at_ms : 0;
}

// All have one size, for there may be many and writers wait.
void requests_encode(const struct requests *requests, struct buf *out)
{
    buf_append_varint(out, requests->count);
    uint8_t *at = buf_grow(out, (size_t)requests->count * ENCODED_SIZE);
    for (uint32_t i = 0; i < requests->count; i++, at += ENCODED_SIZE) {
        const struct request_entry *entry = entry_at(requests, position_of(requests, i));
        memcpy(at, entry->request.bytes, ID_SIZE);
        store_u64(at + ID_SIZE, entry->dot.actor);
        store_u64(at + ID_SIZE + 8, entry->dot.counter);
    }
}

static enum status decode(struct requests *requests, struct reader *reader, bool is_version_1,
                          uint64_t now_ms)
{
    uint64_t count = reader_varint(reader);
    if (count > reader_left(reader) / (is_version_1 ? ENCODED_SIZE_MIN_1 : ENCODED_SIZE))
        return STATUS_CORRUPT;
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        struct request_id request;
        struct bytes id = reader_bytes(reader, ID_SIZE);
        uint64_t actor = reader_u64(reader);
        uint64_t counter = is_version_1 ? reader_varint(reader) : reader_u64(reader);
        if (is_version_1)
            reader_u64(reader); // a wall clock
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
