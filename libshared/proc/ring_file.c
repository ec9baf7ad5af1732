#include "proc/ring_file.h"

#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { READ_SIZE = 65536, MODE = 0644 };

enum status ring_file_read(const char *dir, const char *name, struct buf *out)
{
    char path[FILE_PATH_SIZE];
    if (file_join(path, dir, name, NULL))
        return STATUS_IO;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    ssize_t size = 1;
    while (size > 0) {
        size = read(fd, buf_grow(out, READ_SIZE), READ_SIZE);
        out->size -= READ_SIZE - (size_t)(size > 0 ? size : 0);
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return size ? STATUS_IO : STATUS_OK;
}

enum status ring_file_write(const char *dir, const char *name, struct bytes content,
                            struct fault *fault)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, dir, name, fault);
    return status ? status : file_write(path, MODE, false, content, fault);
}
