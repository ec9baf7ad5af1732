#include "sim/events.h"

#include "base/xalloc.h"

#include <stdlib.h>

void events_release(struct events *events)
{
    for (uint32_t i = 0; i < events->count; i++)
        buf_release(&events->heap[i].bytes);
    free(events->heap);
    *events = (struct events){0};
}

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

void events_add_take(struct events *events, const struct event *event)
{
    if (events->count == events->capacity) {
        events->capacity = events->capacity ? 2 * events->capacity : 256;
        events->heap = xrealloc(events->heap, events->capacity * sizeof *events->heap);
    }
    struct event added = *event;
    added.sequence = events->sequence++;
    uint32_t at = events->count++;
    for (; at && is_before(&added, &events->heap[(at - 1) / 2]); at = (at - 1) / 2)
        events->heap[at] = events->heap[(at - 1) / 2];
    events->heap[at] = added;
}

bool events_next(struct events *events, uint64_t until_us, struct event *event)
{
    if (!events->count || events->heap[0].at_us > until_us)
        return false;
    *event = events->heap[0];
    struct event last = events->heap[--events->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= events->count)
            break;
        if (child + 1 < events->count && is_before(&events->heap[child + 1], &events->heap[child]))
            child++;
        if (!is_before(&events->heap[child], &last))
            break;
        events->heap[at] = events->heap[child];
        at = child;
    }
    if (events->count)
        events->heap[at] = last;
    return true;
}
