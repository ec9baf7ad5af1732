// queue.h - messages that stay for a later turn, in the order of sending.
//
// A zero-filled queue is a valid empty one.
#pragma once

#include "base/status.h"
#include "wire/outbox.h"

struct queued {
    link_id link;
    uint64_t gate;   // it is held until the log is durable up to here
    enum status why; // it could not be sent
    struct buf bytes;
};

struct queue { // items[first .. count)
    struct queued *items;
    uint32_t first, count, capacity;
};

// Takes the bytes of the message and leaves it without. Valid until the next add.
struct queued *queue_add_take(struct queue *queue, link_id link, struct buf *bytes);
struct queued *queue_first(const struct queue *queue); // NULL: it is empty
void queue_drop_first(struct queue *queue);
void queue_release(struct queue *queue);
