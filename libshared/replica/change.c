#include "replica/change.h"

#include "base/xalloc.h"

#include <stdlib.h>

void change_release(struct change *change)
{
    free(change->dots);
    superseded_list_release(&change->remember);
    superseded_list_release(&change->superseded);
    superseded_list_release(&change->beaten);
    record_release(&change->result);
    record_release(&change->incoming);
    record_release(&change->covering);
    clock_release(&change->context);
    buf_release(&change->encoded);
    *change = (struct change){0};
}

bool change_is_empty(const struct change *change)
{
    return !change->record.size && !change->is_gone && !change->dot_count &&
           !change->remember.count;
}

void change_begin(struct change *change, const struct replica *replica)
{
    change->record = (struct bytes){0};
    change->dot_count = 0;
    change->remember.count = change->superseded.count = change->beaten.count = 0;
    change->leaves = (struct leaf_delta){0};
    change->counter = replica->counter;
    change->hlc_last = replica->hlc_last;
    change->dot = (struct dot){0};
    change->hlc = change->hlc_told = change->forged = 0;
    change->is_repeated = change->was_superseded = false;
    change->is_gone = change->is_not_kept = change->must_fetch = false;
    change->told = NULL;
    change->lww_dropped = change->lost_again = change->zombies = 0;
    superseded_list_add_shown(&change->superseded, replica->held);
}

void change_add_dot(struct change *change, struct dot dot)
{
    if (change->dot_count == change->dot_capacity) {
        change->dot_capacity = 2 * change->dot_capacity + 8;
        change->dots = xrealloc(change->dots, change->dot_capacity * sizeof *change->dots);
    }
    change->dots[change->dot_count++] = dot;
}

void change_keep_greatest(struct change *change, const struct replica *replica)
{
    struct record *result = &change->result;
    if (!replica->is_lww || result->count < 2)
        return;
    superseded_list_add_shown(&change->beaten, result);
    change->lww_dropped = record_keep_greatest(result);
    struct dot winner = result->siblings[0].dot;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < change->beaten.count; i++) {
        struct superseded beaten = change->beaten.items[i];
        if (dot_equal(beaten.dot, winner))
            continue;
        beaten.dot = recall_beaten_by(winner);
        change->beaten.items[kept++] = beaten;
    }
    change->beaten.count = kept;
}

static void remember(struct change *change, const struct replica *replica,
                     const struct superseded_list *list, const struct record *result)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct superseded one = list->items[i];
        if (request_id_is_none(&one.request) || record_find_request(result, &one.request))
            continue;
        one.request = recall_bind(&one.request, replica->key_hash);
        if (!recall_has(&replica->recall, &one.request))
            superseded_list_add(&change->remember, one);
    }
}

void change_remember(struct change *change, const struct replica *replica,
                     const struct record *result)
{
    remember(change, replica, &change->superseded, result);
    remember(change, replica, &change->beaten, result);
}

void change_replace(struct change *change, const struct replica *replica,
                    const struct record *result, struct bytes encoded)
{
    change->record = encoded;
    change->is_gone = !result->count && !record_is_empty(replica->held);
    leaf_delta_remove(&change->leaves, replica->held, replica->key_hash);
    if (result->count)
        leaf_delta_add(&change->leaves, result, replica->key_hash);
}
