#include "dkv/authorized.h"

#include "base/xalloc.h"
#include "os/file.h"
#include "os/owner.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int compare(const void *left, const void *right)
{
    const struct key_file *a = &((const struct authorized_key *)left)->key;
    const struct key_file *b = &((const struct authorized_key *)right)->key;
    if (a->role != b->role)
        return a->role < b->role ? -1 : 1;
    int order = strcmp(a->name, b->name);
    return order ? order : strcmp(a->keys.public_key, b->keys.public_key);
}

static enum status add_key(struct authorized *authorized, const char *path, const char *name,
                           struct fault *fault)
{
    char file[FILE_PATH_SIZE];
    struct authorized_key item = {0};
    snprintf(item.file, sizeof item.file, "%s", name);
    enum status status = file_join(file, path, name, fault);
    if (!status)
        status = file_status(key_file_load(file, false, &item.key, fault));
    if (status)
        return status;
    authorized->items =
        xrealloc(authorized->items, (authorized->count + 1) * sizeof *authorized->items);
    authorized->items[authorized->count++] = item;
    return STATUS_OK;
}

enum status authorized_load(struct authorized *authorized, const char *dir, struct fault *fault)
{
    char path[FILE_PATH_SIZE];
    *authorized = (struct authorized){0};
    enum status status = file_join(path, dir, "keys/authorized", fault);
    DIR *listing = status ? NULL : opendir(path);
    if (!status && !listing)
        return fault_set(fault, STATUS_INVALID, "%s: %s", path, strerror(errno));
    for (const struct dirent *item; !status && (item = readdir(listing));) {
        if (key_file_is_public_name(item->d_name))
            status = add_key(authorized, path, item->d_name, fault);
    }
    if (listing)
        closedir(listing);
    if (status)
        authorized_release(authorized);
    else if (authorized->count)
        qsort(authorized->items, authorized->count, sizeof *authorized->items, compare);
    return status;
}

void authorized_release(struct authorized *authorized)
{
    free(authorized->items);
    *authorized = (struct authorized){0};
}

static enum status remove_key(const char *dir, const void *what, struct fault *fault)
{
    const char *public_key = what;
    struct authorized authorized;
    enum status status = authorized_load(&authorized, dir, fault);
    bool is_known = false;
    for (uint32_t i = 0; !status && i < authorized.count; i++) {
        char name[300], path[FILE_PATH_SIZE];
        if (strcmp(authorized.items[i].key.keys.public_key, public_key))
            continue;
        is_known = true;
        snprintf(name, sizeof name, "keys/authorized/%s", authorized.items[i].file);
        status = file_join(path, dir, name, fault);
        if (!status && unlink(path))
            status = fault_set(fault, STATUS_IO, "%s: unable to remove: %s", path, strerror(errno));
    }
    authorized_release(&authorized);
    if (!status && !is_known)
        status = fault_set(fault, STATUS_NOT_FOUND,
                           "%s/keys/authorized has no key %s; --list shows what it has", dir,
                           public_key);
    return status;
}

enum status authorized_revoke(const char *dir, const char *public_key, struct fault *fault)
{
    return owner_do(dir, remove_key, public_key, fault);
}
