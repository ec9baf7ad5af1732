#include "disk/memory_vfs_damage.h"

#include "disk/memory_map_vfs.h"
#include "disk/memory_node_vfs.h"

#include <assert.h>

static struct memory_node *file_find(struct memory_vfs *vfs, const char *path)
{
    struct memory_node *node = nodes_find(vfs->nodes, path);
    assert(node && !node->directory);
    return node;
}

bool memory_vfs_has(struct memory_vfs *vfs, const char *path)
{
    return nodes_find(vfs->nodes, path) != NULL;
}

uint64_t memory_vfs_size(struct memory_vfs *vfs, const char *path)
{
    return file_find(vfs, path)->live.size;
}

static void image_flip(struct memory_image *image, uint64_t offset, unsigned bit)
{
    uint8_t byte;
    if (offset >= image->size)
        return;
    memory_image_read(image, offset, &byte, 1);
    byte = (uint8_t)(byte ^ (1u << bit));
    memory_image_write(image, offset, &byte, 1);
}

void memory_vfs_flip(struct memory_vfs *vfs, const char *path, uint64_t offset, unsigned bit)
{
    struct memory_node *node = file_find(vfs, path);
    assert(offset < node->live.size && bit < 8);
    memory_vfs_look(vfs);
    image_flip(&node->live, offset, bit);
    image_flip(&node->durable, offset, bit);
    maps_update(vfs->maps, vfs->generation, node);
}

void memory_vfs_truncate(struct memory_vfs *vfs, const char *path, uint64_t size)
{
    struct memory_node *node = file_find(vfs, path);
    node_sync(node);
    memory_image_truncate(&node->live, size);
    memory_image_truncate(&node->durable, size);
}

void memory_vfs_load(struct memory_vfs *vfs, const char *path, struct buf *content)
{
    memory_vfs_look(vfs);
    const struct memory_image *image = &file_find(vfs, path)->live;
    buf_clear(content);
    if (image->size)
        memory_image_read(image, 0, buf_grow(content, (size_t)image->size), (size_t)image->size);
}

void memory_vfs_store(struct memory_vfs *vfs, const char *path, struct bytes content)
{
    char name[256];
    struct memory_node *parent = nodes_find_parent(vfs->nodes, path, name);
    assert(parent);
    struct memory_node *node = node_new(&vfs->nodes, false);
    if (content.size)
        node_write(node, vfs->sequence++, 0, content);
    node_sync(node);
    entries_add(&parent->live_names, name, node);
    entries_add(&parent->durable_names, name, node);
    nodes_sweep(&vfs->nodes);
}
