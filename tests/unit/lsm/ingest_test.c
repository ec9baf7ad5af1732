// What is ingested takes its place between what was written before its commit and after.
#include "unit/lsm/script.h"

#include "lsm/engine.h"

static struct memory_vfs disk;
static struct trial trial;

// What is in memory when the ingest is committed.
static const char *const pasts[] = {
    "",      // nothing
    "w",     // writes
    "wlf",   // a flush of them under way, and nothing else
    "wlfg",  // further
    "wlfw",  // a flush under way, and writes that it does not take
    "wlfgw", // further
    "wlfmw", // writes, and tables
};

enum { PAST_COUNT = sizeof pasts / sizeof pasts[0] };

static void put(const char *key, const char *value)
{
    struct lsm_batch batch = {0};
    uint64_t position;
    lsm_batch_put(&batch, bytes_of_text(key), bytes_of_text(value));
    assert_int_equal(lsm_write(trial.lsm, &batch, &position), STATUS_OK);
    lsm_batch_release(&batch);
}

static struct lsm_ingest *ingest_of(const char *value)
{
    struct lsm_ingest *ingest = lsm_ingest_new(trial.lsm);
    for (const char *key = "xyz"; *key; key++)
        assert_int_equal(
            lsm_ingest_add(ingest, bytes_of(key, 1), bytes_of_text(value), &trial.fault),
            STATUS_OK);
    assert_int_equal(lsm_ingest_finish(ingest, &trial.fault), STATUS_OK);
    return ingest;
}

// The key has one of these values, each of one character; '-' is none.
static void check(const char *key, const char *values)
{
    struct buf value = {0};
    enum status status = lsm_get(trial.lsm, bytes_of_text(key), &value, &trial.fault);
    assert_true(!status || status == STATUS_NOT_FOUND);
    char found = status ? '-' : (char)value.data[0];
    if (!strchr(values, found))
        fail_msg("%s: %s is %c, not %s", trial.name, key, found, values);
    buf_release(&value);
}

static void open_trial(void)
{
    trial.options.vfs = &disk.vfs;
    assert_int_equal(lsm_open(&trial.lsm, &trial.options, &trial.fault), STATUS_OK);
}

static void play_past(const char *past)
{
    for (; *past; past++) {
        if (*past == 'w') {
            put("x", "1");
            put("y", "1");
        } else {
            trial_step(&trial, *past);
        }
    }
}

// x is written before and after the commit, y only before, z never. All is durable; then come so
// many steps in the background, and a power loss. False if there were no more steps.
static bool play(size_t past, unsigned step_count)
{
    struct lsm_options options = trial_options();
    memory_vfs_init(&disk);
    trial_init(&trial, &disk, &options, past + 1);
    snprintf(trial.name, sizeof trial.name, "past \"%s\", %u steps", pasts[past], step_count);
    open_trial();
    play_past(pasts[past]);
    trial_commit(&trial, ingest_of("2"));
    put("x", "3");
    check("x", "3");
    check("y", *pasts[past] ? "12" : "-2");
    trial_finish(&trial, LSM_WORKER_LOG);

    bool has_more = true;
    for (unsigned i = 0; i < step_count && has_more; i++) {
        lsm_flush(trial.lsm);
        has_more = trial_finish(&trial, LSM_WORKER_BACKGROUND);
        check("x", "3");
    }
    assert_int_equal(trial.failure, STATUS_OK);
    bool is_there = !lsm_is_ingesting(trial.lsm);
    assert_true(is_there || has_more);
    trial_crash(&trial, MEMORY_VFS_LOSE_ALL);
    open_trial();
    for (unsigned i = 0; i < 2; i++) { // from the log, then from tables
        check("x", "3");
        check("y", is_there ? "2" : *pasts[past] ? "12" : "-2");
        check("z", is_there ? "2" : "-2");
        lsm_flush(trial.lsm);
        trial_drain(&trial);
    }
    trial_release(&trial);
    memory_vfs_release(&disk);
    return has_more;
}

TEST(writes_after_a_commit_hide_what_it_brings_and_those_before_are_hidden)
{
    for (size_t past = 0; past < PAST_COUNT; past++)
        for (unsigned steps = 0; play(past, steps); steps++)
            assert_true(steps < 100);
}

TEST(a_commit_waits_for_a_flush_that_takes_less_than_was_written)
{
    struct lsm_options options = trial_options();
    memory_vfs_init(&disk);
    trial_init(&trial, &disk, &options, 1);
    open_trial();
    play_past("wlfw");
    struct lsm_ingest *first = ingest_of("2"), *second = ingest_of("4");
    assert_int_equal(lsm_ingest_commit(trial.lsm, first), STATUS_BUSY);
    assert_false(lsm_is_ingesting(trial.lsm));
    trial_drain(&trial);
    assert_int_equal(lsm_ingest_commit(trial.lsm, first), STATUS_OK);
    assert_int_equal(lsm_ingest_commit(trial.lsm, second), STATUS_BUSY);
    trial_drain(&trial);
    check("x", "2");
    assert_int_equal(lsm_ingest_commit(trial.lsm, second), STATUS_OK);
    trial_drain(&trial);
    check("x", "4");

    put("x", "5");
    memory_vfs_fail(&disk, MEMORY_VFS_SYNC, 0, STATUS_IO, false);
    trial_drain(&trial);
    assert_true(lsm_failed(trial.lsm));
    struct lsm_ingest *third = ingest_of("6");
    assert_int_equal(lsm_ingest_commit(trial.lsm, third), STATUS_IO);
    lsm_ingest_release(third);
    trial_release(&trial);
    memory_vfs_release(&disk);
}

TEST(an_ingest_is_refused_when_the_numbers_for_files_are_used_up)
{
    struct lsm_options options = trial_options();
    static uint8_t large[5000] = "large";
    memory_vfs_init(&disk);
    trial_init(&trial, &disk, &options, 1);
    open_trial();
    uint64_t first = trial.lsm->next_file;
    lsm_ingest_release(lsm_ingest_new(trial.lsm));
    uint64_t taken = trial.lsm->next_file - first;

    trial.lsm->next_file = FILE_NUMBER_END - taken - 100;
    struct lsm_ingest *last = lsm_ingest_new(trial.lsm);
    struct lsm_ingest *refused = lsm_ingest_new(trial.lsm);
    struct bytes key = bytes_of_text("key"), value = bytes_of(large, sizeof large);
    assert_int_equal(lsm_ingest_add(refused, key, value, &trial.fault), STATUS_TOO_LARGE);
    assert_string_equal(trial.fault.text, "db: the numbers for files are used up");
    lsm_ingest_release(refused);
    assert_int_equal(lsm_ingest_add(last, key, value, &trial.fault), STATUS_OK);
    assert_int_equal(lsm_ingest_finish(last, &trial.fault), STATUS_OK);
    trial_commit(&trial, last);
    trial_drain(&trial);
    trial_crash(&trial, MEMORY_VFS_LOSE_ALL);
    open_trial();
    check("key", "l");
    trial_release(&trial);
    memory_vfs_release(&disk);
}
