#include "replica/fences.h"

#include "base/xalloc.h"

#include <stdlib.h>

static struct bytes key_of(const struct request_id *request)
{
    return bytes_of(request->bytes, sizeof request->bytes);
}

static struct fence *item(const struct fences *fences, uint64_t number)
{
    return &fences->items[number % FENCES_COUNT_MAX];
}

void fences_release(struct fences *fences)
{
    table_release(&fences->last);
    free(fences->items);
    *fences = (struct fences){0};
}

bool fences_put(struct fences *fences, const struct request_id *request, uint64_t try,
                uint64_t now_ms)
{
    fences_forget_old(fences, now_ms);
    if (fences->end - fences->first == FENCES_COUNT_MAX)
        return false;
    if (!fences->items)
        fences->items = xcalloc(FENCES_COUNT_MAX, sizeof *fences->items);
    table_add(&fences->last, key_of(request))->number = fences->end;
    *item(fences, fences->end++) = (struct fence){*request, try, now_ms};
    return true;
}

bool fences_allow(const struct fences *fences, const struct request_id *request, uint64_t try)
{
    const union table_value *last = table_find(&fences->last, key_of(request));
    return !last || item(fences, last->number)->try == try;
}

void fences_forget_old(struct fences *fences, uint64_t now_ms)
{
    for (; fences->first < fences->end; fences->first++) {
        const struct fence *oldest = item(fences, fences->first);
        if (oldest->at_ms + FENCES_LIFE_MS >= now_ms)
            return;
        const union table_value *last = table_find(&fences->last, key_of(&oldest->request));
        if (last && last->number == fences->first)
            table_remove(&fences->last, key_of(&oldest->request));
    }
}
