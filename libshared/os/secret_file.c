#include "os/secret_file.h"

#include "os/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

static enum status write_new(const char *path, mode_t mode, struct bytes text, struct fault *fault)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return fault_set(fault, STATUS_IO, "%s: %s", path, strerror(errno));
    enum status status = STATUS_OK;
    if (write(fd, text.data, text.size) != (ssize_t)text.size || fsync(fd))
        status = fault_set(fault, STATUS_IO, "%s: cannot be written: %s", path, strerror(errno));
    close(fd);
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

// `move` is link(), which never replaces what is there, or rename().
static enum status write_whole(const char *path, bool secret, struct bytes content,
                               int (*move)(const char *, const char *), struct fault *fault)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >=
        (int)sizeof temporary)
        return fault_set(fault, STATUS_INVALID, "a path is too long");
    enum status status = write_new(temporary, secret ? 0600 : 0644, content, fault);
    if (!status && move(temporary, path))
        status = fault_set(fault, errno == EEXIST ? STATUS_EXISTS : STATUS_IO, "%s: %s", path,
                           strerror(errno));
    unlink(temporary);
    return status ? status : sync_directory(path, fault);
}

enum status secret_file_create(const char *path, bool secret, struct bytes content,
                               struct fault *fault)
{
    return write_whole(path, secret, content, link, fault);
}

enum status secret_file_replace(const char *path, bool secret, struct bytes content,
                                struct fault *fault)
{
    return write_whole(path, secret, content, rename, fault);
}

void secret_file_release(struct buf *content)
{
    if (content->data)
        explicit_bzero(content->data, content->capacity);
    buf_release(content);
}
