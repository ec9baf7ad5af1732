// One damaged block stops the merges of its range, and nothing else: no other range, no drop, no
// writer.
#include "unit/lsm/jobs.h"

#include "base/random.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/engine.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 400, VALUE_SIZE = 60, RUN_COUNT = 4 };

static struct memory_vfs disk;
static struct lsm_options options;
static struct lsm *lsm;
static struct fault fault;
static uint64_t now_ms;
static unsigned failure_count;
static bool has_large; // every value is

static void start(void)
{
    memory_vfs_init(&disk);
    options = small_options(&disk);
    options.block_size = 512;
    options.range_size = 4 << 10;
    options.merge_run_count = RUN_COUNT;
    options.separate_size = has_large ? VALUE_SIZE : SIZE_MAX;
    failure_count = 0;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
}

static void stop(void)
{
    lsm_close(lsm);
    memory_vfs_release(&disk);
    has_large = false;
}

static void work(void)
{
    for (int worker = LSM_WORKER_LOG; worker < LSM_WORKER_COUNT; worker++) {
        struct lsm_job *job;
        for (int i = 0; (job = lsm_next_job(lsm, (enum lsm_worker)worker)); i++) {
            assert_true(i < 10000); // it comes to rest
            lsm_job_run(job);
            failure_count += lsm_on_done(lsm, job, &fault) != STATUS_OK;
        }
    }
}

static void pass(uint64_t ms)
{
    for (uint64_t end = now_ms + ms; now_ms < end;) {
        lsm_tick(lsm, now_ms += 100);
        work();
    }
}

static struct bytes key_of(unsigned index, char text[static 16])
{
    return bytes_of(text, (size_t)snprintf(text, 16, "k%05u", index));
}

// Writes the keys from..to-1 anew.
static void write_all(unsigned from, unsigned to)
{
    static uint64_t round;
    struct lsm_batch batch = {0};
    uint64_t position;
    char text[16];
    uint8_t value[VALUE_SIZE];
    struct random random;
    random_init(&random, ++round);
    for (unsigned i = from; i < to; i++) {
        for (size_t at = 0; at < sizeof value; at++)
            value[at] = (uint8_t)random_u64(&random);
        lsm_batch_put(&batch, key_of(i, text), bytes_of(value, sizeof value));
    }
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    lsm_batch_release(&batch);
}

static void put_all(unsigned from, unsigned to)
{
    write_all(from, to);
    work();
    lsm_flush(lsm);
    work();
    pass(100);
}

// Flips a bit in the bottom of the range where the key is, in the block of the key.
static void damage(unsigned index)
{
    char text[16];
    struct bytes key = key_of(index, text);
    struct buf path = {0};
    const struct range *range = &lsm->version->ranges[version_find(lsm->version, key)];
    struct sstable *table = range->slices[range->count - 1].table;
    uint64_t offset = table->places[sstable_find_block(table, key)].offset;
    memory_vfs_flip(&disk, file_path(&path, "db", FILE_TABLE, table->info.number), offset + 20, 3);
    buf_release(&path);
}

static size_t slice_count(unsigned index)
{
    char text[16];
    return lsm->version->ranges[version_find(lsm->version, key_of(index, text))].count;
}

static struct lsm_stats stats(void)
{
    struct lsm_stats now;
    lsm_stats(lsm, &now);
    return now;
}

TEST(other_ranges_are_merged_on_and_writers_are_not_held_up)
{
    start();
    for (int i = 0; i < 8; i++)
        put_all(0, KEYS);
    assert_true(stats().range_count > 4);
    damage(KEYS / 2);
    for (int i = 0; i < 60; i++) {
        put_all(0, KEYS);
        pass(1000);
        assert_true(slice_count(0) <= RUN_COUNT + 1);
        assert_true(slice_count(KEYS - 1) <= RUN_COUNT + 1);
        assert_true(slice_count(KEYS / 2) <= 3 * RUN_COUNT); // what is newer is merged there, too
        assert_true(lsm_delay_us(lsm) == 0);
    }
    assert_true(failure_count > 0 && failure_count < 5);
    stop();
}

