#include "turn/parked.h"

#include <assert.h>

void parked_release(struct parked *parked)
{
    for (size_t i = 0; i < parked->count; i++)
        buf_release(&parked->ops[i].body);
    parked->count = parked->size = 0;
}

bool parked_has_room(const struct parked *parked, size_t size)
{
    return !parked->count ||
           (parked->count < PARKED_COUNT_MAX && parked->size + size <= PARKED_SIZE_MAX);
}

void parked_add(struct parked *parked, const struct parked_op *op, struct bytes body)
{
    assert(parked_has_room(parked, body.size));
    parked->keys[parked->count] = op->wait.key;
    struct parked_op *added = &parked->ops[parked->count++];
    *added = *op;
    added->body = (struct buf){0};
    buf_set(&added->body, body);
    parked->size += body.size;
}

void parked_remove(struct parked *parked, struct parked_op *op)
{
    uint64_t *key = &parked->keys[op - parked->ops];
    size_t behind = --parked->count - (size_t)(op - parked->ops);
    parked->size -= op->body.size;
    buf_release(&op->body);
    memmove(op, op + 1, behind * sizeof *op);
    memmove(key, key + 1, behind * sizeof *key);
}

bool parked_find(const struct parked *parked, uint64_t key, uint64_t *position)
{
    size_t i = 0;
    while (i < parked->count && parked->keys[i] != key)
        i++;
    if (i < parked->count)
        *position = parked->ops[i].wait.position;
    return i < parked->count;
}

struct parked_op *parked_next(struct parked *parked, uint64_t loaded)
{
    for (size_t i = 0; i < parked->count; i++) {
        if (parked->ops[i].wait.position <= loaded)
            return &parked->ops[i];
    }
    return NULL;
}

void parked_put_off(struct parked *parked, struct parked_op *op, const struct parked_wait *wait)
{
    op->wait = *wait;
    for (struct parked_op *at = op + 1; at < parked->ops + parked->count; at++) {
        if (at->wait.key == wait->key)
            at->wait.position = wait->position;
    }
}
