// Many keys at once get the answers that each would get alone.
#include "unit/unit.h"

#include "base/random.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/lsm.h"

#include <stdio.h>

enum {
    KEY_COUNT = 4000,
    ASKED_MAX = 100,
};

static struct memory_vfs disk;
static struct lsm *lsm;
static struct fault fault;
static struct random rng;
static uint32_t versions[KEY_COUNT]; // the value of each key; 0: it is not there

static void work(bool with_merges)
{
    for (bool any = true; any;) {
        any = false;
        for (int w = 0; w < LSM_WORKER_COUNT; w++) {
            struct lsm_job *job = NULL;
            if (w != LSM_WORKER_MERGE || with_merges)
                job = lsm_next_job(lsm, (enum lsm_worker)w);
            if (!job)
                continue;
            lsm_job_run(job);
            assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_OK);
            any = true;
        }
    }
}

static struct bytes key_at(char key[16], uint64_t i)
{
    snprintf(key, 16, "k%05u", (unsigned)i);
    return bytes_of_text(key);
}

// The value is the version, as often as the key's number says.
static struct bytes value_at(uint32_t values[64], uint64_t i)
{
    for (size_t j = 0; j < 64; j++)
        values[j] = versions[i];
    return bytes_of(values, 4 * (1 + i % 64));
}

static void write_some(unsigned count, uint32_t version)
{
    struct lsm_batch batch = {0};
    for (unsigned n = 0; n < count; n++) {
        char key[16];
        uint32_t values[64];
        uint64_t i = random_below(&rng, KEY_COUNT);
        versions[i] = random_below(&rng, 4) ? version : 0;
        if (versions[i])
            lsm_batch_put(&batch, key_at(key, i), value_at(values, i));
        else
            lsm_batch_delete(&batch, key_at(key, i));
    }
    uint64_t position;
    enum status status;
    while ((status = lsm_write(lsm, &batch, &position)) == STATUS_BUSY)
        work(true);
    assert_int_equal(status, STATUS_OK);
    lsm_batch_release(&batch);
}

static void start(size_t cache_size)
{
    memory_vfs_init(&disk);
    random_init(&rng, cache_size);
    memset(versions, 0, sizeof versions);
    struct lsm_options options = lsm_options_default();
    options.vfs = &disk.vfs;
    options.dir = "db";
    options.memtable_size = 256 << 10;
    options.log_segment_size = 64 << 10;
    options.block_size = 1024;
    options.cache_size = cache_size;
    options.table_count_max = 3;
    options.merge_run_count = 6;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
}

static void stop(void)
{
    lsm_close(lsm);
    memory_vfs_release(&disk);
}

struct asked {
    struct bytes keys[ASKED_MAX];
    uint64_t numbers[ASKED_MAX];
    char text[ASKED_MAX][16];
    unsigned answers[ASKED_MAX]; // how many it got
    unsigned corrupt_count;
};

static void on_found(void *context, size_t index, enum status status, struct bytes value)
{
    struct asked *asked = context;
    uint64_t i = asked->numbers[index];
    uint32_t values[64];
    asked->answers[index]++;
    if (status == STATUS_CORRUPT) {
        asked->corrupt_count++;
        return;
    }
    bool is_there = i < KEY_COUNT && versions[i];
    assert_int_equal(status, is_there ? STATUS_OK : STATUS_NOT_FOUND);
    if (is_there)
        assert_true(bytes_equal(value, value_at(values, i)));
}

// Asks for so many keys, some of them twice, some of which there never were.
static enum status ask(struct asked *asked, size_t count)
{
    *asked = (struct asked){0};
    for (size_t j = 0; j < count; j++) {
        asked->numbers[j] = random_below(&rng, KEY_COUNT + KEY_COUNT / 8);
        asked->keys[j] = key_at(asked->text[j], asked->numbers[j]);
    }
    enum status status = lsm_multi_get(lsm, asked->keys, count, on_found, asked, &fault);
    for (size_t j = 0; j < count; j++)
        assert_int_equal(asked->answers[j], 1);
    return status;
}

TEST(many_keys_at_once_get_the_answers_of_each)
{
    static const size_t cache_sizes[] = {0, 16 << 10, 4 << 20};
    static struct asked asked;
    for (size_t c = 0; c < 3; c++) {
        start(cache_sizes[c]);
        for (uint32_t version = 1; version <= 30; version++) {
            write_some(300, version);
            if (version % 7 == 0) {
                lsm_flush(lsm);
                work(version % 2);
            }
            for (size_t count = 0; count <= ASKED_MAX; count += 20)
                assert_int_equal(ask(&asked, count), STATUS_OK);
        }
        stop();
    }
}

TEST(no_keys_and_empty_keys_are_no_trouble)
{
    struct asked asked = {.numbers = {KEY_COUNT}};
    start(1 << 20);
    assert_int_equal(lsm_multi_get(lsm, NULL, 0, on_found, &asked, &fault), STATUS_OK);
    assert_int_equal(lsm_multi_get(lsm, asked.keys, 1, on_found, &asked, &fault), STATUS_OK);
    assert_int_equal(asked.answers[0], 1);
    stop();
}

static void flip(void *context, const char *name)
{
    if (!strstr(name, ".tbl"))
        return;
    char path[64];
    snprintf(path, sizeof path, "db/%s", name);
    memory_vfs_flip(&disk, path, *(uint64_t *)context, 3);
}

TEST(damage_spoils_no_answer_but_that_of_its_keys)
{
    static struct asked asked;
    start(8 << 10);
    for (uint32_t version = 1; version <= 5; version++)
        write_some(400, version);
    lsm_flush(lsm);
    work(true);
    uint64_t offset = 3000;
    assert_int_equal(disk.vfs.list(&disk.vfs, "db", flip, &offset, &fault), STATUS_OK);
    unsigned corrupt_count = 0;
    for (unsigned i = 0; i < 50; i++) {
        enum status status = ask(&asked, ASKED_MAX);
        assert_int_equal(status, asked.corrupt_count ? STATUS_CORRUPT : STATUS_OK);
        assert_true(!status || strstr(fault.text, ".tbl: damaged block at offset"));
        corrupt_count += asked.corrupt_count;
    }
    assert_true(corrupt_count > 0);
    stop();
}