static void drop_all(void)
{
    assert_int_equal(lsm_drop_range(lsm, bytes_of_text("k"), bytes_of_text("l")), STATUS_OK);
    assert_int_equal(lsm_drop_status(lsm, &fault), STATUS_BUSY);
    pass(1000);
}

TEST(a_drop_does_not_read_what_it_lets_go)
{
    start();
    put_all(0, KEYS);
    damage(KEYS / 2);
    drop_all();
    assert_int_equal(lsm_drop_status(lsm, &fault), STATUS_OK);
    assert_int_equal(stats().table_count, 0);
    stop();
}

TEST(a_drop_that_cannot_count_the_large_values_fails_and_changes_nothing)
{
    struct buf value = {0};
    char text[16];
    has_large = true;
    start();
    for (int i = 0; i < 3; i++)
        put_all(0, KEYS);
    damage(KEYS / 2);
    drop_all();
    assert_int_equal(lsm_drop_status(lsm, &fault), STATUS_CORRUPT);
    assert_non_null(strstr(fault.text, ".tbl: damaged block at offset"));
    unsigned failures = failure_count;
    pass(60000);
    assert_true(failure_count <= failures + 1); // it is not tried again
    assert_int_equal(lsm_get(lsm, key_of(1, text), &value, &fault), STATUS_OK);
    uint64_t merge_count = stats().merge_count;
    for (int i = 0; i < 40; i++)
        put_all(0, KEYS / 2);
    assert_true(stats().merge_count > merge_count);
    pass(60000);
    buf_release(&value);
    stop();
}

// How many keys a walk gives, or -1 if it meets damage; each of them can be read.
static int walk_count(void)
{
    struct lsm_scan *scan = lsm_scan_open(lsm, bytes_of_text("k"), bytes_of_text("l"));
    struct buf read = {0};
    struct bytes key, value;
    enum status status;
    int count = 0;
    for (; !(status = lsm_scan_next(scan, &key, &value, &fault)); count++) {
        assert_int_equal(lsm_get(lsm, key, &read, &fault), STATUS_OK);
        assert_true(bytes_equal(buf_bytes(&read), value));
    }
    lsm_scan_close(scan);
    buf_release(&read);
    return status == STATUS_END ? count : -1;
}

// Meets the damage at a key, by a walk or not, and passes over it.
static void meet(unsigned index, size_t count, bool is_walk)
{
    struct buf value = {0};
    char text[16];
    struct bytes key = key_of(index, text);
    assert_int_equal(lsm_damage_count(lsm), count);
    if (is_walk) {
        assert_int_equal(walk_count(), -1);
        assert_int_equal(lsm_damage_count(lsm), count + 1);
    }
    assert_int_equal(lsm_get(lsm, key, &value, &fault), STATUS_CORRUPT);
    assert_int_equal(lsm_damage_count(lsm), count + 1);
    struct lsm_damage met = lsm_damage(lsm, count);
    assert_false(met.is_passed_over);
    assert_true(bytes_compare(met.from, key) <= 0 && bytes_compare(key, met.to) <= 0);
    lsm_pass_over(lsm, count);
    assert_int_equal(lsm_get(lsm, key, &value, &fault), STATUS_NOT_FOUND);
    buf_release(&value);
}

// Wherever in its table it is.
TEST(reads_pass_over_a_block_that_is_taken_for_lost_and_over_nothing_else)
{
    for (unsigned index = KEYS / 2; index < KEYS / 2 + 60; index += 5) {
        start();
        put_all(0, KEYS);
        damage(index);
        damage(KEYS - 1);
        meet(index, 0, index % 2);
        meet(KEYS - 1, 1, index % 2); // the other one, which is still there
        assert_in_range(walk_count(), KEYS - 30, KEYS - 2);
        write_all(0, KEYS);
        assert_int_equal(walk_count(), KEYS);
        stop();
    }
}

