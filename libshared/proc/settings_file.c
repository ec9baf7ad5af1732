#include "proc/settings_file.h"

#include "os/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SETTINGS_FILE_SIZE_MAX = 64 * 1024 };

static enum status refuse_file(const char *path, struct fault *fault)
{
    if (errno == ENOENT)
        return fault_set(fault, STATUS_NOT_FOUND, "%s: %s ('dkv init' writes it)", path,
                         strerror(errno));
    return owner_fault(path, fault);
}

enum status settings_file_read(const char *path, struct buf *text, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refuse_file(path, fault);
    ssize_t got = read(fd, buf_grow(text, SETTINGS_FILE_SIZE_MAX), SETTINGS_FILE_SIZE_MAX);
    enum status status = STATUS_OK;
    if (got < 0)
        status = fault_set(fault, STATUS_IO, "%s: %s", path, strerror(errno));
    if (got == SETTINGS_FILE_SIZE_MAX)
        status = fault_set(fault, STATUS_INVALID, "%s: too long", path);
    close(fd);
    text->size = got < 0 ? 0 : (size_t)got;
    return status;
}
