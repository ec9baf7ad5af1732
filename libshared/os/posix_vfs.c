#include "os/posix_vfs.h"

#include "base/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> // rename
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE_SIZE = 4096 }; // or a multiple

struct vfs_file {
    int descriptor;
    char *path; // for faults
};

static enum status status_of_errno(void)
{
    switch (errno) {
    case ENOENT:
        return STATUS_NOT_FOUND;
    case EEXIST:
        return STATUS_EXISTS;
    case EWOULDBLOCK:
        return STATUS_LOCKED;
    case ENOSPC:
    case EDQUOT:
        return STATUS_DISK_FULL;
    case EMFILE:
    case ENFILE:
        return STATUS_EXHAUSTED;
    default:
        return STATUS_IO;
    }
}

static enum status failed(struct fault *fault, const char *path, const char *what)
{
    enum status status = status_of_errno();
    return fault_set(fault, status, "%s: unable to %s: %s", path, what, strerror(errno));
}

static struct vfs_file *file_new(int descriptor, const char *path)
{
    struct vfs_file *file = xmalloc(sizeof *file);
    *file = (struct vfs_file){descriptor, xstrdup(path)};
    return file;
}

static int open_retry(const char *path, int flags)
{
    int descriptor;
    do {
        descriptor = open(path, flags | O_CLOEXEC, 0600);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

static enum status posix_open(struct vfs *vfs, const char *path, int flags, struct vfs_file **file,
                              struct fault *fault)
{
    (void)vfs;
    int mode = flags & VFS_WRITE ? O_RDWR : O_RDONLY;
    if (flags & VFS_CREATE)
        mode |= O_CREAT;
    if (flags & VFS_EXCLUSIVE)
        mode |= O_EXCL;
    int descriptor = open_retry(path, mode);
    if (descriptor < 0)
        return failed(fault, path, "open");
    *file = file_new(descriptor, path);
    return STATUS_OK;
}

static void posix_close(struct vfs *vfs, struct vfs_file *file)
{
    (void)vfs;
    // What matters was synced; on Linux the descriptor is gone even if close fails.
    close(file->descriptor);
    free(file->path);
    free(file);
}

static enum status posix_read(struct vfs *vfs, struct vfs_file *file, uint64_t offset, void *data,
                              size_t size, size_t *size_read, struct fault *fault)
{
    (void)vfs;
    uint8_t *to = data;
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file->descriptor, to + done, size - done, (off_t)(offset + done));
        if (got == 0)
            break;
        if (got > 0)
            done += (size_t)got;
        else if (errno != EINTR)
            return failed(fault, file->path, "read");
    }
    *size_read = done;
    return STATUS_OK;
}

// A part of the bytes is as good as none. So is 0, which some kernels say for a page that is
// not there.
static bool posix_read_cached(struct vfs *vfs, struct vfs_file *file, uint64_t offset, void *data,
                              size_t size)
{
    struct iovec to = {data, size};
    ssize_t got = preadv2(file->descriptor, &to, 1, (off_t)offset, RWF_NOWAIT);
    if (got >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
        return got >= 0 && (size_t)got == size;
    size_t size_read = 0; // a file system that cannot tell
    return posix_read(vfs, file, offset, data, size, &size_read, NULL) == STATUS_OK &&
           size_read == size;
}

static enum status posix_write(struct vfs *vfs, struct vfs_file *file, uint64_t offset,
                               struct bytes bytes, struct fault *fault)
{
    (void)vfs;
    size_t done = 0;
    while (done < bytes.size) {
        ssize_t put =
            pwrite(file->descriptor, bytes.data + done, bytes.size - done, (off_t)(offset + done));
        if (put > 0)
            done += (size_t)put;
        else if (put == 0 || errno != EINTR)
            return failed(fault, file->path, "write");
    }
    return STATUS_OK;
}

static enum status posix_sync(struct vfs *vfs, struct vfs_file *file, struct fault *fault)
{
    (void)vfs;
    // Not even EINTR is repeated: the error of the pages may have been reported with it.
    if (fdatasync(file->descriptor) < 0)
        return failed(fault, file->path, "sync");
    return STATUS_OK;
}

static enum status posix_allocate(struct vfs *vfs, struct vfs_file *file, uint64_t size,
                                  struct fault *fault)
{
    (void)vfs;
    if (fallocate(file->descriptor, 0, 0, (off_t)size) == 0)
        return STATUS_OK;
    if (errno == EOPNOTSUPP || errno == ENOSYS)
        return STATUS_INVALID;
    return failed(fault, file->path, "allocate");
}

static enum status posix_size(struct vfs *vfs, struct vfs_file *file, uint64_t *size,
                              struct fault *fault)
{
    (void)vfs;
    struct stat facts;
    if (fstat(file->descriptor, &facts) < 0)
        return failed(fault, file->path, "find the size");
    *size = (uint64_t)facts.st_size;
    return STATUS_OK;
}

static void posix_advise(struct vfs *vfs, struct vfs_file *file, uint64_t offset, uint64_t size,
                         bool needed)
{
    (void)vfs;
    posix_fadvise(file->descriptor, (off_t)offset, (off_t)size,
                  needed ? POSIX_FADV_WILLNEED : POSIX_FADV_DONTNEED);
}

static uint8_t *posix_map(struct vfs *vfs, struct vfs_file *file, size_t size)
{
    (void)vfs;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->descriptor, 0);
    if (memory == MAP_FAILED)
        return NULL;
#ifdef MADV_POPULATE_WRITE
    // An error other than that of a kernel too old for it is one that a store would die of.
    if (madvise(memory, size, MADV_POPULATE_WRITE) < 0 && errno != EINVAL) {
        munmap(memory, size);
        return NULL;
    }
#endif
    // In a virtual machine the first access of the program can still cost microseconds.
    volatile uint8_t *at = memory;
    for (size_t i = 0; i < size; i += PAGE_SIZE) {
        uint8_t byte = at[i];
        at[i] = byte;
    }
    return memory;
}

