// outbox.h - what a brain wants said, grouped into messages.
//
// A brain adds operations during a turn; operations of one type for one link share a
// message, up to the limits of message.h. At the end of the turn (turn.h) the messages
// leave in the order in which they were begun.
//
// A message that promises durability carries a gate: a position in the log. The turn
// holds it until the log is durable up to there. Operations with a gate and without
// never share a message. The gate of a message is the largest of its operations'.
//
// Besides messages the brain can ask that a link be made anew (a dead connection).
#pragma once

#include "base/buf.h"
#include "wire/message.h"

// An opaque address, made by the shell (net/net.h): a link of our own to another
// process, or the way back to one that connected to us.
typedef uint64_t link_id; // the one typedef: an address is nothing but itself

// By which ring document an operation was planned, and since which epoch the owners that it asks
// are the owners.
struct ring_stamp {
    uint64_t epoch; // 0: that of the outbox's header
    uint64_t since;
    uint32_t hash; // low half
};

struct outbox_message {
    link_id link;
    struct ring_stamp ring;
    uint64_t gate; // 0 = send at once
    uint32_t budget_ms;
    uint64_t your_ms;      // set by the brain at the end of its turn (wire/age.h)
    uint32_t received_kib; // as well (wire/meter.h)
    uint8_t type;
    uint16_t count;
    struct buf bytes; // header (filled in at the end of the turn) and body
};

struct outbox {
    struct message_header header; // template: ring, boot, time, credit
    struct outbox_message *messages;
    uint32_t count;
    uint32_t capacity; // messages whose buffers are kept for the next turn
    link_id *resets;
    uint32_t reset_count;
    uint32_t reset_capacity;
};

void outbox_release(struct outbox *outbox);
void outbox_clear(struct outbox *outbox); // after the messages were taken; keeps memory

// Where to append one operation of `type` for `link`. The body is valid until the next
// call. Use: op_encode_merge(&op, outbox_add(outbox, link, MESSAGE_MERGE, 0));
struct buf *outbox_add(struct outbox *outbox, link_id link, enum message_type type, uint64_t gate);

// As outbox_add without a gate, for requests that are worthless after budget_ms: the
// receiver drops what it cannot begin in time. Budgets share a message if their
// BUDGET_STEP is the same.
struct buf *outbox_add_timed(struct outbox *outbox, link_id link, enum message_type type,
                             uint32_t budget_ms);

// The same for a request that is about a shard.
struct buf *outbox_add_stamped(struct outbox *outbox, link_id link, enum message_type type,
                               uint32_t budget_ms, struct ring_stamp ring);

void outbox_reset_link(struct outbox *outbox, link_id link);

// Fills in the headers. Then messages[0 .. count) are ready to send.
void outbox_finish(struct outbox *outbox);
