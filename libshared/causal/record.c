#include "causal/record.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/section.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

_Static_assert(sizeof(struct dot) == 16, "dots are hashed as they lie in memory");

enum {
    RECORD_VERSION = 1,
    RECORD_HEAD = 1, // flag
    CHECKSUM_SIZE = 8,
    SIBLING_ENCODED_SIZE_MIN = 8 + 1 + 8 + 1 + 1 + 16 + 1,
};

static void reserve(struct record *record, size_t count)
{
    if (count <= record->capacity)
        return;
    size_t capacity = record->capacity ? 2 * (size_t)record->capacity : 2;
    if (capacity < count)
        capacity = count;
    assert(capacity <= UINT32_MAX);
    record->siblings = xrealloc(record->siblings, capacity * sizeof *record->siblings);
    record->capacity = (uint32_t)capacity;
}

// Index of the first sibling whose dot is not smaller.
static uint32_t position_of(const struct record *record, struct dot dot)
{
    uint32_t low = 0, high = record->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (dot_compare(record->siblings[middle].dot, dot) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t checksum_of(struct bytes body, struct bytes key)
{
    return hash64_seeded(body, hash64(key));
}

uint64_t sibling_value_hash(const struct sibling *sibling)
{
    return sibling->value.size == sibling->value_size ? hash64(sibling->value)
                                                      : sibling->value_hash;
}

void record_release(struct record *record)
{
    clock_release(&record->clock);
    free(record->siblings);
    *record = (struct record){0};
}

void record_clear(struct record *record)
{
    clock_clear(&record->clock);
    record->count = 0;
    record->head = false;
}

void record_copy(struct record *to, const struct record *from)
{
    if (to == from)
        return;
    clock_copy(&to->clock, &from->clock);
    reserve(to, from->count);
    if (from->count)
        memcpy(to->siblings, from->siblings, from->count * sizeof *from->siblings);
    to->count = from->count;
    to->head = from->head;
}

static void encode_sibling(const struct sibling *sibling, bool head, struct buf *out)
{
    buf_append_u64(out, sibling->dot.actor);
    buf_append_varint(out, sibling->dot.counter);
    buf_append_u64(out, sibling->hlc);
    buf_append_u8(out, sibling->flags);
    buf_append_varint(out, sibling->expires_ms);
    buf_append(out, bytes_of(sibling->request.bytes, sizeof sibling->request.bytes));
    buf_append_varint(out, sibling->value_size);
    if (head)
        buf_append_u64(out, sibling_value_hash(sibling));
    else
        buf_append(out, sibling->value);
}

static void encode(const struct record *record, bool head, struct bytes key, struct buf *out)
{
    size_t start = out->size;
    buf_append_u8(out, RECORD_VERSION);
    buf_append_u8(out, head ? RECORD_HEAD : 0);
    clock_encode(&record->clock, out);
    buf_append_varint(out, record->count);
    for (uint32_t i = 0; i < record->count; i++)
        encode_sibling(&record->siblings[i], head, out);
    buf_append_u64(out, checksum_of(bytes_of(out->data + start, out->size - start), key));
}

void record_encode(const struct record *record, struct bytes key, struct buf *out)
{
    assert(!record->head);
    encode(record, false, key, out);
}

bool record_fill_head(struct record *head, struct dot dot, struct bytes value)
{
    struct sibling *sibling = head->siblings;
    if (!head->head || head->count != 1 || !dot_equal(sibling->dot, dot) ||
        sibling->value_size != value.size || sibling->value_hash != hash64(value))
        return false;
    sibling->value = value;
    sibling->value_hash = 0;
    head->head = false;
    return true;
}

void record_encode_head(const struct record *record, struct bytes key, struct buf *out)
{
    encode(record, true, key, out);
}

static bool decode_sibling(struct sibling *sibling, bool head, struct reader *reader)
{
    sibling->dot.actor = reader_u64(reader);
    sibling->dot.counter = reader_varint(reader);
    sibling->hlc = reader_u64(reader);
    sibling->flags = reader_u8(reader);
    sibling->expires_ms = reader_varint(reader);
    struct bytes request = reader_bytes(reader, sizeof sibling->request.bytes);
    sibling->value_size = reader_varint(reader);
    sibling->value = head ? (struct bytes){0} : reader_bytes(reader, sibling->value_size);
    sibling->value_hash = head ? reader_u64(reader) : 0;
    if (reader->bad || (sibling->flags & ~SIBLING_TOMBSTONE))
        return false;
    memcpy(sibling->request.bytes, request.data, sizeof sibling->request.bytes);
    if (sibling->value_size == 0)
        return !head || sibling->value_hash == hash64(sibling->value);
    return !(sibling->flags & SIBLING_TOMBSTONE);
}

// None is known so far.
static bool pass_over_sections(struct reader *reader)
{
    struct section section;
    while (section_next(reader, &section)) {
        if (!(section.kind & SECTION_MAY_BE_SKIPPED))
            return false;
    }
    return true;
}

static bool decode(struct record *record, struct reader *reader)
{
    uint8_t version = reader_u8(reader);
    uint8_t flags = reader_u8(reader);
    if (version != RECORD_VERSION || (flags & ~RECORD_HEAD) ||
        clock_decode(&record->clock, reader) != STATUS_OK)
        return false;
    record->head = flags & RECORD_HEAD;
    uint64_t count = reader_varint(reader);
    if (reader->bad || count > reader_left(reader) / SIBLING_ENCODED_SIZE_MIN)
        return false;
    reserve(record, count);
    for (uint32_t i = 0; i < count; i++) {
        struct sibling *sibling = &record->siblings[i];
        if (!decode_sibling(sibling, record->head, reader) ||
            !clock_covers(&record->clock, sibling->dot) ||
            (i > 0 && dot_compare(sibling[-1].dot, sibling->dot) >= 0))
            return false;
    }
    record->count = (uint32_t)count;
    return pass_over_sections(reader) && reader_done(reader);
}

enum status record_decode(struct record *record, struct bytes key, struct bytes encoded)
{
    record_clear(record);
    if (encoded.size < CHECKSUM_SIZE)
        return STATUS_CORRUPT;
    struct bytes body = bytes_of(encoded.data, encoded.size - CHECKSUM_SIZE);
    struct reader reader = reader_of(body);
    if (load_u64(body.data + body.size) == checksum_of(body, key) && decode(record, &reader))
        return STATUS_OK;
    record_clear(record);
    return STATUS_CORRUPT;
}

bool record_same_versions(const struct record *a, const struct record *b)
{
    if (a->count != b->count || !clock_equal(&a->clock, &b->clock))
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!dot_equal(a->siblings[i].dot, b->siblings[i].dot))
            return false;
    return true;
}

// Its clock covers the siblings of `other` that it has not: it superseded them. What is
// left to ask is whether `other` superseded one of ours.
bool record_includes(const struct record *record, const struct record *other)
{
    if (!clock_includes(&record->clock, &other->clock))
        return false;
    for (uint32_t i = 0; i < record->count; i++) {
        struct dot dot = record->siblings[i].dot;
        if (clock_covers(&other->clock, dot) && !record_find_dot(other, dot))
            return false;
    }
    return true;
}

static void take(struct record *into, const struct sibling *sibling, bool from_head)
{
    into->siblings[into->count++] = *sibling;
    into->head |= from_head;
}

// A merge in place like that of clock_join, before the clocks change: each side's clock
// decides about the other's siblings.
static void join_siblings(struct record *into, const struct record *other)
{
    uint32_t ours = other->count, end = into->count + other->count;
    bool our_head = into->head;
    reserve(into, (size_t)into->count + other->count);
    if (into->count)
        memmove(&into->siblings[ours], into->siblings, into->count * sizeof *into->siblings);
    into->count = 0;
    into->head = false;
    for (uint32_t theirs = 0; theirs < other->count || ours < end;) {
        const struct sibling *a = ours < end ? &into->siblings[ours] : NULL;
        const struct sibling *b = theirs < other->count ? &other->siblings[theirs] : NULL;
        int order = !b ? -1 : !a ? 1 : dot_compare(a->dot, b->dot);
        if (order == 0)
            take(into, our_head ? b : a, our_head && other->head);
        else if (order < 0 && !clock_covers(&other->clock, a->dot))
            take(into, a, our_head);
        else if (order > 0 && !clock_covers(&into->clock, b->dot))
            take(into, b, other->head);
        ours += order <= 0;
        theirs += order >= 0;
    }
}

void record_join(struct record *into, const struct record *other)
{
    if (into == other)
        return;
    join_siblings(into, other);
    clock_join(&into->clock, &other->clock);
}

static void drop_covered(struct record *record, const struct clock *context)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < record->count; i++)
        if (!clock_covers(context, record->siblings[i].dot))
            record->siblings[kept++] = record->siblings[i];
    record->count = kept;
}

