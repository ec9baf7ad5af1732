#include "disk/memory_vfs.h"

#include "base/xalloc.h"
#include "disk/memory_map_vfs.h"
#include "disk/memory_node_vfs.h"

#include <assert.h>
#include <stdlib.h>

struct vfs_file {
    struct memory_node *node;
    char *path;
    uint64_t generation;
    int flags;
    bool locks;
};

static struct memory_vfs *memory_of(struct vfs *vfs)
{
    return (struct memory_vfs *)vfs;
}

// ---- The calls ---------------------------------------------------------------------

static const char *reason_of(enum status status)
{
    switch (status) {
    case STATUS_DISK_FULL:
        return "No space left on device";
    case STATUS_NOT_FOUND:
        return "No such file or directory";
    case STATUS_EXISTS:
        return "File exists";
    case STATUS_LOCKED:
        return "Resource temporarily unavailable";
    default:
        return "Input/output error";
    }
}

static enum status failed(struct fault *fault, enum status status, const char *path,
                          const char *what)
{
    return fault_set(fault, status, "%s: unable to %s: %s", path, what, reason_of(status));
}

static void changed(struct memory_vfs *vfs, enum memory_vfs_kind kind)
{
    vfs->change_count++;
    vfs->change_kind = kind;
    if (vfs->change_count == vfs->power_off_at)
        vfs->off = true;
    if (vfs->after_change)
        vfs->after_change(vfs->context);
}

void memory_vfs_look(struct memory_vfs *vfs)
{
    if (!vfs->off && maps_look(vfs->maps, vfs->generation, &vfs->sequence))
        changed(vfs, MEMORY_VFS_WRITE);
}

// Whether this call fails, by plan or because the power is off.
static enum status call_begin(struct memory_vfs *vfs, enum memory_vfs_kind kind)
{
    memory_vfs_look(vfs);
    if (vfs->off)
        return STATUS_IO;
    vfs->call_count++;
    if (!(vfs->plan.kinds & kind))
        return STATUS_OK;
    if (vfs->plan.skip) {
        vfs->plan.skip--;
        return STATUS_OK;
    }
    vfs->fault_count++;
    vfs->fault_kinds |= kind;
    if (!vfs->plan.for_ever)
        vfs->plan.kinds = 0;
    return vfs->plan.status;
}

static enum status file_call_begin(struct memory_vfs *vfs, struct vfs_file *file,
                                   enum memory_vfs_kind kind)
{
    return file->generation == vfs->generation ? call_begin(vfs, kind) : STATUS_IO;
}

static enum status memory_open(struct vfs *table, const char *path, int flags,
                               struct vfs_file **file, struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    struct memory_node *node = nodes_find(vfs->nodes, path);
    bool create = !node && (flags & VFS_CREATE);
    enum status status = call_begin(vfs, create ? MEMORY_VFS_NAME : MEMORY_VFS_OPEN);
    if (status)
        return failed(fault, status, path, "open");
    if (node && (flags & VFS_CREATE) && (flags & VFS_EXCLUSIVE))
        return failed(fault, STATUS_EXISTS, path, "open");
    if (create) {
        char name[256];
        struct memory_node *parent = nodes_find_parent(vfs->nodes, path, name);
        if (parent) {
            node = node_new(&vfs->nodes, false);
            node_rename(parent, vfs->sequence++, NULL, name, node);
        }
    }
    if (!node)
        return failed(fault, STATUS_NOT_FOUND, path, "open");
    if (node->directory)
        return fault_set(fault, STATUS_IO, "%s: unable to open: Is a directory", path);
    *file = xcalloc(1, sizeof **file);
    **file = (struct vfs_file){node_hold(node), xstrdup(path), vfs->generation, flags, false};
    node->open_count++;
    if (create)
        changed(vfs, MEMORY_VFS_NAME);
    return STATUS_OK;
}

static void memory_close(struct vfs *table, struct vfs_file *file)
{
    struct memory_vfs *vfs = memory_of(table);
    if (file->locks && file->generation == vfs->generation)
        file->node->locked = false;
    file->node->open_count--;
    node_drop(file->node);
    free(file->path);
    free(file);
    nodes_sweep(&vfs->nodes);
}

