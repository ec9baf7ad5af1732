#include "dkv-store/ledger_lists.h"

#include "base/xalloc.h"

#include <stdlib.h>

static struct dot read_dot(struct reader *reader)
{
    uint64_t actor = reader_u64(reader);
    return (struct dot){actor, reader_varint(reader)};
}

// In memory that the caller frees; NULL: too many.
static struct dot *read_dots(struct reader *reader, uint32_t *dot_count)
{
    uint64_t count = reader_varint(reader);
    if (count > reader_left(reader))
        return NULL;
    struct dot *dots = xmalloc((count + 1) * sizeof *dots);
    *dot_count = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        dots[i] = read_dot(reader);
        reader->bad |= !dots[i].counter; // a first write is the 1st
    }
    return dots;
}

static void read_superseded(struct reader *reader, struct superseded_list *list)
{
    for (uint64_t left = reader_varint(reader); left && !reader->bad; left--) {
        struct superseded superseded = {.dot = read_dot(reader)};
        struct bytes request = reader_bytes(reader, sizeof superseded.request.bytes);
        if (request.size)
            memcpy(superseded.request.bytes, request.data, request.size);
        superseded_list_add(list, superseded);
    }
}

enum status ledger_lists_apply(struct ledger *ledger, struct ledger_entry *entry,
                               struct reader *reader)
{
    struct superseded_list superseded = {0};
    struct dot *dots = read_dots(reader, &entry->dot_count);
    if (dots)
        read_superseded(reader, &superseded);
    bool is_whole = dots && reader_done(reader);
    entry->dots = dots;
    entry->superseded = superseded.items;
    entry->superseded_count = superseded.count;
    if (is_whole)
        ledger_apply(ledger, entry);
    free(dots);
    superseded_list_release(&superseded);
    return is_whole ? STATUS_OK : STATUS_CORRUPT;
}