// The dot is minted before the context joins the clock: only an interval that the
// coordinator itself holds may be extended.
void record_update(struct record *record, const struct record_write *write, bool held)
{
    assert(write->dot.counter > 0 && !record->head);
    assert(!(write->flags & SIBLING_TOMBSTONE) || write->value.size == 0);
    if (write->context)
        drop_covered(record, write->context);
    else if (!write->keep_siblings)
        record->count = 0;
    clock_mint(&record->clock, write->dot, held);
    if (write->context)
        clock_join(&record->clock, write->context);

    uint32_t at = position_of(record, write->dot);
    assert(at == record->count || !dot_equal(record->siblings[at].dot, write->dot));
    reserve(record, (size_t)record->count + 1);
    if (at < record->count)
        memmove(&record->siblings[at + 1], &record->siblings[at],
                (record->count - at) * sizeof *record->siblings);
    record->siblings[at] = (struct sibling){.dot = write->dot,
                                            .hlc = write->hlc,
                                            .expires_ms = write->expires_ms,
                                            .request = write->request,
                                            .flags = write->flags,
                                            .value = write->value,
                                            .value_size = write->value.size};
    record->count++;
}

bool sibling_is_greater(const struct sibling *a, const struct sibling *b)
{
    if (a->hlc != b->hlc)
        return a->hlc > b->hlc;
    int tombstones = (a->flags & SIBLING_TOMBSTONE) - (b->flags & SIBLING_TOMBSTONE);
    return tombstones ? tombstones > 0 : dot_compare(a->dot, b->dot) > 0;
}

