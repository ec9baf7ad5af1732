// What was written once can be read for ever: a stored database of each format version.
//
// tests/golden/1/ is a database of format version 1 as the engine left it, 1.txt what it holds:
// the owner's snapshot with the notes behind it, then for every pair the key, the size of the
// value and its hash. They stay as they are. Only for a new version of a format
//
//     golden_test --write DIR
//
// makes DIR/ and DIR.txt anew.
#include "unit/lsm/jobs.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/random.h"
#include "lsm/file_name.h"
#include "lsm/frame.h"
#include "lsm/sstable.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define GOLDEN "tests/golden/1"

enum { SMALL_COUNT = 100, LARGE_COUNT = 25 };

static struct memory_vfs disk;
static struct lsm *lsm;
static struct fault fault;
static struct buf notes; // of the owner: those in the snapshot, and later ones

static void add_notes(void *context, struct buf *out)
{
    (void)context;
    buf_append(out, buf_bytes(&notes));
}

static enum status set_notes(void *context, struct bytes snapshot)
{
    (void)context;
    buf_set(&notes, snapshot);
    return STATUS_OK;
}

static enum status add_note(void *context, struct bytes note)
{
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
    options.owner = (struct lsm_owner){
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
        put(&batch, "small", i, 1, i % 40);
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
        put(&batch, "more", i, 3, 2900);
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

static FILE *open_file(const char *dir, const char *name, const char *mode)
{
    struct buf path = {0};
    buf_printf(&path, "%s%s", dir, name);
    FILE *file = fopen(buf_text(&path), mode);
    if (!file)
        fail_msg("%s: cannot be opened", buf_text(&path));
    buf_release(&path);
    return file;
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
        FILE *out = open_file(context, buf_text(&target), "wb");
        assert_int_equal(fwrite(content.data, 1, content.size, out), content.size);
        assert_int_equal(fclose(out), 0);
    }
    buf_release(&path);
    buf_release(&content);
    buf_release(&target);
}

static const char *target_dir;

TEST(a_database_is_written)
{
    memory_vfs_init(&disk);
    assert_int_equal(open_database(), STATUS_OK);
    write_all();
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_OK);
    FILE *out = open_file(target_dir, ".txt", "w");
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

static void read_file(FILE *in, struct buf *content)
{
    size_t size_read;
    buf_clear(content);
    do {
        buf_reserve(content, 65536);
        size_read = fread(content->data + content->size, 1, 65536, in);
        content->size += size_read;
    } while (size_read);
    fclose(in);
}

static void start(void)
{
    struct buf path = {0}, content = {0}, source = {0};
    struct dirent *found;
    memory_vfs_init(&disk);
    disk.vfs.make_dir(&disk.vfs, "db", NULL);
    DIR *dir = opendir(GOLDEN);
    if (!dir)
        fail_msg("%s is missing; tests run in the root of the sources", GOLDEN);
    while ((found = readdir(dir))) {
        if (found->d_name[0] == '.')
            continue;
        buf_clear(&path);
        buf_clear(&source);
        buf_printf(&path, "db/%s", found->d_name);
        buf_printf(&source, "/%s", found->d_name);
        read_file(open_file(GOLDEN, buf_text(&source), "rb"), &content);
        memory_vfs_store(&disk, buf_text(&path), buf_bytes(&content));
    }
    closedir(dir);
    buf_release(&path);
    buf_release(&content);
    buf_release(&source);
}

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
    FILE *expected = open_file(GOLDEN, ".txt", "r");
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

TEST(version_1_holds_what_was_written)
{
    struct lsm_stats stats;
    start();
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

TEST(version_1_can_be_worked_with)
{
    struct lsm_batch batch = {0};
    struct random random;
    random_init(&random, 1);
    start();
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

// ---- Other versions --------------------------------------------------------------------

// Says that the file has format version 2, as a later program might.
static void make_newer(const char *path, enum file_kind kind)
{
    struct buf content = {0};
    memory_vfs_load(&disk, path, &content);
    uint8_t *begin = content.data, *version = begin + 8, *end = begin + 56;
    if (kind == FILE_TABLE) {
        begin = content.data + content.size - SSTABLE_FOOTER_SIZE;
        version = begin + 80;
        end = begin + 88;
    }
    assert_int_equal(load_u32(version), 1);
    store_u32(version, 2);
    store_u64(end, hash64(bytes_of(begin, (size_t)(end - begin))));
    memory_vfs_store(&disk, path, buf_bytes(&content));
    buf_release(&content);
}

static void assert_refused(const char *name, enum file_kind kind)
{
    struct buf path = {0}, text = {0};
    start();
    buf_printf(&path, "db/%s", name);
    make_newer(buf_text(&path), kind);
    uint64_t size = memory_vfs_size(&disk, buf_text(&path));
    if (kind == FILE_TABLE)
        buf_printf(&text, "%s: unknown format version at offset %" PRIu64, buf_text(&path),
                   size - SSTABLE_FOOTER_SIZE + 80);
    else
        buf_printf(&text, "%s: format version 2 at offset 8 is not known", buf_text(&path));
    enum status status = open_database();
    if (status)
        lsm = NULL;
    else // it opens no file with large values before somebody asks
        status = lsm_verify(lsm, &fault);
    assert_int_equal(status, STATUS_CORRUPT);
    assert_string_equal(fault.text, buf_text(&text));
    buf_release(&path);
    buf_release(&text);
    stop();
}

TEST(a_file_of_an_unknown_version_is_refused_by_its_name)
{
    unsigned counts[FILE_TEMPORARY + 1] = {0};
    struct dirent *found;
    uint64_t number;
    DIR *dir = opendir(GOLDEN);
    assert_non_null(dir);
    while ((found = readdir(dir))) {
        enum file_kind kind = file_name_parse(found->d_name, &number);
        if (kind == FILE_FOREIGN || kind == FILE_CURRENT || kind == FILE_LOCK)
            continue;
        assert_refused(found->d_name, kind);
        counts[kind]++;
    }
    closedir(dir);
    assert_true(counts[FILE_MANIFEST] == 1 && counts[FILE_LOG] == 2);
    assert_true(counts[FILE_TABLE] > 2 && counts[FILE_VALUES] == 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest writing[] = {RUN(a_database_is_written)};
    const struct CMUnitTest reading[] = {
        RUN(version_1_holds_what_was_written),
        RUN(version_1_can_be_worked_with),
        RUN(a_file_of_an_unknown_version_is_refused_by_its_name),
    };
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        target_dir = argv[2];
        return cmocka_run_group_tests(writing, NULL, NULL);
    }
    return cmocka_run_group_tests(reading, NULL, NULL);
}
