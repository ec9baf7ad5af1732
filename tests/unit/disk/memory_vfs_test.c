// The disk in memory loses what it may lose, and nothing else.
#include "unit/unit.h"

#include "disk/memory_vfs_damage.h"

static struct memory_vfs disk;
static struct random dice;

static void disk_init(void)
{
    memory_vfs_init(&disk);
    random_init(&dice, 3);
    assert_int_equal(disk.vfs.make_dir(&disk.vfs, "db", NULL), STATUS_OK);
    assert_int_equal(disk.vfs.sync_dir(&disk.vfs, ".", NULL), STATUS_OK);
}

static struct vfs_file *file_open(const char *path, int flags)
{
    struct vfs_file *file = NULL;
    struct fault fault = {0};
    assert_int_equal(disk.vfs.open(&disk.vfs, path, flags, &file, &fault), STATUS_OK);
    return file;
}

static enum status file_write(struct vfs_file *file, uint64_t offset, const char *text)
{
    return disk.vfs.write(&disk.vfs, file, offset, bytes_of_text(text), NULL);
}

static void file_close(struct vfs_file *file)
{
    disk.vfs.close(&disk.vfs, file);
}

static void assert_content(const char *path, const char *text)
{
    struct buf content = {0};
    memory_vfs_load(&disk, path, &content);
    assert_string_equal(buf_text(&content), text);
    buf_release(&content);
}

TEST(a_synced_file_in_a_synced_directory_survives)
{
    disk_init();
    struct vfs_file *file = file_open("db/a", VFS_WRITE | VFS_CREATE);
    assert_int_equal(file_write(file, 0, "hello"), STATUS_OK);
    assert_int_equal(disk.vfs.sync(&disk.vfs, file, NULL), STATUS_OK);
    assert_int_equal(disk.vfs.sync_dir(&disk.vfs, "db", NULL), STATUS_OK);
    assert_int_equal(file_write(file, 5, " there"), STATUS_OK);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &dice);
    file_close(file);
    assert_content("db/a", "hello");
    memory_vfs_release(&disk);
}

TEST(what_is_stored_in_mapped_memory_is_a_write_like_others)
{
    static const uint8_t zeros[2048];
    struct buf content = {0};
    disk_init();
    struct vfs_file *file = file_open("db/a", VFS_WRITE | VFS_CREATE);
    assert_int_equal(disk.vfs.write(&disk.vfs, file, 0, bytes_of(zeros, sizeof zeros), NULL),
                     STATUS_OK);
    assert_int_equal(disk.vfs.sync_dir(&disk.vfs, "db", NULL), STATUS_OK);
    uint8_t *memory = disk.vfs.map(&disk.vfs, file, sizeof zeros);
    memcpy(memory, "synced", 6);
    assert_int_equal(disk.vfs.sync(&disk.vfs, file, NULL), STATUS_OK);
    uint64_t before = disk.change_count;
    memcpy(memory + 700, "killed", 6);
    memory_vfs_look(&disk);
    assert_int_equal(disk.change_count, before + 1);
    assert_int_equal(file_write(file, 1500, "written"), STATUS_OK);
    assert_memory_equal(memory + 1500, "written", 7);
    memory_vfs_kill(&disk);
    memcpy(memory + 1600, "too late", 8);
    disk.vfs.unmap(&disk.vfs, file, memory, sizeof zeros);
    file_close(file);
    memory_vfs_load(&disk, "db/a", &content);
    assert_memory_equal(content.data + 700, "killed", 6);
    assert_memory_equal(content.data + 1600, zeros, 8);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &dice);
    memory_vfs_load(&disk, "db/a", &content);
    assert_memory_equal(content.data, "synced", 6);
    assert_memory_equal(content.data + 700, zeros, 6);
    buf_release(&content);
    memory_vfs_release(&disk);
}

TEST(a_synced_file_without_a_synced_name_is_lost)
{
    disk_init();
    struct vfs_file *file = file_open("db/a", VFS_WRITE | VFS_CREATE);
    assert_int_equal(disk.vfs.sync(&disk.vfs, file, NULL), STATUS_OK);
    file_close(file);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &dice);
    assert_false(memory_vfs_has(&disk, "db/a"));
    memory_vfs_release(&disk);
}

