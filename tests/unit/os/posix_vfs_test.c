// The real file system, as base/vfs.h promises it.
#include "unit/unit.h"

#include "base/buf.h"
#include "os/posix_vfs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct posix_vfs posix;
static struct vfs *vfs = &posix.vfs;
static char dir[] = "/tmp/posix_vfs_test.XXXXXX";

// A path in the directory of the test; four may be in use at once.
static const char *path_of(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static int dir_make(void **state)
{
    (void)state;
    posix_vfs_init(&posix);
    return mkdtemp(dir) ? 0 : -1;
}

static void each_remove(void *context, const char *name)
{
    (void)context;
    unlink(path_of(name));
}

static int dir_remove(void **state)
{
    (void)state;
    enum status status = vfs->list(vfs, dir, each_remove, NULL, NULL);
    return status || rmdir(dir) ? -1 : 0;
}

static struct vfs_file *file_open(const char *name, int flags)
{
    struct vfs_file *file = NULL;
    assert_int_equal(vfs->open(vfs, path_of(name), flags, &file, NULL), STATUS_OK);
    return file;
}

TEST(what_is_written_is_read_back_up_to_the_end)
{
    char data[16] = {0};
    size_t size_read = 0;
    uint64_t size = 0;
    struct vfs_file *file = file_open("a", VFS_WRITE | VFS_CREATE);
    assert_int_equal(vfs->write(vfs, file, 3, bytes_of_text("hello"), NULL), STATUS_OK);
    assert_int_equal(vfs->sync(vfs, file, NULL), STATUS_OK);
    assert_int_equal(vfs->sync_dir(vfs, dir, NULL), STATUS_OK);
    assert_int_equal(vfs->size(vfs, file, &size, NULL), STATUS_OK);
    assert_int_equal(size, 8);
    assert_int_equal(vfs->read(vfs, file, 1, data, sizeof data, &size_read, NULL), STATUS_OK);
    assert_int_equal(size_read, 7);
    assert_memory_equal(data, "\0\0hello", 7);
    assert_int_equal(vfs->read(vfs, file, 100, data, sizeof data, &size_read, NULL), STATUS_OK);
    assert_int_equal(size_read, 0);
    vfs->advise(vfs, file, 0, 8, false);
    vfs->close(vfs, file);
}

// A file system that keeps nothing elsewhere is never cold.
TEST(what_was_read_can_be_read_without_waiting)
{
    char data[5] = {0};
    size_t size_read = 0;
    struct vfs_file *file = file_open("a", VFS_WRITE | VFS_CREATE);
    assert_int_equal(vfs->write(vfs, file, 0, bytes_of_text("12345678"), NULL), STATUS_OK);
    assert_int_equal(vfs->sync(vfs, file, NULL), STATUS_OK);
    vfs->advise(vfs, file, 0, 8, false);
    assert_int_equal(vfs->read(vfs, file, 3, data, 5, &size_read, NULL), STATUS_OK);
    memset(data, 0, sizeof data);
    assert_true(vfs->read_cached(vfs, file, 3, data, 5));
    assert_memory_equal(data, "45678", 5);
    assert_false(vfs->read_cached(vfs, file, 4, data, 5)); // it ends before
    assert_false(vfs->read_cached(vfs, file, 100, data, 5));
    vfs->close(vfs, file);
}

TEST(what_is_stored_in_mapped_memory_is_in_the_file)
{
    enum { SIZE = 64 << 10 };
    static const uint8_t zeros[SIZE];
    char data[5];
    size_t size_read = 0;
    struct vfs_file *file = file_open("map", VFS_WRITE | VFS_CREATE);
    assert_int_equal(vfs->write(vfs, file, 0, bytes_of(zeros, SIZE), NULL), STATUS_OK);
    uint8_t *memory = vfs->map(vfs, file, SIZE);
    assert_non_null(memory);
    memcpy(memory + 4094, "hello", 5);
    assert_int_equal(vfs->read(vfs, file, 4094, data, 5, &size_read, NULL), STATUS_OK);
    assert_memory_equal(data, "hello", 5);
    assert_int_equal(vfs->write(vfs, file, 7, bytes_of_text("dkv"), NULL), STATUS_OK);
    assert_memory_equal(memory + 7, "dkv", 3);
    assert_int_equal(vfs->sync(vfs, file, NULL), STATUS_OK);
    vfs->unmap(vfs, file, memory, SIZE);
    assert_int_equal(vfs->read(vfs, file, 4094, data, 5, &size_read, NULL), STATUS_OK);
    assert_memory_equal(data, "hello", 5);
    vfs->close(vfs, file);
    // Nobody may store there.
    file = file_open("map", VFS_READ);
    assert_null(vfs->map(vfs, file, SIZE));
    vfs->close(vfs, file);
}

TEST(a_missing_file_is_not_found_and_the_fault_says_so)
{
    struct fault fault = {0};
    struct vfs_file *file = NULL;
    char expected[512];
    assert_int_equal(vfs->open(vfs, path_of("none"), VFS_READ, &file, &fault), STATUS_NOT_FOUND);
    snprintf(expected, sizeof expected, "%s: unable to open: No such file or directory",
             path_of("none"));
    assert_string_equal(fault.text, expected);
    assert_int_equal(vfs->remove(vfs, path_of("none"), NULL), STATUS_NOT_FOUND);
}

TEST(exclusive_creation_happens_once)
{
    struct vfs_file *file = file_open("once", VFS_WRITE | VFS_CREATE | VFS_EXCLUSIVE);
    vfs->close(vfs, file);
    assert_int_equal(
        vfs->open(vfs, path_of("once"), VFS_WRITE | VFS_CREATE | VFS_EXCLUSIVE, &file, NULL),
        STATUS_EXISTS);
}

TEST(a_full_disk_is_told_from_a_broken_one)
{
    struct fault fault = {0};
    struct vfs_file *file = NULL;
    assert_int_equal(vfs->open(vfs, "/dev/full", VFS_WRITE, &file, NULL), STATUS_OK);
    assert_int_equal(vfs->write(vfs, file, 0, bytes_of_text("x"), &fault), STATUS_DISK_FULL);
    assert_string_equal(fault.text, "/dev/full: unable to write: No space left on device");
    vfs->close(vfs, file);

    // A limit on file size writes a part and then fails.
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 4, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    file = file_open("big", VFS_WRITE | VFS_CREATE);
    assert_int_equal(vfs->write(vfs, file, 0, bytes_of_text("12345678"), NULL), STATUS_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    vfs->close(vfs, file);
}

TEST(a_process_without_descriptors_is_told_from_a_broken_disk)
{
    enum { MANY = 64, FLAGS = VFS_WRITE | VFS_CREATE };
    struct vfs_file *files[MANY];
    struct fault fault;
    struct rlimit before;
    unsigned count = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){MANY, before.rlim_max}), 0);
    enum status status = STATUS_OK;
    while (count < MANY && !status) {
        status = vfs->open(vfs, path_of("many"), FLAGS, &files[count], &fault);
        count += !status;
    }
    assert_int_equal(status, STATUS_EXHAUSTED);
    assert_non_null(strstr(fault.text, "many: unable to open"));
    assert_int_equal(vfs->sync_dir(vfs, dir, &fault), STATUS_EXHAUSTED);
    while (count)
        vfs->close(vfs, files[--count]);
    assert_int_equal(vfs->sync_dir(vfs, dir, &fault), STATUS_OK);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(a_lock_excludes_until_it_is_closed)
{
    struct fault fault = {0};
    struct vfs_file *first = NULL, *second = NULL;
    assert_int_equal(vfs->lock(vfs, path_of("LOCK"), &first, NULL), STATUS_OK);
    assert_int_equal(vfs->lock(vfs, path_of("LOCK"), &second, &fault), STATUS_LOCKED);
    assert_non_null(strstr(fault.text, "LOCK: unable to lock: "));
    vfs->close(vfs, first);
    assert_int_equal(vfs->lock(vfs, path_of("LOCK"), &second, NULL), STATUS_OK);
    vfs->close(vfs, second);
}

