#include "lsm/log/segment.h"

#include "unit/unit.h"

#include "disk/memory_vfs.h"
#include "lsm/file/frame.h"

static struct memory_vfs disk;
static struct fault fault;
static struct vfs below; // what the disk does itself
static uint64_t unsynced_size, unsynced_size_max;

static enum status count_write(struct vfs *vfs, struct vfs_file *file, uint64_t offset,
                               struct bytes bytes, struct fault *why)
{
    unsynced_size += bytes.size;
    if (unsynced_size_max < unsynced_size)
        unsynced_size_max = unsynced_size;
    return below.write(vfs, file, offset, bytes, why);
}

static enum status count_sync(struct vfs *vfs, struct vfs_file *file, struct fault *why)
{
    unsynced_size = 0;
    return below.sync(vfs, file, why);
}

// A sync of the log that comes meanwhile has to wait for what the disk was given before.
TEST(zeros_of_a_segment_reach_the_disk_a_mebibyte_at_a_time)
{
    struct segment segment = {.number = 2, .size = 8 << 20, .is_prewritten = true};
    memory_vfs_init(&disk);
    assert_int_equal(disk.vfs.make_dir(&disk.vfs, "db", &fault), STATUS_OK);
    below = disk.vfs;
    disk.vfs.write = count_write;
    disk.vfs.sync = count_sync;
    assert_int_equal(segment_prepare(&segment, &disk.vfs, "db", 42, 0, &fault), STATUS_OK);
    assert_in_range(unsynced_size_max, 1 << 20, (1 << 20) + FRAME_START);
    segment_close(&segment, &disk.vfs);
    memory_vfs_release(&disk);
}