TEST(an_unsynced_rename_leaves_the_old_or_the_new_name)
{
    bool seen_old = false, seen_new = false;
    for (int i = 0; i < 64; i++) {
        disk_init();
        random_init(&dice, (uint64_t)i);
        memory_vfs_store(&disk, "db/old", bytes_of_text("x"));
        assert_int_equal(disk.vfs.rename(&disk.vfs, "db/old", "db/new", NULL), STATUS_OK);
        memory_vfs_crash(&disk, MEMORY_VFS_RANDOM, &dice);
        bool has_old = memory_vfs_has(&disk, "db/old");
        assert_true(has_old != memory_vfs_has(&disk, "db/new"));
        seen_old = seen_old || has_old;
        seen_new = seen_new || !has_old;
        memory_vfs_release(&disk);
    }
    assert_true(seen_old && seen_new);
}

TEST(unsynced_sectors_survive_independently)
{
    enum { SECTORS = 9 };
    bool hole = false, whole = false;
    for (int i = 0; i < 64; i++) {
        uint8_t data[SECTORS * 512];
        memset(data, 'x', sizeof data);
        disk_init();
        random_init(&dice, (uint64_t)i);
        memory_vfs_store(&disk, "db/a", bytes_of_text(""));
        struct vfs_file *file = file_open("db/a", VFS_WRITE);
        assert_int_equal(disk.vfs.write(&disk.vfs, file, 0, bytes_of(data, sizeof data), NULL),
                         STATUS_OK);
        file_close(file);
        memory_vfs_crash(&disk, MEMORY_VFS_RANDOM, &dice);
        struct buf content = {0};
        memory_vfs_load(&disk, "db/a", &content);
        bool missing = false;
        for (size_t at = 0; at + 512 <= content.size; at += 512) {
            bool kept = content.data[at] == 'x';
            for (size_t k = at; k < at + 512; k++)
                assert_int_equal(content.data[k], kept ? 'x' : 0);
            hole = hole || (kept && missing);
            missing = missing || !kept;
        }
        whole = whole || (content.size == sizeof data && !missing);
        buf_release(&content);
        memory_vfs_release(&disk);
    }
    assert_true(hole);
    assert_true(whole);
}

TEST(a_prefix_never_has_a_later_change_without_an_earlier_one)
{
    for (int i = 0; i < 64; i++) {
        disk_init();
        random_init(&dice, (uint64_t)i);
        memory_vfs_store(&disk, "db/a", bytes_of_text("0"));
        memory_vfs_store(&disk, "db/b", bytes_of_text("0"));
        struct vfs_file *a = file_open("db/a", VFS_WRITE);
        struct vfs_file *b = file_open("db/b", VFS_WRITE);
        assert_int_equal(file_write(a, 0, "1"), STATUS_OK);
        assert_int_equal(file_write(b, 0, "1"), STATUS_OK);
        memory_vfs_crash(&disk, MEMORY_VFS_PREFIX, &dice);
        struct buf content_a = {0}, content_b = {0};
        memory_vfs_load(&disk, "db/a", &content_a);
        memory_vfs_load(&disk, "db/b", &content_b);
        assert_true(content_a.data[0] >= content_b.data[0]);
        buf_release(&content_a);
        buf_release(&content_b);
        file_close(a);
        file_close(b);
        memory_vfs_release(&disk);
    }
}

TEST(the_latest_change_may_survive_without_those_before)
{
    disk_init();
    struct vfs_file *file = file_open("db/a", VFS_WRITE | VFS_CREATE);
    assert_int_equal(file_write(file, 0, "1"), STATUS_OK);
    assert_int_equal(file_write(file, 512, "2"), STATUS_OK);
    assert_int_equal(disk.vfs.link(&disk.vfs, "db/a", "db/b", NULL), STATUS_OK);
    file_close(file);
    memory_vfs_crash(&disk, MEMORY_VFS_LATEST, &dice);
    assert_false(memory_vfs_has(&disk, "db/a"));
    struct buf content = {0};
    memory_vfs_load(&disk, "db/b", &content);
    assert_int_equal(content.size, 513);
    assert_int_equal(content.data[0], 0);
    assert_int_equal(content.data[512], '2');
    buf_release(&content);
    memory_vfs_release(&disk);
}