static void each_collect(void *context, const char *name)
{
    buf_printf(context, "<%s>", name);
}

TEST(names_are_created_linked_renamed_listed_and_removed)
{
    struct buf names = {0};
    vfs->close(vfs, file_open("one", VFS_WRITE | VFS_CREATE));
    assert_int_equal(vfs->link(vfs, path_of("one"), path_of("two"), NULL), STATUS_OK);
    assert_int_equal(vfs->link(vfs, path_of("one"), path_of("two"), NULL), STATUS_EXISTS);
    assert_int_equal(vfs->rename(vfs, path_of("one"), path_of("six"), NULL), STATUS_OK);
    assert_int_equal(vfs->list(vfs, dir, each_collect, &names, NULL), STATUS_OK);
    assert_null(strstr(buf_text(&names), "<one>"));
    assert_non_null(strstr(buf_text(&names), "<two>"));
    assert_non_null(strstr(buf_text(&names), "<six>"));
    assert_null(strstr(buf_text(&names), "<.>"));
    assert_int_equal(vfs->remove(vfs, path_of("six"), NULL), STATUS_OK);
    assert_int_equal(vfs->remove(vfs, path_of("two"), NULL), STATUS_OK);
    buf_release(&names);
}

TEST(a_directory_that_is_there_is_fine_but_a_file_of_that_name_is_not)
{
    assert_int_equal(vfs->make_dir(vfs, path_of("sub"), NULL), STATUS_OK);
    assert_int_equal(vfs->make_dir(vfs, path_of("sub"), NULL), STATUS_OK);
    assert_int_equal(rmdir(path_of("sub")), 0);
    vfs->close(vfs, file_open("file", VFS_WRITE | VFS_CREATE));
    assert_int_equal(vfs->make_dir(vfs, path_of("file"), NULL), STATUS_EXISTS);
    assert_int_equal(vfs->sync_dir(vfs, path_of("none"), NULL), STATUS_NOT_FOUND);
}

TEST(there_is_space)
{
    uint64_t free_bytes = 0;
    assert_int_equal(vfs->space(vfs, dir, &free_bytes, NULL), STATUS_OK);
    assert_true(free_bytes > 0);
}

int main(void)
{
    return unit_run(dir_make, dir_remove);
}
