#include "disk/memory_node_vfs.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

static char *copy_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

// ---- Names -------------------------------------------------------------------------

struct entry *entries_find(const struct entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->at[i].name, name) == 0)
            return &entries->at[i];
    return NULL;
}

static void entries_remove(struct entries *entries, const char *name)
{
    struct entry *entry = entries_find(entries, name);
    if (!entry)
        return;
    free(entry->name);
    node_drop(entry->node);
    *entry = entries->at[--entries->count];
}

void entries_add(struct entries *entries, const char *name, struct memory_node *node)
{
    node_hold(node);
    entries_remove(entries, name);
    entries->at = xrealloc(entries->at, (entries->count + 1) * sizeof *entries->at);
    entries->at[entries->count++] = (struct entry){xstrdup(name), node};
}

void entries_clear(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        free(entries->at[i].name);
        node_drop(entries->at[i].node);
    }
    free(entries->at);
    *entries = (struct entries){0};
}

void entries_copy(struct entries *copy, const struct entries *source)
{
    entries_clear(copy);
    for (size_t i = 0; i < source->count; i++)
        entries_add(copy, source->at[i].name, source->at[i].node);
}

static void entries_apply(struct entries *entries, const struct name_change *change)
{
    if (change->to)
        entries_add(entries, change->to, change->node);
    if (change->from)
        entries_remove(entries, change->from);
}

static void changes_clear(struct memory_node *node)
{
    for (size_t i = 0; i < node->change_count; i++) {
        free(node->changes[i].from);
        free(node->changes[i].to);
        node_drop(node->changes[i].node);
    }
    free(node->changes);
    node->changes = NULL;
    node->change_count = 0;
}

struct memory_node *nodes_root(struct memory_node *nodes)
{
    struct memory_node *node = nodes;
    while (node->next)
        node = node->next;
    return node;
}

struct memory_node *nodes_find_parent(struct memory_node *nodes, const char *path,
                                      char name[static 256])
{
    struct memory_node *directory = nodes_root(nodes);
    name[0] = '\0';
    for (;;) {
        path += strspn(path, "/");
        if (!*path)
            return directory;
        if (name[0]) {
            struct entry *entry = entries_find(&directory->live_names, name);
            if (!entry || !entry->node->directory)
                return NULL;
            directory = entry->node;
            name[0] = '\0';
        }
        size_t size = strcspn(path, "/");
        assert(size < 256);
        if (size != 1 || path[0] != '.') {
            memcpy(name, path, size);
            name[size] = '\0';
        }
        path += size;
    }
}

struct memory_node *nodes_find(struct memory_node *nodes, const char *path)
{
    char name[256];
    struct memory_node *parent = nodes_find_parent(nodes, path, name);
    if (!parent || !name[0])
        return parent;
    struct entry *entry = entries_find(&parent->live_names, name);
    return entry ? entry->node : NULL;
}

void node_rename(struct memory_node *directory, uint64_t sequence, const char *from, const char *to,
                 struct memory_node *node)
{
    struct name_change change = {sequence, copy_or_null(from), copy_or_null(to), node_hold(node)};
    directory->changes =
        xrealloc(directory->changes, (directory->change_count + 1) * sizeof *directory->changes);
    directory->changes[directory->change_count++] = change;
    entries_apply(&directory->live_names, &change);
}

void node_sync_names(struct memory_node *directory)
{
    entries_copy(&directory->durable_names, &directory->live_names);
    changes_clear(directory);
}

// ---- Content -----------------------------------------------------------------------

static void writes_clear(struct memory_node *node)
{
    for (size_t i = 0; i < node->write_count; i++)
        free(node->writes[i].data);
    node->write_count = 0;
}

void node_write(struct memory_node *node, uint64_t sequence, uint64_t offset, struct bytes bytes)
{
    memory_image_write(&node->live, offset, bytes.data, bytes.size);
    node_warm(node, offset, bytes.size);
    struct sectors write = {.sequence = sequence, .first = offset / MEMORY_SECTOR_SIZE};
    write.count = (offset + bytes.size + MEMORY_SECTOR_SIZE - 1) / MEMORY_SECTOR_SIZE - write.first;
    uint64_t start = write.first * MEMORY_SECTOR_SIZE;
    write.end = start + write.count * MEMORY_SECTOR_SIZE;
    if (node->live.size < write.end)
        write.end = node->live.size;
    if (!memory_image_is_hole(&node->live, start, write.end - start)) {
        write.data = xcalloc((size_t)write.count, MEMORY_SECTOR_SIZE);
        memory_image_read(&node->live, start, write.data, (size_t)(write.end - start));
    }
    if (node->write_count == node->write_room) {
        node->write_room = node->write_room ? 2 * node->write_room : 4;
        node->writes = xrealloc(node->writes, node->write_room * sizeof *node->writes);
    }
    node->writes[node->write_count++] = write;
}

