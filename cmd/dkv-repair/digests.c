#include "dkv-repair/digests.h"

void digests_release(struct digests *digests)
{
    for (unsigned i = 0; i < DIGESTS_MAX; i++)
        buf_release(&digests->items[i].text);
}

struct digests_item *digests_find(struct digests *digests, uint64_t id)
{
    for (unsigned i = 0; i < DIGESTS_MAX; i++) {
        if (id && digests->items[i].id == id)
            return &digests->items[i];
    }
    return NULL;
}

struct digests_item *digests_add(struct digests *digests, uint64_t now_ms)
{
    for (unsigned i = 0; i < DIGESTS_MAX; i++) {
        struct digests_item *item = &digests->items[i];
        if (item->id && now_ms < item->begin_ms + DIGESTS_PATIENCE_MS)
            continue; // whoever asked has not given up yet
        buf_clear(&item->text);
        item->id = ++digests->id_last;
        item->begin_ms = now_ms;
        return item;
    }
    return NULL;
}
