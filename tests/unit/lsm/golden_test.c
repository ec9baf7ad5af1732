// What was written once can be read for ever: a stored database of each format version.
//
// tests/golden/N/ is a database of format version N as the engine left it, N.txt what it holds:
// the owner's snapshot with the notes behind it, then for every pair the key, the size of the
// value and its hash. They stay as they are. Only for a new version of a format
//
//     golden_test --write tests/golden/N
//
// makes them.
#include "unit/lsm/golden.h"
#include "unit/lsm/jobs.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/random.h"
#include "lsm/file/file_name.h"
#include "lsm/file/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *const versions[] = {"tests/golden/1", "tests/golden/2"};

enum { SMALL_COUNT = 100, LARGE_COUNT = 25 };

static struct memory_vfs disk;
static struct lsm *lsm;
static struct fault fault;
static const char *golden;
static struct buf notes; // of the owner: those in the snapshot, and later ones

static void add_notes(void *context, struct buf *out)
{
    (void)context;
    buf_append(out, buf_bytes(&notes));
}

static enum status set_notes(void *context, struct bytes snapshot, struct fault *why)
{
    (void)why;
    (void)context;
    buf_set(&notes, snapshot);
    return STATUS_OK;
}

static enum status add_note(void *context, struct bytes note, struct fault *why)
{
    (void)why;
    (void)context;
    buf_append(&notes, note);
    return STATUS_OK;
}

// Small sizes, so that there is something of everything.
static enum status open_database(void)
{
    struct lsm_options options = small_options(&disk);
    options.seed = 1;
    options.block_size = 1024;
    options.range_size = 4 << 10;
    options.separate_size = 1000;
    options.merge_run_count = 4;
    static const char *const features[] = {"golden-notes", NULL};
    options.owner = (struct lsm_owner){
        .features = features,
        .snapshot = add_notes,
        .restore = set_notes,
        .replay = add_note,
    };
    buf_clear(&notes);
    return lsm_open(&lsm, &options, &fault);
}

// ---- Writing ---------------------------------------------------------------------------

static void submit(struct lsm_batch *batch)
{
    uint64_t position;
    assert_int_equal(lsm_write(lsm, batch, &position), STATUS_OK);
    lsm_batch_clear(batch);
    run_jobs(lsm);
}

// The value is half noise and shrinks, or all noise.
static void put(struct lsm_batch *batch, const char *prefix, unsigned number, unsigned round,
                size_t size)
{
    char key[32];
    uint8_t value[3000];
    struct random random;
    random_init(&random, number * 10 + round);
    snprintf(key, sizeof key, "%s %04u", prefix, number);
    for (size_t i = 0; i < size; i++)
        value[i] = (uint8_t)(number % 2 || i % 32 < 16 ? random_u64(&random) : 'a' + round);
    lsm_batch_put(batch, bytes_of_text(key), bytes_of(value, size));
}

static void delete (struct lsm_batch *batch, const char *prefix, unsigned number)
{
    char key[32];
    snprintf(key, sizeof key, "%s %04u", prefix, number);
    lsm_batch_delete(batch, bytes_of_text(key));
}

static void note(struct lsm_batch *batch, const char *text)
{
    lsm_batch_note(batch, bytes_of_text(text));
    buf_append_text(&notes, text);
}

static void flush(void)
{
    lsm_flush(lsm);
    run_jobs(lsm);
}

// Small values and few large ones, which a flush copies; then large ones, which it leaves in
// the log, and whose segment the log leaves; then a few changes above; then an end of the log.
static void write_all(void)
{
    struct lsm_batch batch = {0};
    for (unsigned i = 0; i < SMALL_COUNT; i++)
        put(&batch, "small", i, 1, i % 10);
    put(&batch, "early", 0, 1, 1000);
    put(&batch, "early", 1, 1, 1100);
    note(&batch, "first ");
    submit(&batch);
    flush();
    for (unsigned i = 0; i < LARGE_COUNT; i++) {
        put(&batch, "large", i, 2, 2000 + 40 * i);
        submit(&batch);
    }
    for (unsigned i = 0; i < SMALL_COUNT; i += 9)
        delete (&batch, "small", i);
    note(&batch, "second ");
    submit(&batch);
    for (unsigned i = 0; frame_number(lsm_written(lsm)) == 1; i++) {
        put(&batch, "more", i, 3, 1200);
        submit(&batch);
    }
    flush();
    put(&batch, "large", 2, 4, 5);
    put(&batch, "small", 70, 4, 100);
    put(&batch, "small", 0, 4, 100);
    put(&batch, "next", 1, 4, 2222);
    delete (&batch, "small", 77);
    note(&batch, "third ");
    submit(&batch);
    flush();
    put(&batch, "small", 80, 5, 90);
    submit(&batch);
    put(&batch, "large", 4, 5, 1234);
    delete (&batch, "large", 5);
    note(&batch, "last");
    submit(&batch);
    lsm_batch_release(&batch);
}

