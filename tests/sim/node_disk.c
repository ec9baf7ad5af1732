#include "sim/node_disk.h"

#include "disk/memory_vfs_damage.h"

#include <stdio.h>

enum { FILES_MAX = 128 };

// With a hint its target has lost what it stood for, as far as only the hint had it.
static void lose_hints(struct node *node)
{
    struct history *history = node->settings->history;
    struct record record = {0};
    struct buf bytes = {0};
    for (uint32_t key = 0; key < history->key_count; key++) {
        for (uint32_t target = 0; target < node->settings->ring->ring.node_count; target++) {
            if (node_peek_hint(node, key, target, &record, &bytes))
                history_on_hint_lost(history, key, target, &record.clock);
        }
    }
    record_release(&record);
    buf_release(&bytes);
}

// The disk becomes a copy of another one, or empty (NULL).
static void replace(struct memory_vfs *disk, struct memory_vfs *by)
{
    memory_vfs_release(disk);
    if (by)
        memory_vfs_clone(disk, by);
    else
        memory_vfs_init(disk);
}

static void replace_store(struct node *node, struct memory_vfs *by, uint64_t since_us)
{
    node_kill_store(node);
    replace(&node->disk, by);
    history_on_disk_lost(node->settings->history, node->index, since_us);
}

// What a hintd that is down has cannot be asked: it keeps that.
static void replace_hints(struct node *node, struct memory_vfs *by)
{
    if (!node->hintd_process.up)
        return;
    world_sometimes(node_world(node), SOMETIMES_HINTS_LOST, node_has_hints(node));
    lose_hints(node);
    node_kill_hintd(node);
    replace(&node->hint_disk, by);
}

void node_wipe(struct node *node, enum node_disk which)
{
    world_note(node_world(node), "n%u: disks %d are empty", node->index, which);
    world_sometimes(node_world(node), SOMETIMES_WIPED, which & NODE_STORE_DISK);
    if (which & NODE_HINT_DISK)
        replace_hints(node, NULL);
    if (!(which & NODE_STORE_DISK))
        return;
    replace_store(node, NULL, 0);
    node->is_damaged = false;
}

struct files {
    char paths[FILES_MAX][64];
    uint32_t count;
};

static void note_file(void *context, const char *name)
{
    struct files *files = context;
    if (files->count < FILES_MAX)
        snprintf(files->paths[files->count++], sizeof files->paths[0], "store/%s", name);
}

void node_damage(struct node *node)
{
    struct world *world = node_world(node);
    struct memory_vfs *disk = &node->disk;
    struct memory_vfs_plan plan = disk->plan;
    struct files files = {.count = 0};
    struct fault fault;
    memory_vfs_fail(disk, 0, 0, STATUS_OK, false);
    enum status status = disk->vfs.list(&disk->vfs, "store", note_file, &files, &fault);
    disk->plan = plan;
    if (status || !files.count)
        return;
    const char *path = files.paths[world_below(world, files.count)];
    uint64_t size = memory_vfs_size(disk, path);
    if (!size)
        return;
    memory_vfs_flip(disk, path, world_below(world, size), (unsigned)world_below(world, 8));
    world_note(world, "n%u: a bit of %s changes", node->index, path);
    world_sometimes(world, SOMETIMES_ROT, true);
    node->is_damaged = true;
    history_on_disk_lost(node->settings->history, node->index, 0);
}

void node_save(struct node *node)
{
    if (node->saved_us) {
        memory_vfs_release(&node->saved);
        memory_vfs_release(&node->saved_hints);
    }
    memory_vfs_clone(&node->saved, &node->disk);
    memory_vfs_clone(&node->saved_hints, &node->hint_disk);
    node->saved_us = node_world(node)->now_us;
    node->is_saved_damaged = node->is_damaged;
}

void node_set_back(struct node *node, enum node_disk which)
{
    world_note(node_world(node), "n%u: disks %d are as they were at %.3f ms", node->index, which,
               (double)node->saved_us / WORLD_MS);
    world_sometimes(node_world(node), SOMETIMES_SET_BACK, which & NODE_STORE_DISK);
    if (which & NODE_HINT_DISK)
        replace_hints(node, &node->saved_hints);
    if (!(which & NODE_STORE_DISK))
        return;
    replace_store(node, &node->saved, node->saved_us);
    node->is_damaged = node->is_saved_damaged;
}
