#include "ring/ring_keyspaces.h"

#include "base/xalloc.h"
#include "ring/ring_lists.h"

#include <string.h>

static int find_name(const struct ring *ring, const char *name)
{
    for (uint32_t i = 0; i < ring->keyspace_count; i++) {
        if (strcmp(ring->keyspaces[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static void remove_at(struct ring *ring, uint32_t index)
{
    ring->keyspace_count--;
    memmove(&ring->keyspaces[index], &ring->keyspaces[index + 1],
            (ring->keyspace_count - index) * sizeof *ring->keyspaces);
}

static void insert(struct ring *ring, const struct ring_keyspace *keyspace)
{
    uint32_t at = ring->keyspace_count;
    while (at > 0 && ring->keyspaces[at - 1].id > keyspace->id)
        at--;
    ring->keyspaces =
        xrealloc(ring->keyspaces, (ring->keyspace_count + 1) * sizeof *ring->keyspaces);
    memmove(&ring->keyspaces[at + 1], &ring->keyspaces[at],
            (ring->keyspace_count - at) * sizeof *ring->keyspaces);
    ring->keyspaces[at] = *keyspace;
    ring->keyspace_count++;
}

enum status ring_add_keyspace(struct ring *ring, const struct ring_keyspace *keyspace,
                              struct fault *fault)
{
    if (find_name(ring, keyspace->name) >= 0)
        return fault_set(fault, STATUS_EXISTS, "there is a keyspace %s already", keyspace->name);
    if (ring->keyspace_count == RING_KEYSPACES_MAX)
        return fault_set(fault, STATUS_INVALID, "there are %d keyspaces, and no more can be",
                         RING_KEYSPACES_MAX);
    struct ring_keyspace added = *keyspace;
    added.id = (uint32_t)ring->epoch + 1;
    added.since = 0; // ring_succeed() knows
    insert(ring, &added);
    struct fault reason = {0};
    enum status status = ring_check(ring, &reason);
    if (!status)
        status = ring_lengthen_lists(ring, &reason);
    if (!status)
        return STATUS_OK;
    remove_at(ring, (uint32_t)find_name(ring, added.name));
    return fault_set(fault, status, "%s", reason.text);
}

enum status ring_drop_keyspace(struct ring *ring, const char *name, struct fault *fault)
{
    int index = find_name(ring, name);
    if (index < 0)
        return fault_set(fault, STATUS_NOT_FOUND, "there is no keyspace %s", name);
    if (ring->keyspaces[index].id == RING_DEFAULT_KEYSPACE)
        return fault_set(fault, STATUS_INVALID, "keyspace %s always exists", name);
    remove_at(ring, (uint32_t)index);
    return STATUS_OK;
}

// ---- copies ----------------------------------------------------------------------------

// "3" or "dc1:3", of `part`.
static bool parse_part(struct bytes part, struct ring_copies *copies)
{
    size_t colon = part.size > 1 && part.data[part.size - 2] == ':' ? part.size - 2 : SIZE_MAX;
    struct bytes dc = colon == SIZE_MAX ? (struct bytes){0} : bytes_of(part.data, colon);
    if (!part.size || (colon == SIZE_MAX && part.size != 1))
        return false;
    uint8_t digit = part.data[part.size - 1];
    if (digit < '1' || digit > '0' + RING_COPIES_MAX)
        return false;
    *copies = (struct ring_copies){.n = (uint8_t)(digit - '0')};
    if (colon == SIZE_MAX)
        return true;
    if (!ring_is_name(dc))
        return false;
    memcpy(copies->dc, dc.data, dc.size);
    return true;
}

// In the order of names. False: it is there already, or there are too many.
static bool insert_copies(struct ring_keyspace *keyspace, const struct ring_copies *copies)
{
    uint8_t at = keyspace->copies_count;
    if (at == RING_DCS_MAX)
        return false;
    while (at > 0 && strcmp(keyspace->copies[at - 1].dc, copies->dc) > 0)
        at--;
    if (at > 0 && strcmp(keyspace->copies[at - 1].dc, copies->dc) == 0)
        return false;
    memmove(&keyspace->copies[at + 1], &keyspace->copies[at],
            (size_t)(keyspace->copies_count - at) * sizeof *copies);
    keyspace->copies[at] = *copies;
    keyspace->copies_count++;
    return true;
}

enum status ring_copies_parse(struct bytes text, struct ring_keyspace *keyspace,
                              struct fault *fault)
{
    keyspace->copies_count = 0;
    struct bytes rest = text;
    for (bool is_last = false; !is_last;) {
        const uint8_t *comma = rest.size ? memchr(rest.data, ',', rest.size) : NULL;
        size_t size = comma ? (size_t)(comma - rest.data) : rest.size;
        struct ring_copies copies;
        bool is_good = parse_part(bytes_of(rest.data, size), &copies) &&
                       (copies.dc[0] || (!comma && !keyspace->copies_count)) &&
                       insert_copies(keyspace, &copies);
        if (!is_good)
            return fault_set(fault, STATUS_INVALID,
                             "\"%.*s\" is neither a number of copies, 1 to %d, nor one for each "
                             "datacenter, such as dc1:3,dc2:2",
                             (int)(text.size < 80 ? text.size : 80), (const char *)text.data,
                             RING_COPIES_MAX);
        is_last = !comma;
        if (comma)
            rest = bytes_of(comma + 1, rest.size - size - 1);
    }
    return STATUS_OK;
}

void ring_copies_format(const struct ring_copies *copies, uint32_t count, struct buf *out)
{
    for (uint32_t i = 0; i < count; i++)
        buf_printf(out, "%s%s%s%u", i ? "," : "", copies[i].dc, copies[i].dc[0] ? ":" : "",
                   copies[i].n);
}