TEST(only_the_last_write_is_torn)
{
    bool torn = false;
    for (int i = 0; i < 32; i++) {
        uint8_t data[2048];
        memset(data, 'x', sizeof data);
        disk_init();
        random_init(&dice, (uint64_t)i);
        memory_vfs_store(&disk, "db/a", bytes_of_text(""));
        struct vfs_file *file = file_open("db/a", VFS_WRITE);
        assert_int_equal(disk.vfs.write(&disk.vfs, file, 0, bytes_of(data, 2048), NULL), STATUS_OK);
        assert_int_equal(disk.vfs.write(&disk.vfs, file, 2048, bytes_of(data, 2048), NULL),
                         STATUS_OK);
        file_close(file);
        memory_vfs_crash(&disk, MEMORY_VFS_TORN, &dice);
        struct buf content = {0};
        memory_vfs_load(&disk, "db/a", &content);
        assert_true(content.size >= 2048);
        assert_memory_equal(content.data, data, 2048);
        torn = torn || content.size < 4096 || content.data[2048] == 0;
        buf_release(&content);
        memory_vfs_release(&disk);
    }
    assert_true(torn);
}

TEST(a_killed_process_loses_nothing_until_the_power_goes)
{
    disk_init();
    memory_vfs_store(&disk, "db/a", bytes_of_text(""));
    struct vfs_file *file = file_open("db/a", VFS_WRITE);
    assert_int_equal(file_write(file, 0, "late"), STATUS_OK);
    memory_vfs_kill(&disk);
    assert_content("db/a", "late");
    assert_int_equal(file_write(file, 0, "dead"), STATUS_IO);
    file_close(file);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &dice);
    assert_content("db/a", "");
    memory_vfs_release(&disk);
}

TEST(a_lock_excludes_until_it_is_closed_or_the_process_dies)
{
    disk_init();
    struct vfs_file *first = NULL, *second = NULL, *third = NULL;
    assert_int_equal(disk.vfs.lock(&disk.vfs, "db/LOCK", &first, NULL), STATUS_OK);
    assert_int_equal(disk.vfs.lock(&disk.vfs, "db/LOCK", &second, NULL), STATUS_LOCKED);
    memory_vfs_kill(&disk);
    assert_int_equal(disk.vfs.lock(&disk.vfs, "db/LOCK", &second, NULL), STATUS_OK);
    file_close(first);
    assert_int_equal(disk.vfs.lock(&disk.vfs, "db/LOCK", &third, NULL), STATUS_LOCKED);
    file_close(second);
    assert_int_equal(disk.vfs.lock(&disk.vfs, "db/LOCK", &third, NULL), STATUS_OK);
    file_close(third);
    memory_vfs_release(&disk);
}

TEST(after_a_failed_sync_a_later_one_makes_only_later_writes_durable)
{
    disk_init();
    disk.random.state[0] = 5;
    bool lost = false;
    for (int i = 0; i < 64 && !lost; i++) {
        memory_vfs_store(&disk, "db/a", bytes_of_text("0"));
        struct vfs_file *file = file_open("db/a", VFS_WRITE);
        assert_int_equal(file_write(file, 0, "1"), STATUS_OK);
        memory_vfs_fail(&disk, MEMORY_VFS_SYNC, 0, STATUS_IO, false);
        assert_int_equal(disk.vfs.sync(&disk.vfs, file, NULL), STATUS_IO);
        assert_content("db/a", "1");
        assert_int_equal(file_write(file, 512, "2"), STATUS_OK);
        assert_int_equal(disk.vfs.sync(&disk.vfs, file, NULL), STATUS_OK);
        file_close(file);
        memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &dice);
        struct buf content = {0};
        memory_vfs_load(&disk, "db/a", &content);
        assert_int_equal(content.size, 513);
        assert_int_equal(content.data[512], '2');
        lost = content.data[0] == '0';
        buf_release(&content);
    }
    assert_true(lost);
    memory_vfs_release(&disk);
}

TEST(a_full_disk_refuses_and_has_room_again_after_a_remove)
{
    disk_init();
    struct fault fault = {0};
    memory_vfs_store(&disk, "db/a", bytes_of_text("12345678"));
    disk.capacity = 10;
    struct vfs_file *file = file_open("db/b", VFS_WRITE | VFS_CREATE);
    assert_int_equal(disk.vfs.write(&disk.vfs, file, 0, bytes_of_text("123"), &fault),
                     STATUS_DISK_FULL);
    assert_string_equal(fault.text, "db/b: unable to write: No space left on device");
    assert_int_equal(disk.vfs.remove(&disk.vfs, "db/a", NULL), STATUS_OK);
    assert_int_equal(file_write(file, 0, "123"), STATUS_OK);
    uint64_t free_bytes = 0;
    assert_int_equal(disk.vfs.space(&disk.vfs, "db", &free_bytes, NULL), STATUS_OK);
    assert_int_equal(free_bytes, 7);
    file_close(file);
    memory_vfs_release(&disk);
}

