#include "dkv-repair/dry.h"

#include "base/xalloc.h"

#include <stdlib.h>

void dries_release(struct dries *dries)
{
    for (unsigned i = 0; i < DRIES_MAX; i++) {
        buf_release(&dries->items[i].text);
        free(dries->items[i].again);
    }
    *dries = (struct dries){0};
}

struct dry *dries_find(struct dries *dries, uint64_t id)
{
    for (unsigned i = 0; id && i < DRIES_MAX; i++) {
        if (dries->items[i].id == id)
            return &dries->items[i];
    }
    return NULL;
}

struct dry *dries_add(struct dries *dries, const struct scope *scope, uint64_t now_ms)
{
    for (unsigned i = 0; i < DRIES_MAX; i++) {
        struct dry *dry = &dries->items[i];
        if (dry->id && !dry->is_told)
            continue;
        buf_release(&dry->text);
        free(dry->again);
        *dry = (struct dry){.id = ++dries->id_last, .scope = *scope, .asked_ms = now_ms};
        return dry;
    }
    return NULL;
}

void dries_forget_old(struct dries *dries, uint64_t now_ms)
{
    for (unsigned i = 0; i < DRIES_MAX; i++) {
        struct dry *dry = &dries->items[i];
        if (dry->id && !dry->running && now_ms > dry->asked_ms + DRY_FORGOTTEN_MS)
            dry->id = 0;
    }
}

bool dry_try_again(struct dry *dry, uint32_t pull, uint32_t tries, uint64_t now_ms)
{
    if (tries >= DRY_TRIES_MAX)
        return false;
    dry->again = xrealloc(dry->again, (dry->again_count + 1) * sizeof *dry->again);
    dry->again[dry->again_count++] = (struct dry_again){pull, tries};
    dry->again_ms = now_ms + DRY_PAUSE_MS;
    return true;
}

enum status dry_take(struct dry *dry, uint64_t offset, struct bytes *text)
{
    if (offset < dry->taken || offset > dry->taken + dry->text.size)
        return STATUS_INVALID;
    size_t size = (size_t)(offset - dry->taken);
    if (size) {
        memmove(dry->text.data, dry->text.data + size, dry->text.size - size);
        dry->text.size -= size;
        dry->taken = offset;
    }
    *text = buf_bytes(&dry->text);
    return STATUS_OK;
}
