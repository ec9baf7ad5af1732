// golden.h - a stored database of some format version, on a disk in memory.
#pragma once

#include "unit/unit.h"

#include "disk/memory_vfs_damage.h"

#include <dirent.h>
#include <stdio.h>

static inline FILE *golden_open(const char *dir, const char *name, const char *mode)
{
    struct buf path = {0};
    buf_printf(&path, "%s%s", dir, name);
    FILE *file = fopen(buf_text(&path), mode);
    if (!file)
        fail_msg("%s: cannot be opened", buf_text(&path));
    buf_release(&path);
    return file;
}

static inline void golden_read(FILE *in, struct buf *content)
{
    size_t size_read;
    buf_clear(content);
    do {
        buf_reserve(content, 65536);
        size_read = fread(content->data + content->size, 1, 65536, in);
        content->size += size_read;
    } while (size_read);
    fclose(in);
}

// Makes the disk, with what the directory has in "db".
static inline void golden_load(struct memory_vfs *disk, const char *golden)
{
    struct buf path = {0}, content = {0}, source = {0};
    struct dirent *found;
    memory_vfs_init(disk);
    disk->vfs.make_dir(&disk->vfs, "db", NULL);
    disk->vfs.sync_dir(&disk->vfs, ".", NULL);
    DIR *dir = opendir(golden);
    if (!dir)
        fail_msg("%s is missing; tests run in the root of the sources", golden);
    while ((found = readdir(dir))) {
        if (found->d_name[0] == '.')
            continue;
        buf_clear(&path);
        buf_clear(&source);
        buf_printf(&path, "db/%s", found->d_name);
        buf_printf(&source, "/%s", found->d_name);
        golden_read(golden_open(golden, buf_text(&source), "rb"), &content);
        memory_vfs_store(disk, buf_text(&path), buf_bytes(&content));
    }
    closedir(dir);
    buf_release(&path);
    buf_release(&content);
    buf_release(&source);
}