TEST(the_planned_call_fails_once_or_for_ever)
{
    disk_init();
    memory_vfs_store(&disk, "db/a", bytes_of_text("12"));
    struct vfs_file *file = file_open("db/a", VFS_WRITE);
    memory_vfs_fail(&disk, MEMORY_VFS_WRITE, 1, STATUS_IO, false);
    assert_int_equal(file_write(file, 0, "1"), STATUS_OK);
    assert_int_equal(file_write(file, 0, "2"), STATUS_IO);
    assert_int_equal(file_write(file, 0, "3"), STATUS_OK);
    memory_vfs_fail(&disk, MEMORY_VFS_WRITE, 0, STATUS_IO, true);
    assert_int_equal(file_write(file, 0, "4"), STATUS_IO);
    assert_int_equal(file_write(file, 0, "5"), STATUS_IO);
    assert_int_equal(disk.fault_count, 3);
    file_close(file);
    memory_vfs_release(&disk);
}

TEST(when_the_power_is_off_everything_fails)
{
    disk_init();
    struct vfs_file *file = file_open("db/a", VFS_WRITE | VFS_CREATE);
    memory_vfs_power_off_after(&disk, 1);
    assert_int_equal(file_write(file, 0, "1"), STATUS_OK);
    assert_int_equal(file_write(file, 0, "2"), STATUS_IO);
    assert_int_equal(disk.vfs.sync(&disk.vfs, file, NULL), STATUS_IO);
    assert_int_equal(disk.vfs.remove(&disk.vfs, "db/a", NULL), STATUS_IO);
    file_close(file);
    memory_vfs_crash(&disk, MEMORY_VFS_KEEP_ALL, &dice);
    assert_content("db/a", "1");
    memory_vfs_release(&disk);
}

TEST(a_clone_is_independent)
{
    disk_init();
    struct memory_vfs clone;
    memory_vfs_store(&disk, "db/a", bytes_of_text("one"));
    struct vfs_file *file = file_open("db/a", VFS_WRITE);
    assert_int_equal(file_write(file, 0, "two"), STATUS_OK);
    memory_vfs_clone(&clone, &disk);
    assert_int_equal(file_write(file, 0, "six"), STATUS_OK);
    file_close(file);
    assert_int_equal(disk.vfs.remove(&disk.vfs, "db/a", NULL), STATUS_OK);
    struct buf content = {0};
    memory_vfs_load(&clone, "db/a", &content);
    assert_string_equal(buf_text(&content), "two");
    memory_vfs_crash(&clone, MEMORY_VFS_LOSE_ALL, &dice);
    memory_vfs_load(&clone, "db/a", &content);
    assert_string_equal(buf_text(&content), "one");
    buf_release(&content);
    memory_vfs_release(&clone);
    memory_vfs_release(&disk);
}

TEST(damage_is_durable)
{
    disk_init();
    memory_vfs_store(&disk, "db/a", bytes_of_text("abcdef"));
    memory_vfs_flip(&disk, "db/a", 1, 0);
    memory_vfs_truncate(&disk, "db/a", 4);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &dice);
    assert_content("db/a", "accd");
    memory_vfs_release(&disk);
}

static bool is_cached(struct vfs_file *file, uint64_t offset, size_t size)
{
    char data[64];
    assert_true(size <= sizeof data);
    return disk.vfs.read_cached(&disk.vfs, file, offset, data, size);
}

TEST(what_became_cold_is_cold_until_it_is_read_or_written)
{
    enum { PAGE = 4096 };
    char data[8];
    size_t size_read;
    disk_init();
    struct vfs_file *file = file_open("db/a", VFS_WRITE | VFS_CREATE);
    for (unsigned page = 0; page < 4; page++)
        assert_int_equal(file_write(file, page * PAGE, "12345678"), STATUS_OK);
    assert_true(is_cached(file, 0, 8));
    assert_false(is_cached(file, 3 * PAGE + 1, 8)); // the file ends before
    memory_vfs_cool(&disk);
    assert_int_equal(disk.vfs.read(&disk.vfs, file, PAGE, data, 8, &size_read, NULL), STATUS_OK);
    assert_int_equal(file_write(file, 2 * PAGE, "abc"), STATUS_OK);
    assert_false(is_cached(file, 0, 8));
    assert_true(is_cached(file, PAGE, 8));
    assert_true(is_cached(file, 2 * PAGE - 4, 8));
    assert_false(is_cached(file, 3 * PAGE - 4, 8));
    assert_int_equal(disk.cold_count, 2);
    file_close(file);
    memory_vfs_release(&disk);
}
