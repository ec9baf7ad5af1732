#include "dkv/scanner.h"

#include "os/clock.h"
#include "ring/ring_text.h"

static uint64_t deadline_ms(const struct scanner *scanner)
{
    return scanner->deadline_ms ? scanner->deadline_ms : clock_mono_ms() + SCANNER_TIMEOUT_MS;
}

// ---- the ring -----------------------------------------------------------------------

struct ring_answer {
    enum status status;
    struct ring ring;
    struct fault *fault;
};

static void on_ring(void *context, const struct op_answer *answer)
{
    struct ring_answer *got = context;
    got->status = answer->status;
    if (!answer->status)
        got->status = ring_text_parse(&got->ring, answer->text, got->fault);
    else
        fault_set(got->fault, got->status, "%.*s", (int)answer->text.size, answer->text.data);
}

static enum status ask_ring(struct scanner *scanner, struct fault *fault)
{
    struct ring_answer answer = {.fault = fault};
    client_ask(scanner->client, "ring", (struct bytes){0}, deadline_ms(scanner), on_ring, &answer);
    client_drain(scanner->client);
    if (answer.status)
        return answer.status;
    scanner->partition_count = answer.ring.partition_count;
    scanner->epoch = answer.ring.epoch;
    const struct ring_keyspace *keyspace = ring_find_keyspace(&answer.ring, scanner->op.keyspace);
    scanner->keyspace = keyspace ? keyspace->id : 0;
    ring_release(&answer.ring);
    if (keyspace)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID, "there is no keyspace '%.*s'",
                     (int)scanner->op.keyspace.size, scanner->op.keyspace.data);
}

// ---- lanes --------------------------------------------------------------------------

static void on_page(void *context, const struct op_scanned *page)
{
    struct scanner_lane *lane = context;
    lane->asked = false;
    lane->ready = true;
    lane->status = page->status;
    lane->done = page->done || page->status;
    buf_set(&lane->items, page->items);
    buf_set(&lane->contexts, page->contexts);
    buf_set(&lane->last, page->last);
    buf_set(&lane->text, page->text);
}

static void ask_page(struct scanner_lane *lane)
{
    struct scanner *scanner = lane->scanner;
    struct op_scan op = scanner->op;
    op.partition = lane->partition;
    op.after = buf_bytes(&lane->last);
    lane->ready = false;
    lane->asked = true;
    client_scan(scanner->client, &op, deadline_ms(scanner), on_page, lane);
}

static void start_partition(struct scanner *scanner, uint32_t partition, struct bytes after)
{
    struct scanner_lane *lane = &scanner->lanes[partition % SCANNER_LANES];
    if (partition >= scanner->partition_count)
        return;
    lane->partition = partition;
    buf_set(&lane->last, after);
    if (lane->items.capacity > 2 * SCANNER_PAGE_SIZE)
        buf_release(&lane->items);
    ask_page(lane);
}

enum status scanner_open(struct scanner *scanner, struct client *client, const struct op_scan *op,
                         struct bytes after, uint64_t until_ms, struct fault *fault)
{
    *scanner = (struct scanner){.client = client, .op = *op, .deadline_ms = until_ms};
    scanner->op.size_max = SCANNER_PAGE_SIZE;
    enum status status = ask_ring(scanner, fault);
    if (status)
        return status;
    for (uint32_t i = 0; i < SCANNER_LANES; i++)
        scanner->lanes[i].scanner = scanner;
    struct ring_engine_key cursor;
    if (ring_engine_key_split(&cursor, after))
        scanner->partition = ring_partition_of(scanner->partition_count, cursor.token);
    for (uint32_t i = 0; i < SCANNER_LANES; i++)
        start_partition(scanner, scanner->partition + i, i ? (struct bytes){0} : after);
    return STATUS_OK;
}

void scanner_close(struct scanner *scanner)
{
    for (uint32_t i = 0; i < SCANNER_LANES; i++) {
        buf_release(&scanner->lanes[i].items);
        buf_release(&scanner->lanes[i].contexts);
        buf_release(&scanner->lanes[i].last);
        buf_release(&scanner->lanes[i].text);
    }
}

static void leave_partition(struct scanner *scanner)
{
    start_partition(scanner, scanner->partition + SCANNER_LANES, (struct bytes){0});
    scanner->partition++;
    scanner->reading = false;
}

// Puts the next page in place. END behind the last partition.
static enum status next_page(struct scanner *scanner, struct fault *fault)
{
    struct scanner_lane *lane = &scanner->lanes[scanner->partition % SCANNER_LANES];
    if (scanner->reading && lane->done) {
        leave_partition(scanner);
        lane = &scanner->lanes[scanner->partition % SCANNER_LANES];
    } else if (scanner->reading) {
        scanner->reading = false;
        ask_page(lane);
    }
    if (scanner->partition >= scanner->partition_count)
        return STATUS_END;
    while (!lane->ready)
        client_run(scanner->client, -1, -1);
    if (lane->status) {
        enum status status = lane->status;
        scanner->missing_count++;
        fault_set(fault, status, "%.*s", (int)lane->text.size, lane->text.data);
        leave_partition(scanner);
        return status;
    }
    scanner->items = reader_of(buf_bytes(&lane->items));
    scanner->contexts = reader_of(buf_bytes(&lane->contexts));
    scanner->reading = true;
    return STATUS_OK;
}

enum status scanner_next(struct scanner *scanner, struct scanner_item *item, struct fault *fault)
{
    while (!scanner->reading || !reader_left(&scanner->items)) {
        enum status status = next_page(scanner, fault);
        if (status)
            return status;
    }
    item->key = reader_short(&scanner->items);
    item->record = reader_sized(&scanner->items);
    if (scanner->op.flags & SCAN_WANT_CONTEXT)
        item->context = reader_sized(&scanner->contexts);
    if (!scanner->items.bad && !scanner->contexts.bad)
        return STATUS_OK;
    scanner->missing_count++;
    leave_partition(scanner);
    return fault_set(fault, STATUS_CORRUPT, "a page is damaged");
}
