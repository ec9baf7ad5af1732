#include "os/secret_file.h"

#include "os/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status refuse_owner(const char *path, uid_t owner, struct fault *fault)
{
    struct buf theirs = {0}, ours = {0};
    owner_name(owner, &theirs);
    owner_name(geteuid(), &ours);
    fault_set(fault, STATUS_REFUSED, "%s: belongs to user %s, not to %s (chown %s: %s)", path,
              buf_text(&theirs), buf_text(&ours), buf_text(&ours), path);
    buf_release(&theirs);
    buf_release(&ours);
    return STATUS_REFUSED;
}

static enum status refuse_open(const char *path, struct fault *fault)
{
    if (errno == ELOOP)
        return fault_set(fault, STATUS_REFUSED, "%s: is a symbolic link", path);
    return owner_fault(path, fault);
}

static enum status check_file(const char *path, int fd, bool secret, struct fault *fault)
{
    struct stat stat_now;
    if (fstat(fd, &stat_now))
        return fault_set(fault, STATUS_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(stat_now.st_mode))
        return fault_set(fault, STATUS_REFUSED, "%s: not a regular file", path);
    if (!secret)
        return STATUS_OK;
    if (stat_now.st_uid != geteuid())
        return refuse_owner(path, stat_now.st_uid, fault);
    if (stat_now.st_mode & (S_IRWXG | S_IRWXO))
        return fault_set(fault, STATUS_REFUSED,
                         "%s: open to others, mode %04o; a secret has mode 0600", path,
                         (unsigned)stat_now.st_mode & 07777);
    return STATUS_OK;
}

// The room for it never moves, so a secret is in one place.
static enum status read_whole(const char *path, int fd, size_t size_max, struct buf *out,
                              struct fault *fault)
{
    buf_reserve(out, size_max + 1);
    for (;;) {
        ssize_t got = read(fd, out->data + out->size, size_max + 1 - out->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_set(fault, STATUS_IO, "%s: %s", path, strerror(errno));
        out->size += (size_t)got;
        if (out->size > size_max)
            return fault_set(fault, STATUS_INVALID, "%s: too long for a key file", path);
        if (got == 0)
            return STATUS_OK;
    }
}

enum status secret_file_read(const char *path, bool secret, size_t size_max, struct buf *out,
                             struct fault *fault)
{
    // NONBLOCK: a FIFO in place of the file must not hang us.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refuse_open(path, fault);
    enum status status = check_file(path, fd, secret, fault);
    if (!status)
        status = read_whole(path, fd, size_max, out, fault);
    close(fd);
    if (status)
        secret_file_release(out);
    return status;
}

static enum status sync_directory(const char *path, struct fault *fault)
{
    char directory[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path) + 1, path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd);
    if (failed)
        fault_set(fault, STATUS_IO, "%s: %s", directory, strerror(errno));
    if (fd >= 0)
        close(fd);
    return failed ? STATUS_IO : STATUS_OK;
}

enum status secret_file_begin(struct secret_file *file, const char *path, bool secret,
                              struct fault *fault)
{
    file->path = path;
    if (snprintf(file->temporary, sizeof file->temporary, "%s.%ld", path, (long)getpid()) >=
        (int)sizeof file->temporary)
        return fault_set(fault, STATUS_INVALID, "a path is too long");
    file->fd = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    secret ? 0600 : 0644);
    if (file->fd < 0)
        return fault_set(fault, STATUS_IO, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

enum status secret_file_look(const struct secret_file *file, size_t size_max, struct buf *out,
                             struct fault *fault)
{
    enum status status = lseek(file->fd, 0, SEEK_SET)
                             ? fault_set(fault, STATUS_IO, "%s: %s", file->path, strerror(errno))
                             : read_whole(file->path, file->fd, size_max, out, fault);
    if (status)
        secret_file_release(out);
    return status;
}

void secret_file_drop(struct secret_file *file)
{
    close(file->fd);
    unlink(file->temporary);
}

// link() never replaces what is there, rename() does.
enum status secret_file_put(struct secret_file *file, bool may_replace, struct fault *fault)
{
    int (*move)(const char *, const char *) = may_replace ? rename : link;
    enum status status = STATUS_OK;
    if (fsync(file->fd))
        status =
            fault_set(fault, STATUS_IO, "%s: cannot be written: %s", file->path, strerror(errno));
    else if (move(file->temporary, file->path))
        status = fault_set(fault, errno == EEXIST ? STATUS_EXISTS : STATUS_IO, "%s: %s", file->path,
                           strerror(errno));
    secret_file_drop(file);
    return status ? status : sync_directory(file->path, fault);
}

enum status secret_file_replace(const char *path, bool secret, struct bytes content,
                                struct fault *fault)
{
    struct secret_file file;
    enum status status = secret_file_begin(&file, path, secret, fault);
    if (status)
        return status;
    if (write(file.fd, content.data, content.size) == (ssize_t)content.size)
        return secret_file_put(&file, true, fault);
    status = fault_set(fault, STATUS_IO, "%s: cannot be written: %s", path, strerror(errno));
    secret_file_drop(&file);
    return status;
}

void secret_file_release(struct buf *content)
{
    if (content->data)
        explicit_bzero(content->data, content->capacity);
    buf_release(content);
}
