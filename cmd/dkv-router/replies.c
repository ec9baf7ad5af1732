#include "dkv-router/replies.h"

#include "base/xalloc.h"
#include "wire/client.h"

#include <stdlib.h>

enum {
    FREE_MAX = 256,
    BYTES_KEPT_MAX = 4096, // that one in the pool may keep
};

static void release(struct reply *reply)
{
    buf_release(&reply->bytes);
    record_release(&reply->record);
    free(reply);
}

void replies_release(struct replies *replies)
{
    while (replies->free) {
        struct reply *reply = replies->free;
        replies->free = reply->next;
        release(reply);
    }
    replies->free_count = 0;
}

struct reply *replies_take(struct replies *replies)
{
    struct reply *reply = replies->free;
    if (!reply)
        return xcalloc(1, sizeof *reply);
    replies->free = reply->next;
    replies->free_count--;
    reply->next = NULL;
    return reply;
}

void reply_forget(struct reply *reply)
{
    record_clear(&reply->record);
    buf_clear(&reply->bytes);
    reply->seen_size = 0;
}

void replies_give(struct replies *replies, struct reply *reply)
{
    if (!reply)
        return;
    if (replies->free_count == FREE_MAX) {
        release(reply);
        return;
    }
    reply_forget(reply);
    if (reply->bytes.capacity > BYTES_KEPT_MAX)
        buf_release(&reply->bytes);
    reply->next = replies->free;
    replies->free = reply;
    replies->free_count++;
}

enum status reply_keep_record(struct reply *reply, struct bytes key, struct bytes record)
{
    return reply_keep_inspected(reply, key, record, (struct bytes){0});
}

enum status reply_keep_inspected(struct reply *reply, struct bytes key, struct bytes record,
                                 struct bytes seen)
{
    buf_set(&reply->bytes, record);
    buf_append(&reply->bytes, seen);
    reply->seen_size = seen.size;
    record_clear(&reply->record);
    return record.size ? record_decode(&reply->record, key, reply_record(reply)) : STATUS_OK;
}

struct bytes reply_record(const struct reply *reply)
{
    return bytes_of(reply->bytes.data, reply->bytes.size - reply->seen_size);
}

struct bytes reply_seen(const struct reply *reply)
{
    if (!reply->seen_size)
        return (struct bytes){0};
    return bytes_of(reply->bytes.data + reply->bytes.size - reply->seen_size, reply->seen_size);
}

void reply_keep_page(struct reply *reply, const struct op_scanned *scanned)
{
    buf_set(&reply->bytes, scanned->last);
    buf_append(&reply->bytes, scanned->items);
    reply->scanned = *scanned;
    reply->scanned.text = reply->scanned.contexts = (struct bytes){0};
    reply->scanned.last = bytes_of(reply->bytes.data, scanned->last.size);
    reply->scanned.items = (struct bytes){0};
    if (scanned->items.size)
        reply->scanned.items =
            bytes_of(reply->bytes.data + scanned->last.size, scanned->items.size);
}