// Some tables, of which one is open.
static void start_with_closed_tables(void)
{
    start();
    lsm_close(lsm);
    options.table_count_max = 1;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
    for (int i = 0; i < 8; i++)
        put_all(0, KEYS);
}

TEST(a_table_that_is_gone_is_damage_of_its_range)
{
    struct buf path = {0};

    start_with_closed_tables();
    size_t count;
    struct sstable **tables = version_tables(lsm->version, &count);
    disk.vfs.remove(&disk.vfs, file_path(&path, "db", FILE_TABLE, tables[count - 1]->info.number),
                    NULL);
    free(tables);
    for (int i = 0; i < 40; i++) {
        put_all(0, KEYS);
        pass(1000);
    }
    assert_true(stats().debt_permille < 1000 && lsm_delay_us(lsm) == 0);
    assert_in_range(failure_count, 1, 4);
    assert_non_null(strstr(fault.text, buf_text(&path)));
    buf_release(&path);
    stop();
}

static char unopened[64]; // cannot be opened, for whatever reason
static struct vfs disk_vfs;

static enum status open_others(struct vfs *vfs, const char *path, int flags, struct vfs_file **file,
                               struct fault *why)
{
    if (!strcmp(path, unopened))
        return fault_set(why, STATUS_IO, "%s: unable to open", path);
    return disk_vfs.open(vfs, path, flags, file, why);
}

TEST(a_table_that_cannot_be_opened_for_long_stops_its_range_alone)
{
    struct buf path = {0};
    char text[16];
    start_with_closed_tables();
    const struct range *range =
        &lsm->version->ranges[version_find(lsm->version, key_of(KEYS / 2, text))];
    uint64_t number = range->slices[range->count - 1].table->info.number;
    snprintf(unopened, sizeof unopened, "%s", file_path(&path, "db", FILE_TABLE, number));
    disk_vfs = disk.vfs;
    disk.vfs.open = open_others;
    for (int i = 0; i < 60; i++) {
        put_all(0, KEYS);
        pass(1000);
    }
    assert_true(slice_count(0) <= RUN_COUNT + 1);
    assert_true(slice_count(KEYS - 1) <= RUN_COUNT + 1);
    assert_in_range(failure_count, 2, 4); // once it might have passed
    assert_true(lsm_delay_us(lsm) == 0);
    disk.vfs = disk_vfs;
    buf_release(&path);
    stop();
}

// The first step of the next merge, taken and not run; all that comes before it is done.
static struct lsm_job *next_merge(void)
{
    struct lsm_job *job;
    for (int round = 0; round < 4 * RUN_COUNT; round++) {
        write_all(0, KEYS);
        lsm_flush(lsm);
        while ((job = lsm_next_job(lsm, LSM_WORKER_LOG)) ||
               (job = lsm_next_job(lsm, LSM_WORKER_BACKGROUND))) {
            if (job->kind == JOB_MERGE)
                return job;
            lsm_job_run(job);
            assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_OK);
        }
    }
    fail_msg("no merge");
    return NULL;
}

TEST(what_a_merge_could_not_write_is_no_damage_of_what_it_read)
{
    start();
    struct lsm_job *job = next_merge();
    uint64_t merge_count = stats().merge_count;
    memory_vfs_fail(&disk, MEMORY_VFS_WRITE | MEMORY_VFS_NAME, 0, STATUS_IO, true);
    lsm_job_run(job);
    memory_vfs_fail(&disk, 0, 0, STATUS_OK, false);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_IO);
    assert_false(lsm_failed(lsm));
    assert_true(version_is_sound(lsm->version));
    pass(30000);
    assert_true(stats().merge_count > merge_count);
    stop();
}