uint32_t record_keep_greatest(struct record *record)
{
    if (record->count < 2)
        return 0;
    uint32_t greatest = 0, dropped = record->count - 1;
    for (uint32_t i = 1; i < record->count; i++)
        if (sibling_is_greater(&record->siblings[i], &record->siblings[greatest]))
            greatest = i;
    record->siblings[0] = record->siblings[greatest];
    record->count = 1;
    return dropped;
}

uint64_t record_hlc_max(const struct record *record)
{
    uint64_t hlc = 0;
    for (uint32_t i = 0; i < record->count; i++)
        if (record->siblings[i].hlc > hlc)
            hlc = record->siblings[i].hlc;
    return hlc;
}

const struct sibling *record_find_dot(const struct record *record, struct dot dot)
{
    uint32_t i = position_of(record, dot);
    return i < record->count && dot_equal(record->siblings[i].dot, dot) ? &record->siblings[i]
                                                                        : NULL;
}

const struct sibling *record_find_request(const struct record *record,
                                          const struct request_id *request)
{
    if (request_id_is_none(request))
        return NULL;
    for (uint32_t i = 0; i < record->count; i++)
        if (request_id_equal(&record->siblings[i].request, request))
            return &record->siblings[i];
    return NULL;
}

static bool is_live(const struct sibling *sibling, uint64_t now_ms)
{
    bool has_expired = sibling->expires_ms != 0 && sibling->expires_ms <= now_ms;
    return !(sibling->flags & SIBLING_TOMBSTONE) && !has_expired;
}

// A smaller live sibling came from the same request.
static bool is_repeated(const struct record *record, uint32_t index, uint64_t now_ms)
{
    const struct sibling *sibling = &record->siblings[index];
    if (request_id_is_none(&sibling->request))
        return false;
    for (uint32_t i = 0; i < index; i++)
        if (request_id_equal(&record->siblings[i].request, &sibling->request) &&
            is_live(&record->siblings[i], now_ms))
            return true;
    return false;
}

uint32_t record_visible(const struct record *record, uint64_t now_ms,
                        const struct sibling **visible, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        if (!is_live(&record->siblings[i], now_ms) || is_repeated(record, i, now_ms))
            continue;
        if (count < max)
            visible[count] = &record->siblings[i];
        count++;
    }
    return count;
}

bool record_has_value(const struct record *record)
{
    uint32_t i = 0;
    while (i < record->count && record->siblings[i].flags & SIBLING_TOMBSTONE)
        i++;
    return i < record->count;
}

// The hash of each part is the seed of the next.
struct record_leaf record_leaf(const struct record *record, uint64_t key_hash)
{
    struct record_leaf leaf = {0};
    for (uint32_t i = 0; i < record->count; i++) {
        const struct sibling *sibling = &record->siblings[i];
        uint64_t *hash = sibling->flags & SIBLING_TOMBSTONE ? &leaf.tombstones : &leaf.values;
        *hash =
            hash64_seeded(bytes_of(&sibling->dot, sizeof sibling->dot), *hash ? *hash : key_hash);
    }
    return leaf;
}

// ---- what it does not show any more --------------------------------------------------

void superseded_list_release(struct superseded_list *list)
{
    free(list->items);
    *list = (struct superseded_list){0};
}

void superseded_list_add(struct superseded_list *list, struct superseded superseded)
{
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 8;
        list->items = xrealloc(list->items, list->capacity * sizeof *list->items);
    }
    list->items[list->count++] = superseded;
}

void superseded_list_add_shown(struct superseded_list *list, const struct record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct sibling *sibling = &record->siblings[i];
        superseded_list_add(list, (struct superseded){sibling->dot, sibling->request});
    }
}

void superseded_list_keep(struct superseded_list *list, const struct record *result)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        struct dot dot = list->items[i].dot;
        if (!dot.counter || (clock_covers(&result->clock, dot) && !record_find_dot(result, dot)))
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

bool superseded_list_has(const struct superseded_list *list, const struct request_id *request)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (request_id_equal(&list->items[i].request, request))
            return true;
    }
    return false;
}
