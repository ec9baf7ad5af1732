// memory_map_vfs.h - files in memory as memory of the program.
//
// What is stored there is noticed when somebody looks: runs of sectors that differ from the file
// were written. Maps of a generation that is over, by a crash, are only kept to be removed.
#pragma once

#include "disk/memory_node_vfs.h"

struct memory_map;

// Maps the beginning of a file. `maps` is a list.
uint8_t *maps_add(struct memory_map **maps, struct memory_node *node, uint64_t generation,
                  size_t size);
void maps_remove(struct memory_map **maps, const struct memory_node *node, const uint8_t *memory,
                 size_t size);

// Makes the maps what the file is, after a change that did not come through them.
void maps_update(struct memory_map *maps, uint64_t generation, const struct memory_node *node);

// Writes the runs of sectors that differ from their files, each with the next sequence. Whether
// there were any.
bool maps_look(const struct memory_map *maps, uint64_t generation, uint64_t *sequence);