static void write_pairs(FILE *out)
{
    struct bytes key, value;
    struct lsm_scan *scan = lsm_scan_open(lsm, (struct bytes){0}, (struct bytes){0});
    fprintf(out, "%s\n", buf_text(&notes));
    while (!lsm_scan_next(scan, &key, &value, &fault))
        fprintf(out, "%.*s\t%zu\t%016" PRIx64 "\n", (int)key.size, (const char *)key.data,
                value.size, hash64(value));
    lsm_scan_close(scan);
}

// All but the lock and spare segments.
static void write_file(void *context, const char *name)
{
    struct buf path = {0}, content = {0}, target = {0};
    uint64_t number;
    buf_printf(&path, "db/%s", name);
    memory_vfs_load(&disk, buf_text(&path), &content);
    enum file_kind kind = file_name_parse(name, &number);
    bool is_spare = kind == FILE_LOG && !load_u64(content.data + FRAME_START);
    if (kind != FILE_LOCK && !is_spare) {
        buf_printf(&target, "/%s", name);
        FILE *out = golden_open(context, buf_text(&target), "wb");
        assert_int_equal(fwrite(content.data, 1, content.size, out), content.size);
        assert_int_equal(fclose(out), 0);
    }
    buf_release(&path);
    buf_release(&content);
    buf_release(&target);
}

static const char *target_dir;

static void a_database_is_written(void **state)
{
    (void)state;
    memory_vfs_init(&disk);
    assert_int_equal(open_database(), STATUS_OK);
    write_all();
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_OK);
    FILE *out = golden_open(target_dir, ".txt", "w");
    write_pairs(out);
    assert_int_equal(fclose(out), 0);
    lsm_close(lsm);
    mkdir(target_dir, 0777);
    assert_int_equal(
        disk.vfs.list(&disk.vfs, "db", write_file, (void *)(uintptr_t)target_dir, &fault),
        STATUS_OK);
    buf_release(&notes);
    memory_vfs_release(&disk);
}

// ---- Reading ---------------------------------------------------------------------------

static void stop(void)
{
    if (lsm)
        lsm_close(lsm);
    lsm = NULL;
    buf_release(&notes);
    memory_vfs_release(&disk);
}

static void check_get(const char *line, struct bytes value)
{
    struct buf got = {0};
    struct bytes key = bytes_of(line, (size_t)(strchr(line, '\t') - line));
    assert_int_equal(lsm_get(lsm, key, &got, &fault), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&got), value));
    buf_release(&got);
}

// Every line by the scan and by a get, and nothing else.
static void check_pairs(void)
{
    char line[400], found[400];
    struct bytes key, value;
    unsigned count = 0;
    FILE *expected = golden_open(golden, ".txt", "r");
    assert_non_null(fgets(line, sizeof line, expected));
    line[strcspn(line, "\n")] = 0;
    assert_string_equal(buf_text(&notes), line);
    struct lsm_scan *scan = lsm_scan_open(lsm, (struct bytes){0}, (struct bytes){0});
    for (; fgets(line, sizeof line, expected); count++) {
        assert_int_equal(lsm_scan_next(scan, &key, &value, &fault), STATUS_OK);
        snprintf(found, sizeof found, "%.*s\t%zu\t%016" PRIx64 "\n", (int)key.size,
                 (const char *)key.data, value.size, hash64(value));
        assert_string_equal(found, line);
        check_get(line, value);
    }
    assert_int_equal(lsm_scan_next(scan, &key, &value, &fault), STATUS_END);
    assert_true(count > 100);
    lsm_scan_close(scan);
    fclose(expected);
}

