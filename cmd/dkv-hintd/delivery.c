#include "dkv-hintd/delivery.h"

#include <assert.h>
#include <stdlib.h>

enum { REFILL_MS_MAX = 250 }; // an allowance is saved up for no longer

void delivery_drop(struct delivery *delivery, struct flying *flying)
{
    delivery->flying_count--;
    delivery->flying_size -= flying->size;
    free(flying->actors);
    buf_release(&flying->key);
    *flying = (struct flying){0};
}

void delivery_stop(struct delivery *delivery)
{
    for (unsigned i = 0; i < DELIVERY_OPS_MAX; i++) {
        if (delivery->flying[i].id)
            delivery_drop(delivery, &delivery->flying[i]);
    }
    buf_clear(&delivery->cursor);
    delivery->state = DELIVERY_IDLE;
    delivery->wait_position = 0;
    delivery->miss_count = 0;
}

void delivery_begin(struct delivery *delivery)
{
    assert(delivery->state == DELIVERY_IDLE && !delivery->flying_count);
    buf_clear(&delivery->cursor);
    delivery->state = DELIVERY_READING;
    delivery->is_clean = true;
    delivery->has_moved = false;
    delivery->is_damaged = false;
    delivery->pass_mark = delivery->accepted;
}

bool delivery_end(struct delivery *delivery, uint64_t now_ms, uint64_t retry_ms)
{
    if (delivery->state != DELIVERY_DRAINING || delivery->flying_count)
        return false;
    delivery->state = DELIVERY_IDLE;
    delivery->must_sort = false;
    if (delivery->is_clean)
        delivery->delivered = delivery->pass_mark;
    if (!delivery->has_moved && delivery->retry_ms < now_ms + retry_ms)
        delivery->retry_ms = now_ms + retry_ms;
    return true;
}

bool delivery_has_room(const struct delivery *delivery)
{
    return delivery->flying_count < DELIVERY_OPS_MAX && delivery->flying_size < DELIVERY_SIZE_MAX;
}

struct flying *delivery_find(struct delivery *delivery, uint64_t id)
{
    for (unsigned i = 0; id && i < DELIVERY_OPS_MAX; i++) {
        if (delivery->flying[i].id == id)
            return &delivery->flying[i];
    }
    return NULL;
}

struct flying *delivery_find_key(struct delivery *delivery, struct bytes key)
{
    for (unsigned i = 0; delivery->flying_count && i < DELIVERY_OPS_MAX; i++) {
        struct flying *flying = &delivery->flying[i];
        if (flying->id && bytes_equal(buf_bytes(&flying->key), key))
            return flying;
    }
    return NULL;
}

struct flying *delivery_add(struct delivery *delivery, uint64_t id, struct bytes key, uint64_t size)
{
    struct flying *flying = delivery->flying;
    while (flying->id)
        flying++;
    assert(flying < delivery->flying + DELIVERY_OPS_MAX);
    *flying = (struct flying){.id = id, .size = size};
    buf_set(&flying->key, key);
    delivery->flying_count++;
    delivery->flying_size += size;
    return flying;
}

void delivery_fail(struct delivery *delivery, enum status status, uint64_t until_ms)
{
    delivery->is_clean = false;
    delivery->refused = status;
    if (delivery->retry_ms < until_ms)
        delivery->retry_ms = until_ms;
}

void delivery_refill(struct delivery *delivery, uint64_t rate, uint64_t now_ms)
{
    uint64_t most = rate * REFILL_MS_MAX / 1000, passed_ms = now_ms - delivery->refilled_ms;
    if (!delivery->refilled_ms || passed_ms > 60 * 1000)
        passed_ms = 60 * 1000;
    uint64_t more = rate * passed_ms / 1000;
    if (!more)
        return; // a small rate: wait for a whole byte
    delivery->refilled_ms = now_ms;
    delivery->allowance += (int64_t)more;
    if (delivery->allowance > (int64_t)most)
        delivery->allowance = (int64_t)most > 0 ? (int64_t)most : 1;
}
