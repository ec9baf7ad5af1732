#include "lsm/file/directory.h"

#include "base/xalloc.h"

#include <stdlib.h>

static enum status sync_parent(struct vfs *vfs, const char *dir, struct fault *fault)
{
    struct buf parent = {0};
    buf_append_text(&parent, dir);
    while (parent.size > 1 && parent.data[parent.size - 1] == '/')
        parent.size--; // behind the name
    while (parent.size && parent.data[parent.size - 1] != '/')
        parent.size--;
    if (parent.size > 1)
        parent.size--; // the slash, unless it is the root
    enum status status = vfs->sync_dir(vfs, parent.size ? buf_text(&parent) : ".", fault);
    buf_release(&parent);
    return status;
}

enum status directory_make(struct vfs *vfs, const char *dir, struct fault *fault)
{
    enum status status = vfs->make_dir(vfs, dir, fault);
    return status ? status : sync_parent(vfs, dir, fault);
}

static void add_file(void *context, const char *name)
{
    struct directory *directory = context;
    struct directory_file file;
    file.kind = file_name_parse(name, &file.number);
    if (file.kind == FILE_FOREIGN || file.kind == FILE_LOCK)
        return;
    directory->files =
        xrealloc(directory->files, (directory->count + 1) * sizeof *directory->files);
    directory->files[directory->count++] = file;
}

enum status directory_list(struct directory *directory, struct vfs *vfs, const char *dir,
                           struct fault *fault)
{
    return vfs->list(vfs, dir, add_file, directory, fault);
}

void directory_release(struct directory *directory)
{
    free(directory->files);
    *directory = (struct directory){0};
}
