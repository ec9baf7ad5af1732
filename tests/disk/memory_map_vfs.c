#include "disk/memory_map_vfs.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

struct memory_map {
    struct memory_map *next;
    struct memory_node *node;
    uint64_t generation;
    size_t size;
    uint8_t *data;
};

uint8_t *maps_add(struct memory_map **maps, struct memory_node *node, uint64_t generation,
                  size_t size)
{
    struct memory_map *map = xmalloc(sizeof *map);
    *map = (struct memory_map){*maps, node_hold(node), generation, size, xmalloc(size)};
    *maps = map;
    memory_image_read(&node->live, 0, map->data, size);
    return map->data;
}

void maps_remove(struct memory_map **maps, const struct memory_node *node, const uint8_t *memory,
                 size_t size)
{
    struct memory_map **at = maps;
    while (*at && (*at)->data != memory)
        at = &(*at)->next;
    struct memory_map *map = *at;
    assert(map && map->node == node && map->size == size);
    *at = map->next;
    node_drop(map->node);
    free(map->data);
    free(map);
}

void maps_update(struct memory_map *maps, uint64_t generation, const struct memory_node *node)
{
    for (struct memory_map *map = maps; map; map = map->next) {
        if (map->node == node && map->generation == generation)
            memory_image_read(&node->live, 0, map->data, map->size);
    }
}

// Writes the runs of sectors that differ from the file. Whether there were any.
static bool map_look(const struct memory_map *map, uint64_t *sequence)
{
    struct memory_node *node = map->node;
    bool differs = false;
    for (size_t at = 0, end; at < map->size; at = end) {
        size_t page = map->size - at < MEMORY_PAGE_SIZE ? map->size - at : MEMORY_PAGE_SIZE;
        if (at % MEMORY_PAGE_SIZE == 0 &&
            memory_image_equals(&node->live, at, map->data + at, page)) {
            end = at + page;
            continue;
        }
        end = at;
        while (end < map->size &&
               !memory_image_equals(&node->live, end, map->data + end, MEMORY_SECTOR_SIZE))
            end += MEMORY_SECTOR_SIZE;
        if (end > at) {
            node_write(node, (*sequence)++, at, bytes_of(map->data + at, end - at));
            differs = true;
        } else {
            end += MEMORY_SECTOR_SIZE;
        }
    }
    return differs;
}

bool maps_look(const struct memory_map *maps, uint64_t generation, uint64_t *sequence)
{
    bool differs = false;
    for (const struct memory_map *map = maps; map; map = map->next) {
        if (map->generation == generation)
            differs |= map_look(map, sequence);
    }
    return differs;
}