static enum status memory_read(struct vfs *table, struct vfs_file *file, uint64_t offset,
                               void *data, size_t size, size_t *size_read, struct fault *fault)
{
    enum status status = file_call_begin(memory_of(table), file, MEMORY_VFS_READ);
    if (status)
        return failed(fault, status, file->path, "read");
    const struct memory_image *image = &file->node->live;
    uint64_t left = offset < image->size ? image->size - offset : 0;
    *size_read = size < left ? size : (size_t)left;
    if (*size_read)
        memory_image_read(image, offset, data, *size_read);
    if (!memory_of(table)->keeps_cold)
        node_warm(file->node, offset, *size_read);
    return STATUS_OK;
}

static bool memory_read_cached(struct vfs *table, struct vfs_file *file, uint64_t offset,
                               void *data, size_t size)
{
    size_t size_read = 0;
    if (node_is_cold(file->node, offset, size)) {
        memory_of(table)->cold_count++;
        return false;
    }
    return !memory_read(table, file, offset, data, size, &size_read, NULL) && size_read == size;
}

static uint64_t room_of(const struct memory_vfs *vfs)
{
    uint64_t used = nodes_used(vfs->nodes);
    return used < vfs->capacity ? vfs->capacity - used : 0;
}

static enum status memory_write(struct vfs *table, struct vfs_file *file, uint64_t offset,
                                struct bytes bytes, struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    struct memory_node *node = file->node;
    assert(file->flags & VFS_WRITE);
    enum status status = file_call_begin(vfs, file, MEMORY_VFS_WRITE);
    bool dead = vfs->off || file->generation != vfs->generation;
    size_t size = status ? bytes.size / 2 : bytes.size;
    uint64_t end = offset + bytes.size;
    if (!dead && vfs->capacity && end > node->live.size) {
        uint64_t room = room_of(vfs);
        if (end - node->live.size > room) {
            uint64_t limit = node->live.size + room;
            size = offset < limit ? (size_t)(limit - offset) : 0;
            status = STATUS_DISK_FULL;
        }
    }
    if (!dead && size) {
        node_write(node, vfs->sequence++, offset, bytes_of(bytes.data, size));
        maps_update(vfs->maps, vfs->generation, node);
        changed(vfs, MEMORY_VFS_WRITE);
    }
    return status ? failed(fault, status, file->path, "write") : STATUS_OK;
}

static enum status memory_sync(struct vfs *table, struct vfs_file *file, struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    bool dead = vfs->off || file->generation != vfs->generation;
    enum status status = file_call_begin(vfs, file, MEMORY_VFS_SYNC);
    if (status && !dead)
        node_sync_failed(file->node, &vfs->random);
    if (status)
        return failed(fault, status, file->path, "sync");
    node_sync(file->node);
    changed(vfs, MEMORY_VFS_SYNC);
    return STATUS_OK;
}

static enum status memory_size(struct vfs *table, struct vfs_file *file, uint64_t *size,
                               struct fault *fault)
{
    enum status status = file_call_begin(memory_of(table), file, MEMORY_VFS_OPEN);
    if (status)
        return failed(fault, status, file->path, "find the size");
    *size = file->node->live.size;
    return STATUS_OK;
}

static void memory_advise(struct vfs *table, struct vfs_file *file, uint64_t offset, uint64_t size,
                          bool needed)
{
    (void)table, (void)file, (void)offset, (void)size, (void)needed;
}

static uint8_t *memory_map(struct vfs *table, struct vfs_file *file, size_t size)
{
    struct memory_vfs *vfs = memory_of(table);
    assert(file->flags & VFS_WRITE && size % MEMORY_SECTOR_SIZE == 0);
    if (file_call_begin(vfs, file, MEMORY_VFS_OPEN) || vfs->has_no_maps)
        return NULL;
    assert(size <= file->node->live.size);
    return maps_add(&vfs->maps, file->node, vfs->generation, size);
}

static void memory_unmap(struct vfs *table, struct vfs_file *file, uint8_t *memory, size_t size)
{
    struct memory_vfs *vfs = memory_of(table);
    memory_vfs_look(vfs);
    maps_remove(&vfs->maps, file->node, memory, size);
}

