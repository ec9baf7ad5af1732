#include "wire/outbox.h"

#include "base/xalloc.h"

#include <stdlib.h>

// Budgets are compared in steps, so that operations of neighbouring deadlines share a
// message; the smaller one is sent.
enum { BUDGET_STEP_MS = 1000 };

// Open messages are looked for among the newest only: a turn rarely talks to more
// links than this, and then merely sends more messages.
enum { LOOK_BACK = 48 };

void outbox_release(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->capacity; i++)
        buf_release(&outbox->messages[i].bytes);
    free(outbox->messages);
    free(outbox->resets);
    *outbox = (struct outbox){.header = outbox->header};
}

// A buffer that one large operation blew up is not kept.
void outbox_clear(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (outbox->messages[i].bytes.capacity > 4 * MESSAGE_SIZE_SOFT_MAX)
            buf_release(&outbox->messages[i].bytes);
    }
    outbox->count = 0;
    outbox->reset_count = 0;
}

static struct outbox_message *begin(struct outbox *outbox, const struct outbox_message *like)
{
    if (outbox->count == outbox->capacity) {
        uint32_t capacity = outbox->capacity ? 2 * outbox->capacity : 16;
        outbox->messages = xrealloc(outbox->messages, capacity * sizeof *outbox->messages);
        memset(outbox->messages + outbox->capacity, 0,
               (capacity - outbox->capacity) * sizeof *outbox->messages);
        outbox->capacity = capacity;
    }
    struct outbox_message *message = &outbox->messages[outbox->count++];
    struct buf bytes = message->bytes;
    buf_clear(&bytes);
    buf_grow(&bytes, MESSAGE_HEADER_SIZE);
    *message = *like;
    message->bytes = bytes;
    return message;
}

static bool has_room(const struct outbox_message *message)
{
    return message->count < MESSAGE_OPS_MAX && message->bytes.size < MESSAGE_SIZE_SOFT_MAX;
}

static bool is_same_ring(struct ring_stamp a, struct ring_stamp b)
{
    return a.epoch == b.epoch && a.since == b.since && a.hash == b.hash;
}

// `like` has what all operations of a message share.
static struct outbox_message *find_open(struct outbox *outbox, const struct outbox_message *like)
{
    uint32_t oldest = outbox->count > LOOK_BACK ? outbox->count - LOOK_BACK : 0;
    for (uint32_t i = outbox->count; i > oldest; i--) {
        struct outbox_message *message = &outbox->messages[i - 1];
        if (message->link == like->link && message->type == like->type &&
            (message->gate != 0) == (like->gate != 0) &&
            message->budget_ms / BUDGET_STEP_MS == like->budget_ms / BUDGET_STEP_MS &&
            is_same_ring(message->ring, like->ring))
            return has_room(message) ? message : NULL;
    }
    return NULL;
}

static struct buf *add(struct outbox *outbox, const struct outbox_message *like)
{
    struct outbox_message *message = find_open(outbox, like);
    if (!message)
        message = begin(outbox, like);
    message->count++;
    if (like->gate > message->gate)
        message->gate = like->gate;
    if (like->budget_ms < message->budget_ms)
        message->budget_ms = like->budget_ms;
    return &message->bytes;
}

struct buf *outbox_add(struct outbox *outbox, link_id link, enum message_type type, uint64_t gate)
{
    return add(outbox, &(struct outbox_message){.link = link, .type = (uint8_t)type, .gate = gate});
}

struct buf *outbox_add_timed(struct outbox *outbox, link_id link, enum message_type type,
                             uint32_t budget_ms)
{
    return add(outbox, &(struct outbox_message){
                           .link = link, .type = (uint8_t)type, .budget_ms = budget_ms});
}

struct buf *outbox_add_stamped(struct outbox *outbox, link_id link, enum message_type type,
                               uint32_t budget_ms, struct ring_stamp ring)
{
    return add(outbox,
               &(struct outbox_message){
                   .link = link, .type = (uint8_t)type, .budget_ms = budget_ms, .ring = ring});
}

void outbox_reset_link(struct outbox *outbox, link_id link)
{
    if (outbox->reset_count == outbox->reset_capacity) {
        outbox->reset_capacity = outbox->reset_capacity ? 2 * outbox->reset_capacity : 8;
        outbox->resets = xrealloc(outbox->resets, outbox->reset_capacity * sizeof *outbox->resets);
    }
    outbox->resets[outbox->reset_count++] = link;
}

void outbox_finish(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct outbox_message *message = &outbox->messages[i];
        struct message_header header = outbox->header;
        header.type = message->type;
        header.count = message->count;
        header.body_size = (uint32_t)(message->bytes.size - MESSAGE_HEADER_SIZE);
        header.budget_ms = message->budget_ms;
        header.your_ms = message->your_ms;
        header.received_kib = message->received_kib;
        if (message->ring.epoch) {
            header.epoch = message->ring.epoch;
            header.since = message->ring.since;
            header.ring_hash = message->ring.hash;
        }
        message_header_encode(&header, message->bytes.data);
    }
}
