#include "dkv-router/scans.h"

#include "base/endian.h"
#include "dkv-router/answers.h"
#include "dkv-router/page.h"

static void send_scan(struct router *router, struct flight *flight, unsigned owner,
                      struct outbox *outbox)
{
    struct op_scan_local scan = {.id = flight_id(flight),
                                 .heads = flight->flags & SCAN_HEADS,
                                 .partition = flight->partition,
                                 .keyspace = flight->keyspace,
                                 .size_max = flight->size_max,
                                 .after = buf_bytes(&flight->after),
                                 .prefix = buf_bytes(&flight->key)};
    flight->scan.asked |= owner_bit(owner);
    op_encode_scan_local(
        &scan, outbox_add(outbox, owner_link(router, flight, owner), MESSAGE_SCAN_LOCAL, 0));
}

static void answer(struct router *router, const struct flight *flight, enum status status,
                   const struct page *page, struct bytes contexts, struct bytes text,
                   struct outbox *outbox)
{
    struct op_scanned scanned = {.id = flight->client_id,
                                 .status = (uint8_t)status,
                                 .replied = mask_count(flight->scan.replied),
                                 .keyspace = flight->keyspace,
                                 .text = text,
                                 .contexts = contexts};
    if (page) {
        scanned.done = page->done;
        scanned.item_count = page->item_count;
        scanned.last = buf_bytes(&page->last);
        scanned.items = buf_bytes(&page->items);
    }
    answer_scanned(router, flight->client, &scanned, outbox);
}

static void fail(struct router *router, struct flight *flight, enum status status,
                 struct outbox *outbox)
{
    answer(router, flight, status, NULL, (struct bytes){0}, placing_explain(router, flight, 'R'),
           outbox);
    flights_remove(&router->flights, flight);
}

// It has nothing to do with R; the client may come again.
static void put_off(struct router *router, struct flight *flight, const char *why,
                    struct outbox *outbox)
{
    router->counts.busy++;
    answer(router, flight, STATUS_BUSY, NULL, (struct bytes){0}, bytes_of_text(why), outbox);
    flights_remove(&router->flights, flight);
}

// Asks as many more owners as are missing to R, if there are so many.
static void ask(struct router *router, struct flight *flight, struct outbox *outbox)
{
    if (!needs_met(&flight->scan.r, flight->scan.live | flight->scan.replied)) {
        fail(router, flight, STATUS_UNAVAILABLE, outbox);
        return;
    }
    for (unsigned i = 0; i < flight->n; i++) {
        owner_mask busy = flight->scan.asked | flight->scan.replied;
        if ((flight->scan.live & owner_bit(i)) && needs_help_of(&flight->scan.r, busy, i))
            send_scan(router, flight, i, outbox);
    }
}

static struct flight *add_flight(struct router *router, const struct arrival *arrival,
                                 const struct message_header *header, const struct op_scan *scan,
                                 const struct placing *placing, const struct needs *r,
                                 struct moment now)
{
    uint64_t deadline_ms = placing_deadline(router, header, now);
    size_t size = 2u * scan->size_max + 512;
    struct flight *flight = NULL;
    if (answers_will_fit(router, arrival->link, scan->size_max))
        flight = flights_add(&router->flights, FLIGHT_SCAN, arrival->link, size, deadline_ms);
    if (!flight)
        return NULL;
    placing_fill(placing, flight, deadline_ms, now);
    flight_expect(flight, scan->size_max);
    flight->client_id = scan->id;
    flight->flags = scan->flags;
    flight->level = scan->level;
    flight->size_max = scan->size_max;
    buf_set(&flight->key, scan->prefix);
    buf_set(&flight->after, scan->after);
    flight->scan.asked = flight->scan.replied = 0;
    flight->scan.live = placing->live;
    flight->scan.r = *r;
    return flight;
}

// Where to go on must be in the partition.
static bool is_cursor_of(const struct router *router, const struct op_scan *scan)
{
    if (!scan->after.size)
        return true;
    return scan->after.size > RING_ENGINE_PREFIX_SIZE &&
           ring_partition(router->ring, load_u64_be(scan->after.data)) == scan->partition;
}

static void refuse(struct router *router, const struct arrival *arrival, const struct op_scan *scan,
                   enum status status, const char *why, struct outbox *outbox)
{
    struct op_scanned scanned = {
        .id = scan->id, .status = (uint8_t)status, .text = bytes_of_text(why)};
    answer_scanned(router, arrival->link, &scanned, outbox);
}