static void posix_unmap(struct vfs *vfs, struct vfs_file *file, uint8_t *memory, size_t size)
{
    (void)vfs, (void)file;
    munmap(memory, size);
}

static enum status posix_make_dir(struct vfs *vfs, const char *path, struct fault *fault)
{
    (void)vfs;
    struct stat facts;
    if (mkdir(path, 0700) == 0)
        return STATUS_OK;
    int reason = errno;
    if (reason == EEXIST && stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return STATUS_OK;
    errno = reason;
    return failed(fault, path, "create directory");
}

static enum status posix_sync_dir(struct vfs *vfs, const char *path, struct fault *fault)
{
    (void)vfs;
    int descriptor = open_retry(path, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0)
        return failed(fault, path, "open directory");
    enum status status = STATUS_OK;
    if (fsync(descriptor) < 0)
        status = failed(fault, path, "sync directory");
    close(descriptor);
    return status;
}

static enum status posix_rename(struct vfs *vfs, const char *from, const char *to,
                                struct fault *fault)
{
    (void)vfs;
    return rename(from, to) < 0 ? failed(fault, from, "rename") : STATUS_OK;
}

static enum status posix_link(struct vfs *vfs, const char *from, const char *to,
                              struct fault *fault)
{
    (void)vfs;
    return link(from, to) < 0 ? failed(fault, to, "link") : STATUS_OK;
}

static enum status posix_remove(struct vfs *vfs, const char *path, struct fault *fault)
{
    (void)vfs;
    return unlink(path) < 0 ? failed(fault, path, "remove") : STATUS_OK;
}

static enum status posix_list(struct vfs *vfs, const char *path,
                              void (*each)(void *context, const char *name), void *context,
                              struct fault *fault)
{
    (void)vfs;
    DIR *directory = opendir(path);
    if (!directory)
        return failed(fault, path, "open directory");
    struct dirent *entry;
    // A NULL with errno is an error, one without is the end.
    while ((errno = 0, entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(context, entry->d_name);
    }
    enum status status = errno ? failed(fault, path, "list") : STATUS_OK;
    closedir(directory);
    return status;
}

static enum status posix_lock(struct vfs *vfs, const char *path, struct vfs_file **file,
                              struct fault *fault)
{
    (void)vfs;
    int descriptor = open_retry(path, O_RDWR | O_CREAT);
    if (descriptor < 0)
        return failed(fault, path, "open");
    if (flock(descriptor, LOCK_EX | LOCK_NB) < 0) {
        enum status status = failed(fault, path, "lock");
        close(descriptor);
        return status;
    }
    *file = file_new(descriptor, path);
    return STATUS_OK;
}

static enum status posix_space(struct vfs *vfs, const char *path, uint64_t *free_bytes,
                               struct fault *fault)
{
    (void)vfs;
    struct statvfs facts;
    if (statvfs(path, &facts) < 0)
        return failed(fault, path, "find the free space");
    *free_bytes = (uint64_t)facts.f_bavail * facts.f_frsize;
    return STATUS_OK;
}

void posix_vfs_init(struct posix_vfs *posix)
{
    posix->vfs = (struct vfs){
        .open = posix_open,
        .close = posix_close,
        .read = posix_read,
        .read_cached = posix_read_cached,
        .write = posix_write,
        .sync = posix_sync,
        .allocate = posix_allocate,
        .size = posix_size,
        .advise = posix_advise,
        .map = posix_map,
        .unmap = posix_unmap,
        .make_dir = posix_make_dir,
        .sync_dir = posix_sync_dir,
        .rename = posix_rename,
        .link = posix_link,
        .remove = posix_remove,
        .list = posix_list,
        .lock = posix_lock,
        .space = posix_space,
    };
}
