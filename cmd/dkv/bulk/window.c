#include "dkv/bulk/window.h"

#include "base/hash.h"
#include "base/xalloc.h"
#include "os/clock.h"
#include "wire/client.h"

#include <stdlib.h>

enum { KEEP_SIZE_MAX = 16 * 1024 }; // of the buffers of a settled record

enum window_state { RECORD_HELD, RECORD_SENT, RECORD_ENDED };

static struct window_record *at(const struct window *window, uint64_t number)
{
    return &window->records[number % window->capacity];
}

void window_init(struct window *window, struct client *client, uint32_t capacity, uint64_t first)
{
    *window = (struct window){.client = client,
                              .capacity = capacity,
                              .oldest = first,
                              .newest = first,
                              .records = xcalloc(capacity, sizeof *window->records)};
    table_init(&window->tails, 0);
}

void window_release(struct window *window)
{
    for (uint32_t i = 0; i < window->capacity; i++) {
        buf_release(&window->records[i].raw);
        buf_release(&window->records[i].held);
        buf_release(&window->records[i].text);
    }
    free(window->records);
    table_release(&window->tails);
    *window = (struct window){0};
}

bool window_has_room(const struct window *window)
{
    return window->newest - window->oldest < window->capacity && window->size < WINDOW_SIZE_MAX &&
           client_has_room(window->client);
}

static void send_record(struct window_record *record);

static void on_put(void *context, const struct op_put_done *done)
{
    struct window_record *record = context;
    struct window *window = record->window;
    record->state = RECORD_ENDED;
    record->status = done->status;
    if ((record->op.flags & PUT_DELETE) && record->status == STATUS_NOT_FOUND)
        record->status = STATUS_OK;
    if (done->status)
        buf_set(&record->text, done->text);
    if (record->next_same) {
        send_record(at(window, record->next_same));
        return;
    }
    table_remove(&window->tails, table_key(&record->key_hash));
}

static void put_pair(struct window_record *record, struct bytes key, struct bytes value)
{
    const struct window *window = record->window;
    uint64_t deadline_ms =
        window->deadline_ms ? window->deadline_ms : clock_mono_ms() + WINDOW_PUT_TIMEOUT_MS;
    struct op_put op = record->op;
    op.key = key;
    op.value = value;
    record->state = RECORD_SENT;
    client_put(window->client, &op, deadline_ms, on_put, record);
}

static void send_record(struct window_record *record)
{
    struct reader reader = reader_of(buf_bytes(&record->held));
    struct bytes key = reader_short(&reader);
    struct bytes value = reader_sized(&reader);
    put_pair(record, key, value);
}

static struct window_record *add(struct window *window, size_t size, uint64_t offset)
{
    struct window_record *record = at(window, window->newest);
    record->window = window;
    record->number = window->newest++;
    record->offset = offset;
    record->next_same = 0;
    record->size = size;
    record->status = STATUS_OK;
    record->op = (struct op_put){0};
    buf_clear(&record->raw);
    buf_clear(&record->held);
    buf_clear(&record->text);
    window->size += size;
    return record;
}

void window_add(struct window *window, const struct pair *pair, uint64_t offset,
                struct request_id request, uint8_t flags)
{
    struct window_record *record = add(window, pair->raw.size + pair->value.size, offset);
    if (window->keep_raw && pair->raw.size <= WINDOW_RAW_SIZE_MAX)
        buf_append(&record->raw, pair->raw);
    record->op = (struct op_put){.request = request,
                                 .level = window->level,
                                 .flags = window->flags | flags,
                                 .keyspace = window->keyspace};
    record->key_hash = hash64(pair->key);
    // Two keys with one hash only wait for each other.
    union table_value *tail = table_find(&window->tails, table_key(&record->key_hash));
    if (tail) {
        at(window, tail->number)->next_same = record->number;
        tail->number = record->number;
        record->state = RECORD_HELD;
        buf_append_short(&record->held, pair->key);
        buf_append_sized(&record->held, pair->value);
        return;
    }
    table_add(&window->tails, table_key(&record->key_hash))->number = record->number;
    put_pair(record, pair->key, pair->value);
}

void window_add_rejected(struct window *window, struct bytes raw, uint64_t offset,
                         enum status status)
{
    struct window_record *record = add(window, raw.size, offset);
    if (window->keep_raw)
        buf_append(&record->raw, raw);
    record->state = RECORD_ENDED;
    record->status = status;
}

struct window_record *window_newest(struct window *window)
{
    if (window_is_empty(window) || at(window, window->newest - 1)->state != RECORD_ENDED)
        return NULL;
    return at(window, window->newest - 1);
}

bool window_has_key(const struct window *window, struct bytes key)
{
    uint64_t hash = hash64(key);
    return table_find(&window->tails, table_key(&hash));
}

struct window_record *window_oldest(struct window *window)
{
    if (window_is_empty(window) || at(window, window->oldest)->state != RECORD_ENDED)
        return NULL;
    return at(window, window->oldest);
}

void window_settle(struct window *window)
{
    struct window_record *record = at(window, window->oldest++);
    window->size -= record->size;
    struct buf *bufs[] = {&record->raw, &record->held, &record->text};
    for (unsigned i = 0; i < sizeof bufs / sizeof *bufs; i++)
        if (bufs[i]->capacity > KEEP_SIZE_MAX)
            buf_release(bufs[i]);
}