static void hold_what_was_written(void)
{
    struct lsm_stats stats;
    golden_load(&disk, golden);
    assert_int_equal(open_database(), STATUS_OK);
    check_pairs();
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_OK);
    lsm_stats(lsm, &stats);
    assert_true(stats.range_count > 1 && stats.slice_count_max > 1 && stats.table_count > 2);
    assert_int_equal(stats.value_file_count, 3); // a value file, and two segments
    assert_true(stats.memtable_entries >= 3);
    assert_true(frame_number(lsm_written(lsm)) > 1); // one of them is no more part of the log
    stop();
}

TEST(every_version_holds_what_was_written)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        golden = versions[i];
        hold_what_was_written();
    }
}

static void work_with_it(void)
{
    struct lsm_batch batch = {0};
    struct random random;
    random_init(&random, 1);
    golden_load(&disk, golden);
    assert_int_equal(open_database(), STATUS_OK);
    put(&batch, "later", 1, 1, 2000);
    submit(&batch);
    delete (&batch, "later", 1);
    submit(&batch);
    flush();
    for (uint64_t now_ms = 1000; now_ms < 20000; now_ms += 1000) {
        lsm_tick(lsm, now_ms);
        run_jobs(lsm);
    }
    check_pairs();
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_OK);
    lsm_close(lsm);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &random);
    assert_int_equal(open_database(), STATUS_OK);
    check_pairs();
    lsm_batch_release(&batch);
    stop();
}

TEST(every_version_can_be_worked_with)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        golden = versions[i];
        work_with_it();
    }
}

// The version of the only manifest there is; 0 if there are several.
static void find_manifest(void *context, const char *name)
{
    struct buf path = {0}, content = {0};
    uint32_t *version = context;
    uint64_t number;
    if (file_name_parse(name, &number) == FILE_MANIFEST) {
        buf_printf(&path, "db/%s", name);
        memory_vfs_load(&disk, buf_text(&path), &content);
        *version = *version == UINT32_MAX ? load_u32(content.data + 8) : 0;
    }
    buf_release(&path);
    buf_release(&content);
}

static uint32_t manifest_version(void)
{
    uint32_t version = UINT32_MAX;
    disk.vfs.list(&disk.vfs, "db", find_manifest, &version, NULL);
    return version;
}

// Whenever the power goes while that is done, one of the two is there, whole.
static void crash_at_change(void *context)
{
    struct memory_vfs kept_disk = disk, copy;
    struct lsm *kept_lsm = lsm;
    struct buf kept_notes = notes;
    struct random random;
    unsigned *crash_count = context;
    notes = (struct buf){0};
    random_init(&random, ++*crash_count);
    memory_vfs_clone(&copy, &disk);
    memory_vfs_crash(&copy, (enum memory_vfs_policy)(*crash_count % MEMORY_VFS_POLICY_COUNT),
                     &random);
    disk = copy;
    assert_int_equal(open_database(), STATUS_OK);
    check_pairs();
    assert_int_equal(manifest_version(), 2);
    lsm_close(lsm);
    memory_vfs_release(&disk);
    buf_release(&notes);
    disk = kept_disk;
    lsm = kept_lsm;
    notes = kept_notes;
}

TEST(version_1_becomes_version_2_when_it_is_opened)
{
    struct random random;
    unsigned crash_count = 0;
    golden = versions[0];
    random_init(&random, 1);
    golden_load(&disk, golden);
    assert_int_equal(manifest_version(), 1);
    disk.after_change = crash_at_change;
    disk.context = &crash_count;
    assert_int_equal(open_database(), STATUS_OK);
    disk.after_change = NULL;
    assert_true(crash_count > 10);
    assert_int_equal(manifest_version(), 2);
    lsm_close(lsm);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &random);
    assert_int_equal(open_database(), STATUS_OK);
    check_pairs();
    assert_int_equal(manifest_version(), 2);
    stop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest writing[] = {cmocka_unit_test(a_database_is_written)};
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        target_dir = argv[2];
        return cmocka_run_group_tests(writing, NULL, NULL);
    }
    return unit_run(NULL, NULL);
}
