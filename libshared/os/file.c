#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

// A path that leads nowhere is a mistake of who gave it.
static enum status status_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return STATUS_INVALID;
    case EEXIST:
        return STATUS_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return STATUS_DISK_FULL;
    default:
        return STATUS_IO;
    }
}

static enum status failed(const char *path, const char *what, struct fault *fault)
{
    return fault_set(fault, status_of(errno), "%s: unable to %s: %s", path, what, strerror(errno));
}

enum status file_status(enum status status)
{
    bool is_mistake =
        status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE || status == STATUS_CORRUPT;
    return is_mistake ? STATUS_INVALID : status;
}

enum status file_read(const char *path, size_t size_max, struct buf *out, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(path, "open", fault);
    size_t before = out->size;
    for (;;) {
        buf_reserve(out, 4096);
        ssize_t size = read(fd, out->data + out->size, out->capacity - out->size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) {
            enum status status = failed(path, "read", fault);
            close(fd);
            return status;
        }
        if (size == 0)
            break;
        out->size += (size_t)size;
        if (out->size - before > size_max) {
            close(fd);
            return fault_set(fault, STATUS_TOO_LARGE, "%s: larger than %zu bytes", path, size_max);
        }
    }
    close(fd);
    return STATUS_OK;
}

static bool write_all(int fd, struct bytes content)
{
    while (content.size > 0) {
        ssize_t size = write(fd, content.data, content.size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return false;
        content.data += size;
        content.size -= (size_t)size;
    }
    return true;
}

// The entry of a new file is durable once its directory is synced.
static enum status sync_parent(const char *path, struct fault *fault)
{
    char parent[FILE_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(parent, sizeof parent, ".");
    else
        snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(parent, "open", fault);
    int result = fsync(fd);
    enum status status = result ? failed(parent, "sync", fault) : STATUS_OK;
    close(fd);
    return status;
}

// A device, a pipe, a link such as /dev/stdout: written to, never replaced.
static bool is_special(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

static enum status write_into(const char *path, struct bytes content, struct fault *fault)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return failed(path, "open", fault);
    enum status status = write_all(fd, content) ? STATUS_OK : failed(path, "write", fault);
    if (close(fd) && !status)
        status = failed(path, "write", fault);
    return status;
}

enum status file_write(const char *path, unsigned mode, bool exclusive, struct bytes content,
                       struct fault *fault)
{
    if (!exclusive && is_special(path))
        return write_into(path, content, fault);
    char temporary[FILE_PATH_SIZE];
    int length = snprintf(temporary, sizeof temporary, "%s.new-%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof temporary)
        return fault_set(fault, STATUS_INVALID, "%s: the path is too long", path);

    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return failed(path, "create", fault);
    enum status status = STATUS_OK;
    bool is_exact = mode != FILE_MODE_ANY;
    if ((is_exact && fchmod(fd, mode)) || !write_all(fd, content) || fsync(fd))
        status = failed(path, "write", fault);
    close(fd);
    // A link, unlike a rename, never replaces what is there.
    if (!status && exclusive && link(temporary, path))
        status = failed(path, "create", fault);
    if (!status && !exclusive && rename(temporary, path))
        status = failed(path, "replace", fault);
    if (status || exclusive)
        unlink(temporary);
    return status ? status : sync_parent(path, fault);
}

enum status file_make_dir(const char *path, unsigned mode, struct fault *fault)
{
    char part[FILE_PATH_SIZE];
    if (strlen(path) >= sizeof part)
        return fault_set(fault, STATUS_INVALID, "%s: the path is too long", path);
    bool is_new = false;
    for (const char *end = path; *end;) {
        end = strchr(end + 1, '/');
        if (!end)
            end = path + strlen(path);
        memcpy(part, path, (size_t)(end - path));
        part[end - path] = '\0';
        is_new = !mkdir(part, mode);
        if (!is_new && errno != EEXIST)
            return failed(part, "make the directory", fault);
    }
    if (!file_is_dir(path))
        return fault_set(fault, STATUS_EXISTS, "%s: exists and is not a directory", path);
    return is_new ? sync_parent(path, fault) : STATUS_OK;
}

bool file_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_one_of(const char *name, const char *const *names, unsigned count)
{
    bool is_one = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    for (unsigned i = 0; !is_one && i < count; i++)
        is_one = strcmp(name, names[i]) == 0;
    return is_one;
}

bool file_is_dir_of(const char *path, const char *const *names, unsigned count)
{
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    bool is_one = true;
    for (struct dirent *entry; is_one && (entry = readdir(dir));)
        is_one = is_one_of(entry->d_name, names, count);
    closedir(dir);
    return is_one;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

enum status file_remove_tree(const char *path, struct fault *fault)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))
        return failed(path, "remove", fault);
    return STATUS_OK;
}

enum status file_join(char path[FILE_PATH_SIZE], const char *dir, const char *name,
                      struct fault *fault)
{
    int length = snprintf(path, FILE_PATH_SIZE, "%s/%s", dir, name);
    if (length < 0 || length >= FILE_PATH_SIZE)
        return fault_set(fault, STATUS_INVALID, "%s/%s: the path is too long", dir, name);
    return STATUS_OK;
}

uint64_t file_space(const char *dir, const char *name)
{
    struct statvfs space;
    char path[FILE_PATH_SIZE];
    bool is_known = !file_join(path, dir, name, NULL) && !statvfs(path, &space);
    if (!is_known && statvfs(dir, &space))
        return 0;
    return (uint64_t)space.f_blocks * space.f_frsize;
}
