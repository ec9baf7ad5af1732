#include "client/pending.h"

#include "base/endian.h"
#include "base/xalloc.h"
#include "wire/client.h"

#include <stdlib.h>

enum {
    KEEP_SIZE_MAX = 64 * 1024, // of the buffer of a free slot
    ID_OFFSET = MESSAGE_HEADER_SIZE + 4,
};

void pending_release(struct pending *pending)
{
    for (uint32_t i = 0; i < pending->slot_count; i++) {
        buf_release(&pending->requests[i].bytes);
        buf_release(&pending->requests[i].refusal);
    }
    free(pending->requests);
    free(pending->free_slots);
    *pending = (struct pending){0};
}

static void add_slots(struct pending *pending)
{
    uint32_t count = pending->slot_count ? 2 * pending->slot_count : 8;
    pending->requests = xrealloc(pending->requests, count * sizeof *pending->requests);
    pending->free_slots = xrealloc(pending->free_slots, count * sizeof *pending->free_slots);
    for (uint32_t i = count; i > pending->slot_count; i--) {
        pending->requests[i - 1] = (struct request){.generation = 1};
        pending->free_slots[pending->free_count++] = i - 1;
    }
    pending->slot_count = count;
}

struct request *pending_add(struct pending *pending, enum message_type type)
{
    if (!pending->free_count)
        add_slots(pending);
    struct request *request = &pending->requests[pending->free_slots[--pending->free_count]];
    struct buf bytes = request->bytes, refusal = request->refusal;
    *request = (struct request){.generation = request->generation,
                                .type = (uint8_t)type,
                                .bytes = bytes,
                                .refusal = refusal};
    buf_clear(&request->refusal);
    buf_clear(&request->bytes);
    buf_grow(&request->bytes, MESSAGE_HEADER_SIZE);
    return request;
}

uint64_t pending_id(const struct pending *pending, const struct request *request)
{
    return (uint64_t)request->generation << 32 | (uint64_t)(request - pending->requests);
}

struct request *pending_find(const struct pending *pending, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= pending->slot_count)
        return NULL;
    struct request *request = &pending->requests[index];
    return request->state != REQUEST_FREE && request->generation == id >> 32 ? request : NULL;
}

// ---- queues -----------------------------------------------------------------------

static void grow_queue(struct request_queue *queue)
{
    uint32_t capacity = queue->capacity ? 2 * queue->capacity : 16;
    uint64_t *ids = xmalloc(capacity * sizeof *ids);
    for (uint32_t i = 0; i < queue->count; i++)
        ids[i] = queue->ids[(queue->first + i) % queue->capacity];
    free(queue->ids);
    queue->ids = ids;
    queue->first = 0;
    queue->capacity = capacity;
}

struct request *pending_queued(const struct pending *pending, const struct request_queue *queue,
                               uint32_t i)
{
    uint32_t at = (queue->first + i) % queue->capacity;
    struct request *request = pending_find(pending, queue->ids[at]);
    return request && request->state == REQUEST_QUEUED ? request : NULL;
}

void request_queue_take(struct request_queue *queue, uint32_t count)
{
    if (!count)
        return;
    queue->first = (queue->first + count) % queue->capacity;
    queue->count -= count;
}

// No answer to an earlier try, and no entry of another queue, means this request any more.
static void renew(struct pending *pending, struct request *request)
{
    request->generation++;
    store_u64(request->bytes.data + ID_OFFSET, pending_id(pending, request));
}

void pending_queue(struct pending *pending, struct request *request, struct request_queue *queue)
{
    if (request->state == REQUEST_FREE) {
        pending->count++;
        pending->size += request->bytes.size;
    } else {
        renew(pending, request);
    }
    if (queue->count == queue->capacity)
        grow_queue(queue);
    uint32_t at = (queue->first + queue->count++) % queue->capacity;
    queue->ids[at] = pending_id(pending, request);
    request->state = REQUEST_QUEUED;
}

void pending_pause(struct pending *pending, struct request *request, uint64_t until_ms)
{
    renew(pending, request);
    request->state = REQUEST_PAUSED;
    request->retry_at_ms = until_ms;
}

// ---- tries and outcomes -----------------------------------------------------------

void request_begin_try(struct request *request, uint64_t name, uint64_t now_ms)
{
    if (request->type != MESSAGE_PUT)
        return;
    request->tries_before = request->tries;
    request->tries.is_repeated |= request->is_maybe_applied;
    struct put_try next = tries_next(&request->tries, name, now_ms);
    op_put_set_try(request->bytes.data + MESSAGE_HEADER_SIZE, &next);
}

static bool says_not_written(enum status status)
{
    int code = status_exit_code(status);
    return code == status_exit_code(STATUS_UNAVAILABLE) ||
           code == status_exit_code(STATUS_UNREACHABLE) ||
           code == status_exit_code(STATUS_NOT_AUTHORISED);
}

enum status request_outcome(const struct request *request, enum status status)
{
    if (request->type != MESSAGE_PUT || !status)
        return status;
    bool is_open =
        request->is_maybe_applied || (request->tries.is_repeated && says_not_written(status));
    return is_open ? STATUS_INDETERMINATE : status;
}

void pending_end(struct pending *pending, struct request *request)
{
    pending->count--;
    pending->size -= request->bytes.size;
    request->state = REQUEST_FREE;
    request->generation++;
    if (request->bytes.capacity > KEEP_SIZE_MAX)
        buf_release(&request->bytes);
    pending->free_slots[pending->free_count++] = (uint32_t)(request - pending->requests);
    pending->ended_count++;
}

void pending_fail(struct pending *pending, struct request *request, enum status status,
                  struct bytes text)
{
    union callback on_done = request->on_done;
    void *context = request->context;
    uint8_t type = request->type;
    uint8_t outcome = (uint8_t)request_outcome(request, status);
    struct buf said = {0}; // a callback may begin a request in the slot that has the text
    buf_append(&said, text);
    text = buf_bytes(&said);
    pending_end(pending, request);
    if (type == MESSAGE_PUT)
        on_done.put(context, &(struct op_put_done){.status = outcome, .text = text});
    else if (type == MESSAGE_GET)
        on_done.get(context, &(struct op_got){.status = outcome, .text = text});
    else if (type == MESSAGE_SCAN)
        on_done.scan(context, &(struct op_scanned){.status = outcome, .text = text});
    else if (type == MESSAGE_EXPLAIN)
        on_done.explained(context, &(struct op_explained){.status = outcome, .text = text});
    else
        on_done.answer(context, &(struct op_answer){.status = outcome, .text = text});
    buf_release(&said);
}

bool request_goes_on(const struct request *request, enum status status)
{
    switch (status) {
    case STATUS_BUSY:
    case STATUS_STALE:
    case STATUS_LATE:
        return true;
    case STATUS_INDETERMINATE:
    case STATUS_TIMEOUT:
        return request->deadline_ms != 0;
    case STATUS_UNAVAILABLE:
    case STATUS_NOT_OWNER:
    case STATUS_PRECONDITION: // by a value that may be our own; its record may be under way
        return request->is_maybe_applied && request->deadline_ms;
    default:
        return false;
    }
}
