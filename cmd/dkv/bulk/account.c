#include "dkv/bulk/account.h"

#include "os/clock.h"
#include "os/entropy.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RESERVE_COUNT = 64 * 1024, // records that one journal line allows to be sent
    JOURNAL_SIZE_MAX = 256 * 1024 * 1024,
    REJECTS_BUFFER_SIZE = 64 * 1024,
};

void account_init(struct account *account, const char *journal_path, const char *rejects_path)
{
    *account = (struct account){.journal_path = journal_path,
                                .rejects_path = rejects_path,
                                .journal_fd = -1,
                                .rejects_fd = -1};
}

void account_release(struct account *account)
{
    buf_release(&account->rejects);
}

static enum status append(int fd, struct bytes bytes, const char *path, struct fault *fault)
{
    while (bytes.size) {
        ssize_t size = write(fd, bytes.data, bytes.size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return fault_set(fault, STATUS_IO, "%s: unable to write: %s", path, strerror(errno));
        bytes = bytes_of(bytes.data + size, bytes.size - (size_t)size);
    }
    return STATUS_OK;
}

// ---- rejects ------------------------------------------------------------------------

static enum status flush_rejects(struct account *account, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (account->rejects.size)
        status =
            append(account->rejects_fd, buf_bytes(&account->rejects), account->rejects_path, fault);
    buf_clear(&account->rejects);
    return status;
}

static bool is_same_file(const char *left, const char *right)
{
    struct stat a, b;
    return !stat(left, &a) && !stat(right, &b) && S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

enum status account_check_rejects(const struct account *account, const struct intake *intake,
                                  struct fault *fault)
{
    const char *path = account->rejects_path, *journal = account->journal_path;
    if (!path)
        return STATUS_OK;
    if (journal && (!strcmp(path, journal) || is_same_file(path, journal)))
        return fault_set(fault, STATUS_INVALID, "%s: is the journal, too", path);
    for (uint32_t i = 0; i < intake->path_count; i++) {
        const char *input = intake->paths[i];
        if (is_same_file(path, strcmp(input, "-") ? input : "/dev/stdin"))
            return fault_set(fault, STATUS_INVALID, "%s: is an input, too", path);
    }
    return STATUS_OK;
}

enum status account_open_rejects(struct account *account, const struct intake *intake,
                                 struct fault *fault)
{
    const char *path = account->rejects_path;
    if (!path)
        return STATUS_OK;
    account->rejects_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (account->rejects_fd >= 0 &&
        account_check_rejects(account, intake, fault)) // by another name, and new
        return STATUS_INVALID;
    // An earlier run may have written more behind its last checkpoint; that is written again.
    account->rejects_size = account->journal.position.rejects_size;
    if (account->rejects_fd < 0 ||
        (ftruncate(account->rejects_fd, (off_t)account->rejects_size) && errno != EINVAL))
        return fault_set(fault, STATUS_INVALID, "%s: unable to open: %s", path, strerror(errno));
    return STATUS_OK;
}

enum status account_reject(struct account *account, struct bytes raw, bool is_end,
                           struct fault *fault)
{
    enum status status = STATUS_OK;
    if (account->rejects_fd < 0)
        return STATUS_OK;
    account->rejects_size += raw.size;
    if (account->rejects.size + raw.size > REJECTS_BUFFER_SIZE)
        status = flush_rejects(account, fault);
    if (raw.size <= REJECTS_BUFFER_SIZE)
        buf_append(&account->rejects, raw);
    else if (!status)
        status = append(account->rejects_fd, raw, account->rejects_path, fault);
    if (is_end && raw.size && raw.data[raw.size - 1] != '\n') {
        buf_append_u8(&account->rejects, '\n');
        account->rejects_size++;
    }
    return status;
}

// ---- the journal --------------------------------------------------------------------

enum status account_open_journal(struct account *account, const struct journal_input *input,
                                 struct fault *fault)
{
    const char *path = account->journal_path;
    struct buf text = {0};
    enum status status = STATUS_OK;
    if (!file_exists(path)) {
        uint64_t id[2] = {entropy_u64(), entropy_u64()};
        journal_init(&account->journal, id, input, &text);
        // EXISTS: another load was quicker; its journal is read below.
        status = file_write(path, FILE_MODE_ANY, true, buf_bytes(&text), fault);
        if (status == STATUS_EXISTS)
            status = STATUS_OK;
    }
    buf_clear(&text);
    account->journal_fd = status ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (!status && account->journal_fd < 0)
        status = fault_set(fault, STATUS_INVALID, "%s: unable to open: %s", path, strerror(errno));
    else if (!status && flock(account->journal_fd, LOCK_EX | LOCK_NB))
        status = fault_set(fault, STATUS_INVALID, "%s: another load uses it", path);
    if (!status)
        status = file_status(file_read(path, JOURNAL_SIZE_MAX, &text, fault));
    if (!status)
        status = journal_parse(&account->journal, input, buf_bytes(&text), fault);
    if (!status && ftruncate(account->journal_fd, (off_t)account->journal.size))
        status = fault_set(fault, STATUS_IO, "%s: unable to truncate: %s", path, strerror(errno));
    buf_release(&text);
    account->retry_before = account->journal.position.reserved;
    return status;
}

enum status account_request_id(struct account *account, uint64_t record, struct request_id standard,
                               struct request_id *id, struct fault *fault)
{
    *id = standard;
    if (account->journal_fd < 0)
        return STATUS_OK;
    *id = journal_request_id(&account->journal, record);
    if (record < account->journal.position.reserved)
        return STATUS_OK;
    account->journal.position.reserved = record + RESERVE_COUNT;
    return account_checkpoint(account, clock_mono_ms(), fault);
}

void account_settle(struct account *account, uint64_t record, uint64_t offset, bool is_rejected)
{
    struct journal_position *position = &account->journal.position;
    *(is_rejected ? &position->rejected : &position->loaded) += 1;
    position->record = record;
    position->offset = offset;
    position->rejects_size = account->rejects_size;
}

enum status account_checkpoint(struct account *account, uint64_t now_ms, struct fault *fault)
{
    struct journal_position *position = &account->journal.position;
    account->noted_ms = now_ms;
    if (position->record == account->noted_record && position->reserved == account->noted_reserved)
        return STATUS_OK;
    account->noted_record = position->record;
    account->noted_reserved = position->reserved;
    enum status status = flush_rejects(account, fault);
    if (status || account->journal_fd < 0)
        return status;
    if (account->rejects_fd >= 0 && fdatasync(account->rejects_fd) && errno != EINVAL)
        return fault_set(fault, STATUS_IO, "%s: unable to sync: %s", account->rejects_path,
                         strerror(errno));
    struct buf line = {0};
    position->wall_ms = clock_wall_ms();
    journal_format(position, &line);
    status = append(account->journal_fd, buf_bytes(&line), account->journal_path, fault);
    buf_release(&line);
    if (!status && fdatasync(account->journal_fd))
        status = fault_set(fault, STATUS_IO, "%s: unable to sync: %s", account->journal_path,
                           strerror(errno));
    return status;
}
