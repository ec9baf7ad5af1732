#include "dkv-repair/exchange.h"

#include "ring/engine_key.h"

enum { NAMES_MAX = 256 << 10 }; // bytes of keys that wait to be told

void exchange_begin(struct exchange *exchange, uint32_t keyspace, struct bytes ranges)
{
    exchange->keyspace = keyspace;
    buf_set(&exchange->ranges, ranges);
}

void exchange_release(struct exchange *exchange)
{
    buf_release(&exchange->ranges);
    for (unsigned side = 0; side < COMPARE_SIDES; side++) {
        buf_release(&exchange->pages[side].items);
        buf_release(&exchange->pages[side].after);
    }
    for (unsigned i = 0; i < EXCHANGE_LANES; i++) {
        buf_release(&exchange->lanes[i].key);
        buf_release(&exchange->lanes[i].record);
    }
    buf_release(&exchange->names);
    record_release(&exchange->record);
    record_release(&exchange->other);
    *exchange = (struct exchange){0};
}

// ---- Pages -------------------------------------------------------------------------------

static bool is_empty(const struct exchange_page *page)
{
    return page->at == page->items.size;
}

bool exchange_wants_page(const struct exchange *exchange, enum compare_side side)
{
    const struct exchange_page *page = &exchange->pages[side];
    return is_empty(page) && !page->is_asked && !page->is_done;
}

enum status exchange_on_page(struct exchange *exchange, enum compare_side side,
                             const struct op_listed *listed)
{
    struct exchange_page *page = &exchange->pages[side];
    if (!page->is_asked ||
        (!listed->is_done && bytes_compare(listed->last, buf_bytes(&page->after)) <= 0))
        return STATUS_INVALID; // it would never end
    page->is_asked = false;
    page->is_done = listed->is_done;
    page->actor = listed->actor;
    page->at = 0;
    buf_set(&page->items, listed->items);
    buf_set(&page->after, listed->last);
    return STATUS_OK;
}

struct item {
    struct bytes key, head;
    uint64_t token;
};

// The first item of a page, which stays. False: there is none. Sets `bad` if it is none.
static bool peek(const struct exchange *exchange, enum compare_side side, struct item *item,
                 size_t *size, bool *bad)
{
    const struct exchange_page *page = &exchange->pages[side];
    if (is_empty(page))
        return false;
    struct reader reader =
        reader_of(bytes_of(page->items.data + page->at, page->items.size - page->at));
    item->key = reader_short(&reader);
    item->head = reader_sized(&reader);
    item->token = ring_token(exchange->keyspace, item->key);
    *bad |= reader.bad || !item->key.size || item->key.size > RECORD_KEY_SIZE_MAX;
    *size = page->items.size - page->at - reader_left(&reader);
    return true;
}

static int compare_items(const struct item *a, const struct item *b)
{
    if (a->token != b->token)
        return a->token < b->token ? -1 : 1;
    return bytes_compare(a->key, b->key);
}

// The same dots: of values, and of deletions.
static bool same_dots(const struct record *a, const struct record *b)
{
    bool is_same = a->count == b->count;
    for (uint32_t i = 0; is_same && i < a->count; i++)
        is_same = dot_equal(a->siblings[i].dot, b->siblings[i].dot);
    return is_same;
}

// ---- Keys that differ --------------------------------------------------------------------

static struct lane *free_lane(struct exchange *exchange)
{
    for (unsigned i = 0; i < EXCHANGE_LANES; i++) {
        if (exchange->lanes[i].state == LANE_FREE)
            return &exchange->lanes[i];
    }
    return NULL;
}

static uint64_t size_of(const struct record *record)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < record->count; i++)
        size += record->siblings[i].value_size;
    return size;
}

// Puts a key into a lane, with the head that they have, empty if none, and names it.
static void add(struct exchange *exchange, bool is_dry, struct bytes key, struct bytes theirs,
                uint64_t size)
{
    exchange->differing++;
    buf_append_short(&exchange->names, key);
    if (is_dry)
        return;
    struct lane *lane = free_lane(exchange);
    lane->state = LANE_HEAD;
    lane->size = size;
    lane->actor = exchange->pages[COMPARE_THEIRS].actor;
    buf_set(&lane->key, key);
    buf_set(&lane->record, theirs);
}

// Whether the next key can be looked at: each side has one, or will have none any more.
static bool can_merge(struct exchange *exchange, bool is_dry)
{
    for (unsigned side = 0; side < COMPARE_SIDES; side++) {
        const struct exchange_page *page = &exchange->pages[side];
        if (is_empty(page) && !page->is_done)
            return false;
    }
    bool is_over = is_empty(&exchange->pages[0]) && is_empty(&exchange->pages[1]);
    bool has_room = is_dry || free_lane(exchange);
    return !is_over && has_room && exchange->names.size - exchange->names_at < NAMES_MAX;
}

enum status exchange_merge(struct exchange *exchange, bool is_dry)
{
    while (can_merge(exchange, is_dry)) {
        struct item ours, theirs;
        size_t our_size = 0, their_size = 0;
        bool bad = false;
        bool has_ours = peek(exchange, COMPARE_OURS, &ours, &our_size, &bad);
        bool has_theirs = peek(exchange, COMPARE_THEIRS, &theirs, &their_size, &bad);
        if (bad)
            return STATUS_INVALID;
        int order = !has_theirs ? -1 : !has_ours ? 1 : compare_items(&ours, &theirs);
        if ((order <= 0 && record_decode(&exchange->record, ours.key, ours.head)) ||
            (order >= 0 && record_decode(&exchange->other, theirs.key, theirs.head)))
            return STATUS_INVALID;
        if (order < 0)
            add(exchange, is_dry, ours.key, (struct bytes){0}, 0);
        else if (order > 0 || !same_dots(&exchange->record, &exchange->other))
            add(exchange, is_dry, theirs.key, theirs.head, size_of(&exchange->other));
        exchange->pages[COMPARE_OURS].at += order <= 0 ? our_size : 0;
        exchange->pages[COMPARE_THEIRS].at += order >= 0 ? their_size : 0;
    }
    return STATUS_OK;
}

bool exchange_may_fetch(const struct exchange *exchange, const struct lane *lane)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < EXCHANGE_LANES; i++) {
        enum lane_state state = exchange->lanes[i].state;
        bool is_large = state == LANE_FETCH_SENT || state == LANE_WHOLE || state == LANE_WHOLE_SENT;
        size += is_large ? exchange->lanes[i].size + 1 : 0;
    }
    return !size || size + lane->size <= EXCHANGE_FETCH_MAX;
}

bool exchange_is_done(const struct exchange *exchange)
{
    for (unsigned i = 0; i < EXCHANGE_LANES; i++) {
        if (exchange->lanes[i].state != LANE_FREE)
            return false;
    }
    for (unsigned side = 0; side < COMPARE_SIDES; side++) {
        if (!exchange->pages[side].is_done || !is_empty(&exchange->pages[side]))
            return false;
    }
    return true;
}