void node_cool(struct memory_node *node)
{
    node->cold_count = (size_t)((node->live.size + MEMORY_PAGE_SIZE - 1) / MEMORY_PAGE_SIZE);
    node->cold = xrealloc(node->cold, (node->cold_count + 1) * sizeof *node->cold);
    memset(node->cold, true, node->cold_count * sizeof *node->cold);
}

void node_warm(struct memory_node *node, uint64_t offset, size_t size)
{
    for (uint64_t at = offset / MEMORY_PAGE_SIZE;
         at < node->cold_count && at * MEMORY_PAGE_SIZE < offset + size; at++)
        node->cold[at] = false;
}

bool node_is_cold(const struct memory_node *node, uint64_t offset, size_t size)
{
    uint64_t at = offset / MEMORY_PAGE_SIZE;
    while (at < node->cold_count && at * MEMORY_PAGE_SIZE < offset + size && !node->cold[at])
        at++;
    return at < node->cold_count && at * MEMORY_PAGE_SIZE < offset + size;
}

static void durable_sector(struct memory_node *node, const struct sectors *write, uint64_t index)
{
    uint64_t offset = (write->first + index) * MEMORY_SECTOR_SIZE;
    uint64_t size =
        write->end - offset < MEMORY_SECTOR_SIZE ? write->end - offset : MEMORY_SECTOR_SIZE;
    const uint8_t *data = write->data ? write->data + index * MEMORY_SECTOR_SIZE : NULL;
    memory_image_write(&node->durable, offset, data, (size_t)size);
}

// Of 64. Nearly nothing and nearly everything find most bugs.
static unsigned odds_choose(struct random *random)
{
    static const unsigned char odds[] = {1, 8, 32, 56, 63};
    return odds[random_below(random, sizeof odds)];
}

static void durable_write(struct memory_node *node, const struct sectors *write)
{
    for (uint64_t i = 0; i < write->count; i++)
        durable_sector(node, write, i);
}

// Keeps each sector with the probability odds/64.
static void durable_some(struct memory_node *node, const struct sectors *write,
                         struct random *random, unsigned odds)
{
    for (uint64_t i = 0; i < write->count; i++)
        if (random_below(random, 64) < odds)
            durable_sector(node, write, i);
}

// Loses one sector, or each with even chances.
static void durable_torn(struct memory_node *node, const struct sectors *write,
                         struct random *random)
{
    if (random_below(random, 2)) {
        durable_some(node, write, random, 32);
        return;
    }
    uint64_t lost = random_below(random, write->count);
    for (uint64_t i = 0; i < write->count; i++)
        if (i != lost)
            durable_sector(node, write, i);
}

void node_sync(struct memory_node *node)
{
    for (size_t i = 0; i < node->write_count; i++) {
        const struct sectors *write = &node->writes[i];
        if (node->doubtful)
            durable_write(node, write);
        else
            memory_image_share(&node->durable, &node->live, write->first * MEMORY_SECTOR_SIZE,
                               write->count * MEMORY_SECTOR_SIZE);
    }
    writes_clear(node);
}

void node_sync_failed(struct memory_node *node, struct random *random)
{
    unsigned odds = odds_choose(random);
    for (size_t i = 0; i < node->write_count; i++)
        durable_some(node, &node->writes[i], random, odds);
    writes_clear(node);
    node->doubtful = true;
}

// ---- Life --------------------------------------------------------------------------

struct memory_node *node_new(struct memory_node **nodes, bool directory)
{
    struct memory_node *node = xcalloc(1, sizeof *node);
    node->directory = directory;
    node->next = *nodes;
    *nodes = node;
    return node;
}

struct memory_node *node_hold(struct memory_node *node)
{
    if (node)
        node->references++;
    return node;
}

void node_drop(struct memory_node *node)
{
    if (!node)
        return;
    assert(node->references > 0);
    node->references--;
}

static void node_clear(struct memory_node *node)
{
    writes_clear(node);
    free(node->writes);
    free(node->cold);
    changes_clear(node);
    entries_clear(&node->live_names);
    entries_clear(&node->durable_names);
    memory_image_release(&node->live);
    memory_image_release(&node->durable);
}

void nodes_sweep(struct memory_node **nodes)
{
    // A node that goes may have been all that held another.
    for (bool again = true; again;) {
        again = false;
        for (struct memory_node **at = nodes; *at;) {
            struct memory_node *node = *at;
            if (node->references) {
                at = &node->next;
                continue;
            }
            again = again || node->directory;
            node_clear(node);
            *at = node->next;
            free(node);
        }
    }
}

static void entries_clone(struct entries *copy, const struct entries *source)
{
    for (size_t i = 0; i < source->count; i++)
        entries_add(copy, source->at[i].name, source->at[i].node->twin);
}

