#include "dkv/pending.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum { KEEP_SIZE_MAX = 64 * 1024 }; // of the buffer of a free slot

void pending_release(struct pending *pending)
{
    for (uint32_t i = 0; i < pending->slot_count; i++)
        buf_release(&pending->requests[i].bytes);
    free(pending->requests);
    free(pending->free_slots);
    free(pending->queue);
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
    request->type = (uint8_t)type;
    request->maybe_applied = false;
    request->pause_ms = 0;
    buf_clear(&request->bytes);
    buf_grow(&request->bytes, MESSAGE_HEADER_SIZE);
    return request;
}

uint64_t pending_id(const struct pending *pending, const struct request *request)
{
    return (uint64_t)request->generation << 32 | (uint64_t)(request - pending->requests);
}

void pending_start(struct pending *pending, struct request *request)
{
    pending->count++;
    pending->size += request->bytes.size;
    pending_requeue(pending, request);
}

struct request *pending_find(const struct pending *pending, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= pending->slot_count)
        return NULL;
    struct request *request = &pending->requests[index];
    return request->state != REQUEST_FREE && request->generation == id >> 32 ? request : NULL;
}

struct request *pending_queued(const struct pending *pending, uint32_t i)
{
    uint32_t at = (pending->queue_first + i) % pending->queue_capacity;
    struct request *request = pending_find(pending, pending->queue[at]);
    return request && request->state == REQUEST_QUEUED ? request : NULL;
}

void pending_dequeue(struct pending *pending, uint32_t count)
{
    if (!count)
        return;
    pending->queue_first = (pending->queue_first + count) % pending->queue_capacity;
    pending->queue_count -= count;
}

static void leave_sent(struct pending *pending, const struct request *request)
{
    if (request->state != REQUEST_SENT)
        return;
    pending->sent_count--;
    pending->sent_size -= request->bytes.size;
}

void request_begin_try(struct request *request, uint64_t name, uint64_t now_ms)
{
    if (request->type != MESSAGE_PUT)
        return;
    request->tries.is_repeated |= request->maybe_applied;
    struct put_try next = tries_next(&request->tries, name, now_ms);
    op_put_set_try(request->bytes.data + MESSAGE_HEADER_SIZE, &next);
}

void pending_sent(struct pending *pending, struct request *request, uint32_t batch)
{
    request->state = REQUEST_SENT;
    request->batch = batch;
    pending->sent_count++;
    pending->sent_size += request->bytes.size;
}

void pending_pause(struct pending *pending, struct request *request, uint64_t until_ms)
{
    leave_sent(pending, request);
    request->state = REQUEST_PAUSED;
    request->retry_at_ms = until_ms;
}

static void grow_queue(struct pending *pending)
{
    uint32_t capacity = pending->queue_capacity ? 2 * pending->queue_capacity : 64;
    uint64_t *queue = xmalloc(capacity * sizeof *queue);
    for (uint32_t i = 0; i < pending->queue_count; i++)
        queue[i] = pending->queue[(pending->queue_first + i) % pending->queue_capacity];
    free(pending->queue);
    pending->queue = queue;
    pending->queue_first = 0;
    pending->queue_capacity = capacity;
}

void pending_requeue(struct pending *pending, struct request *request)
{
    leave_sent(pending, request);
    if (pending->queue_count == pending->queue_capacity)
        grow_queue(pending);
    uint32_t at = (pending->queue_first + pending->queue_count++) % pending->queue_capacity;
    pending->queue[at] = pending_id(pending, request);
    request->state = REQUEST_QUEUED;
}

void pending_end(struct pending *pending, struct request *request)
{
    leave_sent(pending, request);
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
    if (type == MESSAGE_PUT && request->maybe_applied)
        status = STATUS_INDETERMINATE;
    pending_end(pending, request);
    if (type == MESSAGE_PUT)
        on_done.put(context, &(struct op_put_done){.status = (uint8_t)status, .text = text});
    else if (type == MESSAGE_GET)
        on_done.get(context, &(struct op_got){.status = (uint8_t)status, .text = text});
    else if (type == MESSAGE_SCAN)
        on_done.scan(context, &(struct op_scanned){.status = (uint8_t)status, .text = text});
    else
        on_done.answer(context, &(struct op_answer){.status = (uint8_t)status, .text = text});
}

void pending_fail_all(struct pending *pending, enum status status)
{
    for (uint32_t i = 0; i < pending->slot_count; i++)
        if (pending->requests[i].state != REQUEST_FREE)
            pending_fail(pending, &pending->requests[i], status, (struct bytes){0});
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
        return request->maybe_applied && request->deadline_ms;
    default:
        return false;
    }
}
