#include "sim/node_disk.h"

#include "disk/memory_vfs_damage.h"

#include <stdio.h>

enum { FILES_MAX = 128 };

void node_wipe(struct node *node)
{
    struct memory_vfs *disk = &node->disk;
    world_note(node_world(node), "n%u: its disk is empty", node->index);
    world_sometimes(node_world(node), SOMETIMES_WIPED, true);
    node_kill_store(node);
    memory_vfs_release(disk);
    memory_vfs_init(disk);
    node->is_damaged = false;
    history_on_disk_lost(node->settings->history, node->index, 0);
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
    if (node->saved_us)
        memory_vfs_release(&node->saved);
    memory_vfs_clone(&node->saved, &node->disk);
    node->saved_us = node_world(node)->now_us;
    node->is_saved_damaged = node->is_damaged;
}

void node_set_back(struct node *node)
{
    world_note(node_world(node), "n%u: its disk is as it was at %.3f ms", node->index,
               (double)node->saved_us / WORLD_MS);
    world_sometimes(node_world(node), SOMETIMES_SET_BACK, true);
    node_kill_store(node);
    memory_vfs_release(&node->disk);
    memory_vfs_clone(&node->disk, &node->saved);
    node->is_damaged = node->is_saved_damaged;
    history_on_disk_lost(node->settings->history, node->index, node->saved_us);
}
