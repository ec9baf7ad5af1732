#include "client/lanes.h"

#include "ring/engine_key.h"
#include "wire/client.h"

#include <assert.h>

// ---- lanes --------------------------------------------------------------------------

static struct lane *lane_of(struct lanes *lanes, uint32_t partition)
{
    return &lanes->lanes[partition % LANES_COUNT];
}

static void on_page(void *context, const struct op_scanned *page)
{
    struct lane *lane = context;
    lane->asked = false;
    lane->ready = true;
    lane->status = page->status;
    lane->done = page->done || page->status;
    buf_set(&lane->items, page->items);
    buf_set(&lane->contexts, page->contexts);
    buf_set(&lane->last, page->last);
    buf_set(&lane->text, page->text);
}

static void ask_page(struct lane *lane, uint64_t now_ms)
{
    struct lanes *lanes = lane->lanes;
    struct op_scan op = lanes->op;
    op.partition = lane->partition;
    op.after = buf_bytes(&lane->last);
    lane->ready = false;
    lane->asked = true;
    conversation_scan(lanes->conversation, &op,
                      lanes->deadline_ms ? lanes->deadline_ms : now_ms + LANES_TIMEOUT_MS, now_ms,
                      on_page, lane);
}

static void start_partition(struct lanes *lanes, uint32_t partition, struct bytes after,
                            uint64_t now_ms)
{
    struct lane *lane = lane_of(lanes, partition);
    if (partition >= lanes->partition_count)
        return;
    lane->partition = partition;
    buf_set(&lane->last, after);
    if (lane->items.capacity > 2 * LANES_PAGE_SIZE)
        buf_release(&lane->items);
    ask_page(lane, now_ms);
}

// ---- records ------------------------------------------------------------------------

enum status lanes_begin(struct lanes *lanes, struct conversation *conversation,
                        const struct op_scan *op, const struct ring *ring, struct bytes after,
                        uint64_t deadline_ms, uint64_t now_ms, struct fault *fault)
{
    const struct ring_keyspace *keyspace = ring_find_keyspace(ring, op->keyspace);
    if (!keyspace)
        return fault_set(fault, STATUS_INVALID, "there is no keyspace '%.*s'",
                         (int)op->keyspace.size, op->keyspace.data);
    *lanes = (struct lanes){.conversation = conversation,
                            .op = *op,
                            .partition_count = ring->partition_count,
                            .keyspace = keyspace->id,
                            .epoch = ring->epoch,
                            .deadline_ms = deadline_ms};
    lanes->op.size_max = LANES_PAGE_SIZE;
    for (uint32_t i = 0; i < LANES_COUNT; i++)
        lanes->lanes[i].lanes = lanes;
    struct engine_key cursor;
    if (engine_key_decode(&cursor, after))
        lanes->partition = ring_partition_of(lanes->partition_count, cursor.token);
    for (uint32_t i = 0; i < LANES_COUNT; i++)
        start_partition(lanes, lanes->partition + i, i ? (struct bytes){0} : after, now_ms);
    return STATUS_OK;
}

void lanes_release(struct lanes *lanes)
{
    for (uint32_t i = 0; i < LANES_COUNT; i++) {
        buf_release(&lanes->lanes[i].items);
        buf_release(&lanes->lanes[i].contexts);
        buf_release(&lanes->lanes[i].last);
        buf_release(&lanes->lanes[i].text);
    }
}

static void leave_partition(struct lanes *lanes, uint64_t now_ms)
{
    start_partition(lanes, lanes->partition + LANES_COUNT, (struct bytes){0}, now_ms);
    lanes->partition++;
    lanes->reading = false;
}

// Behind the last record of a page: what comes next.
static void leave_page(struct lanes *lanes, uint64_t now_ms)
{
    struct lane *lane = lane_of(lanes, lanes->partition);
    lanes->reading = false;
    if (lane->done)
        leave_partition(lanes, now_ms);
    else
        ask_page(lane, now_ms);
}

bool lanes_is_ready(struct lanes *lanes, uint64_t now_ms)
{
    while (!lanes->reading || !reader_left(&lanes->items)) {
        if (lanes->reading)
            leave_page(lanes, now_ms);
        const struct lane *lane = lane_of(lanes, lanes->partition);
        if (lanes->partition >= lanes->partition_count)
            return true;
        if (!lane->ready || lane->status)
            return lane->ready;
        lanes->items = reader_of(buf_bytes(&lane->items));
        lanes->contexts = reader_of(buf_bytes(&lane->contexts));
        lanes->reading = true;
    }
    return true;
}

static enum status leave_out(struct lanes *lanes, enum status status, uint64_t now_ms)
{
    lanes->missing_count++;
    leave_partition(lanes, now_ms);
    return status;
}

enum status lanes_next(struct lanes *lanes, struct lanes_item *item, uint64_t now_ms,
                       struct fault *fault)
{
    bool is_ready = lanes_is_ready(lanes, now_ms);
    assert(is_ready);
    if (lanes->partition >= lanes->partition_count)
        return STATUS_END;
    if (!lanes->reading) {
        const struct lane *lane = lane_of(lanes, lanes->partition);
        fault_set(fault, lane->status, "%.*s", (int)lane->text.size, lane->text.data);
        return leave_out(lanes, lane->status, now_ms);
    }
    item->key = reader_short(&lanes->items);
    item->record = reader_sized(&lanes->items);
    if (lanes->op.flags & SCAN_WANT_CONTEXT)
        item->context = reader_sized(&lanes->contexts);
    if (!lanes->items.bad && !lanes->contexts.bad)
        return STATUS_OK;
    return leave_out(lanes, fault_set(fault, STATUS_CORRUPT, "a page is damaged"), now_ms);
}