static void node_clone(struct memory_node *copy, const struct memory_node *source)
{
    copy->doubtful = source->doubtful;
    memory_image_copy(&copy->live, &source->live);
    memory_image_copy(&copy->durable, &source->durable);
    copy->write_count = copy->write_room = source->write_count;
    copy->writes = xmalloc(source->write_count * sizeof *copy->writes);
    for (size_t i = 0; i < source->write_count; i++) {
        struct sectors *write = &copy->writes[i];
        *write = source->writes[i];
        size_t size = (size_t)write->count * MEMORY_SECTOR_SIZE;
        if (write->data)
            write->data = memcpy(xmalloc(size), write->data, size);
    }
    entries_clone(&copy->live_names, &source->live_names);
    entries_clone(&copy->durable_names, &source->durable_names);
    copy->change_count = source->change_count;
    copy->changes = xmalloc(source->change_count * sizeof *copy->changes);
    for (size_t i = 0; i < source->change_count; i++) {
        const struct name_change *change = &source->changes[i];
        copy->changes[i] = (struct name_change){
            change->sequence, copy_or_null(change->from), copy_or_null(change->to),
            change->node ? node_hold(change->node->twin) : NULL};
    }
}

void nodes_clone(struct memory_node **copy, struct memory_node *source)
{
    struct memory_node **at = copy;
    for (struct memory_node *node = source; node; node = node->next) {
        node->twin = xcalloc(1, sizeof *node->twin);
        node->twin->directory = node->directory;
        *at = node->twin;
        at = &node->twin->next;
    }
    for (struct memory_node *node = source; node; node = node->next)
        node_clone(node->twin, node);
}

uint64_t nodes_used(struct memory_node *nodes)
{
    for (struct memory_node *node = nodes; node; node = node->next)
        node->named = false;
    for (struct memory_node *node = nodes; node; node = node->next)
        for (size_t i = 0; i < node->live_names.count; i++)
            node->live_names.at[i].node->named = true;
    uint64_t used = 0;
    for (struct memory_node *node = nodes; node; node = node->next)
        if (node->named || node->open_count)
            used += node->live.size;
    return used;
}

// ---- Power loss ----------------------------------------------------------------------

// What is older than `cut` survives, and of the write at `torn` a part. With the
// policy RANDOM, `odds` of 64 decide on every sector and name instead.
struct survival {
    enum memory_vfs_policy policy;
    struct random *random;
    unsigned odds;
    uint64_t cut;
    uint64_t torn;
};

static struct survival survival_of(const struct memory_node *nodes, uint64_t end,
                                   enum memory_vfs_policy policy, struct random *random)
{
    struct survival survival = {policy, random, 0, UINT64_MAX, UINT64_MAX};
    uint64_t oldest = end;
    uint64_t last_write = 0;
    for (const struct memory_node *node = nodes; node; node = node->next) {
        if (node->change_count && node->changes[0].sequence < oldest)
            oldest = node->changes[0].sequence;
        if (!node->write_count)
            continue;
        if (node->writes[0].sequence < oldest)
            oldest = node->writes[0].sequence;
        if (node->writes[node->write_count - 1].sequence > last_write)
            last_write = node->writes[node->write_count - 1].sequence;
    }
    if (policy == MEMORY_VFS_LOSE_ALL)
        survival.cut = 0;
    if (policy == MEMORY_VFS_RANDOM)
        survival.odds = odds_choose(random);
    if (policy == MEMORY_VFS_PREFIX)
        survival.cut = oldest + random_below(random, end - oldest + 1);
    if (policy == MEMORY_VFS_TORN)
        survival.torn = last_write;
    return survival;
}

static void node_survive(struct memory_node *node, const struct survival *survival)
{
    struct random *random = survival->random;
    bool any = survival->policy == MEMORY_VFS_RANDOM;
    bool latest = survival->policy == MEMORY_VFS_LATEST;
    for (size_t i = latest && node->change_count ? node->change_count - 1 : 0;
         i < node->change_count; i++) {
        const struct name_change *change = &node->changes[i];
        if (any ? random_below(random, 64) < survival->odds : change->sequence < survival->cut)
            entries_apply(&node->durable_names, change);
    }
    for (size_t i = latest && node->write_count ? node->write_count - 1 : 0; i < node->write_count;
         i++) {
        const struct sectors *write = &node->writes[i];
        if (any)
            durable_some(node, write, random, survival->odds);
        else if (write->sequence == survival->torn)
            durable_torn(node, write, random);
        else if (write->sequence < survival->cut)
            durable_write(node, write);
    }
    // A file system may know the new size before it has the data.
    if (any && node->durable.size < node->live.size && random_below(random, 4) == 0)
        node->durable.size = node->live.size;
}

void nodes_crash(struct memory_node *nodes, uint64_t end, enum memory_vfs_policy policy,
                 struct random *random)
{
    struct survival survival = survival_of(nodes, end, policy, random);
    for (struct memory_node *node = nodes; node; node = node->next) {
        node_survive(node, &survival);
        writes_clear(node);
        changes_clear(node);
        entries_copy(&node->live_names, &node->durable_names);
        memory_image_release(&node->live);
        memory_image_copy(&node->live, &node->durable);
        node->doubtful = false;
    }
}
