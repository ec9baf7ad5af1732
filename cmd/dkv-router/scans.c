#include "dkv-router/scans.h"

#include "base/endian.h"
#include "dkv-router/answers.h"
#include "dkv-router/page.h"
#include "ring/engine_key.h"
#include "wire/replica.h"

static void send_scan(struct router *router, const struct flight *flight, unsigned target,
                      struct outbox *outbox)
{
    struct op_scan_local scan = {.id = flight_id(flight),
                                 .heads = flight->flags & SCAN_HEADS,
                                 .partition = flight->route.partition,
                                 .keyspace = flight->route.keyspace->id,
                                 .size_max = flight->size_max,
                                 .after = buf_bytes(&flight->after),
                                 .prefix = buf_bytes(&flight->key)};
    op_encode_scan_local(&scan, placing_ask(router, flight, target, MESSAGE_SCAN_LOCAL, 0, outbox));
}

static void answer(struct router *router, const struct flight *flight, enum status status,
                   const struct page *page, struct bytes contexts, struct bytes text,
                   struct outbox *outbox)
{
    struct op_scanned scanned = {.id = flight->client_id,
                                 .status = (uint8_t)status,
                                 .replied = target_count(flight->scan.replied),
                                 .keyspace = flight->route.keyspace->id,
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

static void finish(struct router *router, struct flight *flight, struct outbox *outbox);

static void take_step(struct router *router, struct flight *flight, struct scan_step step,
                      struct outbox *outbox)
{
    for (unsigned target = 0; target < flight->route.count; target++) {
        if (step.ask & target_bit(target))
            send_scan(router, flight, target, outbox);
    }
    if (step.join)
        finish(router, flight, outbox);
    else if (step.answer)
        fail(router, flight, placing_failure(flight, step.status), outbox);
}

static struct flight *add_flight(struct router *router, const struct arrival *arrival,
                                 const struct message_header *header, const struct op_scan *scan,
                                 const struct placing *placing, struct moment now)
{
    uint64_t deadline_ms = placing_deadline(router, header, now);
    size_t size = 2u * scan->size_max + 512;
    struct flight *flight = NULL;
    if (answers_will_fit(router, arrival->link, scan->size_max))
        flight = flights_add(&router->flights, FLIGHT_SCAN, arrival->link, size, deadline_ms);
    if (!flight)
        return NULL;
    placing_fill(router, placing, flight, deadline_ms, now);
    flight_expect(flight, scan->size_max);
    flight->client_id = scan->id;
    flight->flags = scan->flags;
    flight->level = scan->level;
    flight->size_max = scan->size_max;
    buf_set(&flight->key, scan->prefix);
    buf_set(&flight->after, scan->after);
    return flight;
}

// Where to go on must be in the partition.
static bool is_cursor_of(const struct router *router, const struct op_scan *scan)
{
    struct engine_key cursor;
    if (!scan->after.size)
        return true;
    return engine_key_decode(&cursor, scan->after) &&
           ring_partition(router->ring, cursor.token) == scan->partition;
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
    placing_narrow_to_readers(&placing);
    if (!placing_read_needs(router, &placing, &scan.level, placing.route.keyspace->r, &r)) {
        refuse(router, arrival, &scan, STATUS_INVALID, "R is greater than the number of owners",
               outbox);
        return STATUS_OK;
    }
    struct flight *flight = add_flight(router, arrival, header, &scan, &placing, now);
    if (flight) {
        struct scan_step step =
            scan_start(&flight->scan, placing.route.owner_count, &r, placing.live);
        take_step(router, flight, step, outbox);
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
        context_encode(&router->context, router->keyring.seals, flight->route.keyspace->id, key,
                       out);
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
    struct page_source sources[RING_TARGETS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < flight->route.count; i++) {
        if (flight->scan.replied & target_bit(i))
            sources[count++].scanned = flight->replies[i]->scanned;
    }
    struct page page = {0};
    enum status status =
        page_join(&page, sources, count, flight->route.keyspace, &router->joined, &router->record);
    if (status)
        fail(router, flight, STATUS_CORRUPT, outbox);
    else if (!answers_fit(router, flight->client, page.items.size))
        put_off(router, flight, "read the answers that wait", outbox);
    else
        answer_page(router, flight, &page, outbox);
    page_release(&page);
}

enum status scans_on_scanned(struct router *router, uint32_t number, struct reader *body,
                             struct moment now, struct outbox *outbox)
{
    struct op_scanned scanned;
    if (op_decode_scanned(&scanned, body))
        return STATUS_INVALID;
    unsigned target;
    struct flight *flight =
        flights_find_of(&router->flights, scanned.id, FLIGHT_SCAN, number, &target);
    if (!flight || !(flight->scan.asked & target_bit(target))) {
        router->counts.late++;
        return STATUS_OK;
    }
    if (scanned.status == STATUS_BUSY) { // the store waits for us
        put_off(router, flight, "too much in flight", outbox);
        return STATUS_OK;
    }
    flight->was_stale |= scanned.status == STATUS_STALE;
    if (scanned.status) {
        scans_on_failed(router, flight, target, now, outbox);
        return STATUS_OK;
    }
    reply_keep_page(flight_reply(&router->flights, flight, target), &scanned);
    take_step(router, flight, scan_on_reply(&flight->scan, target), outbox);
    return STATUS_OK;
}

void scans_on_failed(struct router *router, struct flight *flight, unsigned target,
                     struct moment now, struct outbox *outbox)
{
    (void)now;
    take_step(router, flight, scan_on_failed(&flight->scan, target), outbox);
}

void scans_on_deadline(struct router *router, struct flight *flight, struct outbox *outbox)
{
    take_step(router, flight, scan_on_deadline(&flight->scan), outbox);
}
