// memory_vfs_damage.h - files of a disk in memory, looked at and changed behind its back.
//
// A change is one of the durable and of the live image alike. `path` must be a file.
#pragma once

#include "disk/memory_vfs.h"

bool memory_vfs_has(struct memory_vfs *vfs, const char *path);
uint64_t memory_vfs_size(struct memory_vfs *vfs, const char *path);
void memory_vfs_flip(struct memory_vfs *vfs, const char *path, uint64_t offset, unsigned bit);
void memory_vfs_truncate(struct memory_vfs *vfs, const char *path, uint64_t size);

// The whole live content, and a file of this content, durable with its name. Its
// directory must exist.
void memory_vfs_load(struct memory_vfs *vfs, const char *path, struct buf *content);
void memory_vfs_store(struct memory_vfs *vfs, const char *path, struct bytes content);