static enum status memory_make_dir(struct vfs *table, const char *path, struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    enum status status = call_begin(vfs, MEMORY_VFS_NAME);
    if (status)
        return failed(fault, status, path, "create directory");
    struct memory_node *node = nodes_find(vfs->nodes, path);
    if (node)
        return node->directory ? STATUS_OK : failed(fault, STATUS_EXISTS, path, "create directory");
    char name[256];
    struct memory_node *parent = nodes_find_parent(vfs->nodes, path, name);
    if (!parent)
        return failed(fault, STATUS_NOT_FOUND, path, "create directory");
    node_rename(parent, vfs->sequence++, NULL, name, node_new(&vfs->nodes, true));
    changed(vfs, MEMORY_VFS_NAME);
    return STATUS_OK;
}

static enum status memory_sync_dir(struct vfs *table, const char *path, struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    enum status status = call_begin(vfs, MEMORY_VFS_SYNC_DIR);
    struct memory_node *node = nodes_find(vfs->nodes, path);
    if (!status && (!node || !node->directory))
        status = STATUS_NOT_FOUND;
    if (status)
        return failed(fault, status, path, "sync directory");
    node_sync_names(node);
    nodes_sweep(&vfs->nodes);
    changed(vfs, MEMORY_VFS_SYNC_DIR);
    return STATUS_OK;
}

static enum status memory_rename(struct vfs *table, const char *from, const char *to,
                                 struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    enum status status = call_begin(vfs, MEMORY_VFS_NAME);
    struct memory_node *node = nodes_find(vfs->nodes, from);
    char from_name[256], to_name[256];
    struct memory_node *parent = nodes_find_parent(vfs->nodes, from, from_name);
    struct memory_node *to_parent = nodes_find_parent(vfs->nodes, to, to_name);
    if (!status && (!node || !to_parent))
        status = STATUS_NOT_FOUND;
    if (status)
        return failed(fault, status, from, "rename");
    assert(parent == to_parent && strcmp(from_name, to_name) != 0);
    node_rename(parent, vfs->sequence++, from_name, to_name, node);
    changed(vfs, MEMORY_VFS_NAME);
    return STATUS_OK;
}

static enum status memory_link(struct vfs *table, const char *from, const char *to,
                               struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    enum status status = call_begin(vfs, MEMORY_VFS_NAME);
    struct memory_node *node = nodes_find(vfs->nodes, from);
    char name[256];
    struct memory_node *parent = nodes_find_parent(vfs->nodes, to, name);
    if (!status && (!node || !parent))
        status = STATUS_NOT_FOUND;
    if (!status && nodes_find(vfs->nodes, to))
        status = STATUS_EXISTS;
    if (status)
        return failed(fault, status, to, "link");
    node_rename(parent, vfs->sequence++, NULL, name, node);
    changed(vfs, MEMORY_VFS_NAME);
    return STATUS_OK;
}

static enum status memory_remove(struct vfs *table, const char *path, struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    enum status status = call_begin(vfs, MEMORY_VFS_NAME);
    struct memory_node *node = nodes_find(vfs->nodes, path);
    if (!status && !node)
        status = STATUS_NOT_FOUND;
    if (status)
        return failed(fault, status, path, "remove");
    assert(!node->directory);
    char name[256];
    struct memory_node *parent = nodes_find_parent(vfs->nodes, path, name);
    node_rename(parent, vfs->sequence++, name, NULL, NULL);
    changed(vfs, MEMORY_VFS_NAME);
    return STATUS_OK;
}

static enum status memory_list(struct vfs *table, const char *path,
                               void (*each)(void *context, const char *name), void *context,
                               struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    enum status status = call_begin(vfs, MEMORY_VFS_READ);
    struct memory_node *node = nodes_find(vfs->nodes, path);
    if (!status && (!node || !node->directory))
        status = STATUS_NOT_FOUND;
    if (status)
        return failed(fault, status, path, "list");
    // A copy: `each` may create and remove files.
    struct entries names = {0};
    entries_copy(&names, &node->live_names);
    for (size_t i = 0; i < names.count; i++)
        each(context, names.at[i].name);
    entries_clear(&names);
    return STATUS_OK;
}

