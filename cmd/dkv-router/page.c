#include "dkv-router/page.h"

#include "base/endian.h"
#include "ring/engine_key.h"
#include "wire/client.h"

void page_release(struct page *page)
{
    buf_release(&page->items);
    buf_release(&page->last);
    *page = (struct page){0};
}

// Moves to the next item. INVALID if it is malformed.
static enum status next(struct page_source *source, uint32_t keyspace)
{
    source->key = (struct bytes){0};
    if (!reader_left(&source->items))
        return STATUS_OK;
    source->key = reader_short(&source->items);
    source->record = reader_sized(&source->items);
    if (source->items.bad || !source->key.size)
        return STATUS_INVALID;
    source->token = ring_token(keyspace, source->key);
    return STATUS_OK;
}

static int compare(uint64_t token, struct bytes key, const struct page_source *source)
{
    if (token != source->token)
        return token < source->token ? -1 : 1;
    return bytes_compare(key, source->key);
}

// The source whose front item is the smallest, NULL if all are used up.
static struct page_source *smallest(struct page_source *sources, unsigned count)
{
    struct page_source *best = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (sources[i].key.size && (!best || compare(sources[i].token, sources[i].key, best) < 0))
            best = &sources[i];
    }
    return best;
}

// Up to where every page is complete.
static void find_end(struct page *page, const struct page_source *sources, unsigned count)
{
    page->done = true;
    for (unsigned i = 0; i < count; i++) {
        const struct op_scanned *scanned = &sources[i].scanned;
        if (scanned->done)
            continue;
        if (page->done || bytes_compare(scanned->last, buf_bytes(&page->last)) < 0)
            buf_set(&page->last, scanned->last);
        page->done = false;
    }
}

static bool is_behind(const struct page *page, uint32_t keyspace, const struct page_source *item)
{
    if (page->done)
        return false;
    struct engine_key engine_key = {item->token, keyspace, item->key};
    return engine_key_compare(&engine_key, buf_bytes(&page->last)) > 0;
}

// Appends the join of all front items with this key, and moves those sources on.
static enum status take(struct page *page, struct page_source *sources, unsigned count,
                        const struct page_source *first, const struct ring_keyspace *keyspace,
                        struct record *joined, struct record *scratch)
{
    struct bytes key = first->key, record = first->record;
    uint64_t token = first->token;
    bool differs = false;
    for (unsigned i = 0; i < count; i++)
        differs |= sources[i].key.size && compare(token, key, &sources[i]) == 0 &&
                   !bytes_equal(sources[i].record, record);
    record_clear(joined);
    buf_append_short(&page->items, key);
    if (!differs)
        buf_append_sized(&page->items, record);
    for (unsigned i = 0; i < count; i++) {
        struct page_source *source = &sources[i];
        if (!source->key.size || compare(token, key, source) != 0)
            continue;
        if (differs) {
            if (record_decode(scratch, key, source->record))
                return STATUS_INVALID;
            record_join(joined, scratch);
        }
        enum status status = next(source, keyspace->id);
        if (status)
            return status;
    }
    if (keyspace->conflict == RING_CONFLICT_LWW)
        record_keep_greatest(joined);
    if (differs) {
        size_t at = page->items.size;
        buf_append_u32(&page->items, 0);
        if (joined->head)
            record_encode_head(joined, key, &page->items);
        else
            record_encode(joined, key, &page->items);
        store_u32(page->items.data + at, (uint32_t)(page->items.size - at - 4));
    }
    page->item_count++;
    return STATUS_OK;
}

enum status page_join(struct page *page, struct page_source *sources, unsigned count,
                      const struct ring_keyspace *keyspace, struct record *joined,
                      struct record *scratch)
{
    page->item_count = 0;
    buf_clear(&page->items);
    buf_clear(&page->last);
    find_end(page, sources, count);
    for (unsigned i = 0; i < count; i++) {
        sources[i].items = reader_of(sources[i].scanned.items);
        enum status status = next(&sources[i], keyspace->id);
        if (status)
            return status;
    }
    const struct page_source *first;
    while ((first = smallest(sources, count)) && !is_behind(page, keyspace->id, first)) {
        enum status status = take(page, sources, count, first, keyspace, joined, scratch);
        if (status)
            return status;
    }
    return STATUS_OK;
}
