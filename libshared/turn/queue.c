#include "turn/queue.h"

#include "base/xalloc.h"

#include <stdlib.h>

// Moves the messages to the front if half of the room is free there, else doubles the room.
static void make_room(struct queue *queue)
{
    if (queue->count < queue->capacity)
        return;
    if (queue->first > queue->count / 2) {
        queue->count -= queue->first;
        memmove(queue->items, queue->items + queue->first, queue->count * sizeof *queue->items);
        queue->first = 0;
        return;
    }
    queue->capacity = queue->capacity ? 2 * queue->capacity : 64;
    queue->items = xrealloc(queue->items, queue->capacity * sizeof *queue->items);
}

struct queued *queue_add_take(struct queue *queue, link_id link, struct buf *bytes)
{
    make_room(queue);
    struct queued *queued = &queue->items[queue->count++];
    *queued = (struct queued){.link = link, .bytes = *bytes};
    *bytes = (struct buf){0};
    return queued;
}

struct queued *queue_first(const struct queue *queue)
{
    return queue->first < queue->count ? &queue->items[queue->first] : NULL;
}

void queue_drop_first(struct queue *queue)
{
    buf_release(&queue->items[queue->first].bytes);
    if (++queue->first == queue->count)
        queue->first = queue->count = 0;
}

void queue_release(struct queue *queue)
{
    while (queue_first(queue))
        queue_drop_first(queue);
    free(queue->items);
    *queue = (struct queue){0};
}