enum status scans_on_scan(struct router *router, const struct arrival *arrival,
                          const struct message_header *header, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct op_scan scan;
    if (op_decode_scan(&scan, body))
        return STATUS_INVALID;
    router->counts.scans++;
    if (scan.size_max > (1 << 20))
        scan.size_max = 1 << 20;
    struct placing placing;
    if (placing_find_partition(router, scan.keyspace, scan.partition, &placing) ||
        !is_cursor_of(router, &scan)) {
        refuse(router, arrival, &scan, STATUS_INVALID, "no such keyspace, partition or cursor",
               outbox);
        return STATUS_OK;
    }
    if (scan.flags & SCAN_LOCAL) {
        placing_narrow(router, &placing);
        scan.level = 1;
    }
    struct needs r;
    if (!placing_needs(router, &placing, &scan.level, placing.keyspace->r, &r)) {
        refuse(router, arrival, &scan, STATUS_INVALID, "R is greater than the number of owners",
               outbox);
        return STATUS_OK;
    }
    struct flight *flight = add_flight(router, arrival, header, &scan, &placing, &r, now);
    if (flight) {
        ask(router, flight, outbox);
    } else {
        router->counts.busy++;
        refuse(router, arrival, &scan, STATUS_BUSY, "too many operations in flight", outbox);
    }
    return STATUS_OK;
}

// The context of every item into router->encoded, an empty one of a record that is damaged.
static void make_contexts(struct router *router, const struct flight *flight,
                          const struct page *page)
{
    struct buf *out = &router->encoded;
    struct reader items = reader_of(buf_bytes(&page->items));
    for (uint32_t i = 0; i < page->item_count; i++) {
        struct bytes key = reader_short(&items);
        bool is_damaged = record_decode(&router->record, key, reader_sized(&items));
        size_t begun = out->size;
        buf_append_u32(out, 0);
        if (is_damaged)
            continue;
        context_of_record(&router->context, &router->record);
        context_encode(&router->context, router->keyring.seals, flight->keyspace, key, out);
        store_u32(out->data + begun, (uint32_t)(out->size - begun - 4));
    }
}

static void answer_page(struct router *router, struct flight *flight, const struct page *page,
                        struct outbox *outbox)
{
    buf_clear(&router->encoded);
    if (flight->flags & SCAN_WANT_CONTEXT)
        make_contexts(router, flight, page);
    answer(router, flight, STATUS_OK, page, buf_bytes(&router->encoded), (struct bytes){0}, outbox);
    flights_remove(&router->flights, flight);
}

static void finish(struct router *router, struct flight *flight, struct outbox *outbox)
{
    struct page_source sources[RING_OWNERS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < flight->n; i++) {
        if (!(flight->scan.replied & owner_bit(i)))
            continue;
        struct reader reply = reader_of(buf_bytes(&flight->replies[i]));
        if (op_decode_scanned(&sources[count].scanned, &reply)) {
            fail(router, flight, STATUS_INTERNAL, outbox);
            return;
        }
        count++;
    }
    struct page page = {0};
    enum status status =
        page_join(&page, sources, count, ring_keyspace(router->ring, flight->keyspace),
                  &router->joined, &router->record);
    if (status)
        fail(router, flight, STATUS_CORRUPT, outbox);
    else if (!answers_fit(router, flight->client, page.items.size))
        put_off(router, flight, "read the answers that wait", outbox);
    else
        answer_page(router, flight, &page, outbox);
    page_release(&page);
}

enum status scans_on_scanned(struct router *router, uint32_t node, struct reader *body,
                             struct moment now, struct outbox *outbox)
{
    struct op_scanned scanned;
    if (op_decode_scanned(&scanned, body))
        return STATUS_INVALID;
    unsigned owner;
    struct flight *flight =
        flights_find_of(&router->flights, scanned.id, FLIGHT_SCAN, node, &owner);
    if (!flight || !(flight->scan.asked & owner_bit(owner))) {
        router->counts.late++;
        return STATUS_OK;
    }
    if (scanned.status == STATUS_BUSY) { // the store waits for us
        put_off(router, flight, "too much in flight", outbox);
        return STATUS_OK;
    }
    if (scanned.status) {
        scans_on_failed(router, flight, owner, now, outbox);
        return STATUS_OK;
    }
    flight->scan.asked &= (owner_mask)~owner_bit(owner);
    flight->scan.replied |= owner_bit(owner);
    buf_clear(&flight->replies[owner]);
    op_encode_scanned(&scanned, &flight->replies[owner]);
    if (!flight->scan.asked)
        finish(router, flight, outbox);
    return STATUS_OK;
}

void scans_on_failed(struct router *router, struct flight *flight, unsigned owner,
                     struct moment now, struct outbox *outbox)
{
    (void)now;
    flight->scan.live &= (owner_mask)~owner_bit(owner);
    if (!(flight->scan.asked & owner_bit(owner)))
        return;
    flight->scan.asked &= (owner_mask)~owner_bit(owner);
    ask(router, flight, outbox);
}

void scans_on_deadline(struct router *router, struct flight *flight, struct outbox *outbox)
{
    fail(router, flight, STATUS_TIMEOUT, outbox);
}