static enum status memory_lock(struct vfs *table, const char *path, struct vfs_file **file,
                               struct fault *fault)
{
    enum status status = memory_open(table, path, VFS_WRITE | VFS_CREATE, file, fault);
    if (status)
        return status;
    if ((*file)->node->locked) {
        memory_close(table, *file);
        return failed(fault, STATUS_LOCKED, path, "lock");
    }
    (*file)->node->locked = true;
    (*file)->locks = true;
    return STATUS_OK;
}

static enum status memory_space(struct vfs *table, const char *path, uint64_t *free_bytes,
                                struct fault *fault)
{
    struct memory_vfs *vfs = memory_of(table);
    enum status status = call_begin(vfs, MEMORY_VFS_OPEN);
    if (status)
        return failed(fault, status, path, "find the free space");
    *free_bytes = vfs->capacity ? room_of(vfs) : (uint64_t)1 << 50;
    return STATUS_OK;
}

// ---- The life of the disk ------------------------------------------------------------

static void memory_init_empty(struct memory_vfs *vfs)
{
    *vfs = (struct memory_vfs){
        .vfs =
            {
                .open = memory_open,
                .close = memory_close,
                .read = memory_read,
                .read_cached = memory_read_cached,
                .write = memory_write,
                .sync = memory_sync,
                .size = memory_size,
                .advise = memory_advise,
                .map = memory_map,
                .unmap = memory_unmap,
                .make_dir = memory_make_dir,
                .sync_dir = memory_sync_dir,
                .rename = memory_rename,
                .link = memory_link,
                .remove = memory_remove,
                .list = memory_list,
                .lock = memory_lock,
                .space = memory_space,
            },
        .generation = 1,
    };
    random_init(&vfs->random, 1);
}

void memory_vfs_init(struct memory_vfs *vfs)
{
    memory_init_empty(vfs);
    node_hold(node_new(&vfs->nodes, true));
}

void memory_vfs_release(struct memory_vfs *vfs)
{
    if (!vfs->nodes)
        return;
    node_drop(nodes_root(vfs->nodes));
    nodes_sweep(&vfs->nodes);
    assert(!vfs->nodes);
}

void memory_vfs_clone(struct memory_vfs *copy, struct memory_vfs *source)
{
    memory_vfs_look(source);
    memory_init_empty(copy);
    copy->has_no_maps = source->has_no_maps;
    copy->capacity = source->capacity;
    copy->sequence = source->sequence;
    copy->random = source->random;
    nodes_clone(&copy->nodes, source->nodes);
    node_hold(nodes_root(copy->nodes));
    nodes_sweep(&copy->nodes);
}

void memory_vfs_power_off(struct memory_vfs *vfs)
{
    memory_vfs_look(vfs);
    vfs->off = true;
}

void memory_vfs_power_off_after(struct memory_vfs *vfs, uint64_t count)
{
    vfs->power_off_at = vfs->change_count + count;
    vfs->off = vfs->off || count == 0;
}

static void end_program(struct memory_vfs *vfs)
{
    for (struct memory_node *node = vfs->nodes; node; node = node->next)
        node->locked = false;
    vfs->generation++;
    vfs->off = false;
    vfs->power_off_at = 0;
}

void memory_vfs_kill(struct memory_vfs *vfs)
{
    memory_vfs_look(vfs);
    end_program(vfs);
}

void memory_vfs_crash(struct memory_vfs *vfs, enum memory_vfs_policy policy, struct random *random)
{
    memory_vfs_look(vfs);
    nodes_crash(vfs->nodes, vfs->sequence, policy, random);
    end_program(vfs);
    nodes_sweep(&vfs->nodes);
}

void memory_vfs_cool(struct memory_vfs *vfs)
{
    for (struct memory_node *node = vfs->nodes; node; node = node->next) {
        if (!node->directory)
            node_cool(node);
    }
}

void memory_vfs_fail(struct memory_vfs *vfs, unsigned kinds, uint64_t skip, enum status status,
                     bool for_ever)
{
    vfs->plan.kinds = kinds;
    vfs->plan.skip = skip;
    vfs->plan.status = status;
    vfs->plan.for_ever = for_ever;
}
