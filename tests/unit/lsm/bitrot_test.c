// Damage to any file gives a right answer or an error that names the file, never a
// wrong answer.
//
//     bitrot_test [STRIDE]
//
// Only the end of the log may go without a word: nobody can tell a frame that was
// torn by a crash from one that rotted, until a later frame promises that it was
// synced. So what is lost can only be what the last LOG job wrote.
#include "unit/lsm/script.h"

#include "disk/memory_vfs_damage.h"

enum { FILES_MAX = 64 };

static uint64_t stride = 7;
static uint64_t damage_count, detected_count;
static enum lsm_durability durability;

static struct memory_vfs disk;
static struct trial past; // closed; its trace is what the disk holds
static char files[FILES_MAX][TRIAL_DB_PATH_MAX];
static size_t file_count;

static void each_name(void *context, const char *name)
{
    (void)context;
    assert_true(file_count < FILES_MAX);
    snprintf(files[file_count++], sizeof files[0], "%s/%.40s", past.options.dir, name);
}

static int database_make(void **state)
{
    (void)state;
    struct lsm_options options = trial_options();
    options.merge_run_count = 6; // several tables stay
    options.durability = durability;
    damage_count = detected_count = file_count = 0;
    memory_vfs_init(&disk);
    trial_init(&past, &disk, &options, 5);
    snprintf(past.name, sizeof past.name, "undamaged");
    trial_must_open(&past);
    trial_play(&past, "30bm6Pmf40bmfm9bfm9bl9blPlnl3bl");
    if (past.failure)
        fail_msg("%s: %s", past.name, past.fault.text);
    trial_close(&past);
    memory_vfs_kill(&disk);
    assert_int_equal(disk.vfs.list(&disk.vfs, options.dir, each_name, NULL, NULL), STATUS_OK);
    return 0;
}

static int database_remove(void **state)
{
    (void)state;
    print_message("%llu damages, %llu detected\n", (unsigned long long)damage_count,
                  (unsigned long long)detected_count);
    trial_release(&past);
    memory_vfs_release(&disk);
    return 0;
}

// The error of a damaged file. A file that was cut, a manifest that lost its last edit and
// a CURRENT with another number may show through another file, which is then named.
static void check_error(const struct trial *trial, enum status status, const struct fault *fault,
                        const char *file, bool cut)
{
    bool elsewhere = cut || strstr(file, "MANIFEST") || strstr(file, "CURRENT");
    if (status != STATUS_CORRUPT)
        fail_msg("%s: %s instead of corrupt: %s", trial->name, status_text(status), fault->text);
    if (!strstr(fault->text, elsewhere ? past.options.dir : file))
        fail_msg("%s: the error does not name the file: '%s'", trial->name, fault->text);
    if (!cut && !strstr(fault->text, "offset") && !strstr(fault->text, ": missing"))
        fail_msg("%s: the error does not say where: '%s'", trial->name, fault->text);
    detected_count++;
}

// A value that was read from a damaged database is the right one, whatever else fails.
static bool check_gets(struct trial *trial, const struct trial_value *model, const char *file,
                       bool cut)
{
    struct buf value = {0};
    struct fault fault = {0};
    char text[300];
    bool wrong = false, failed = false;
    for (unsigned i = 0; i < trial->key_count; i++) {
        enum status status = lsm_get(trial->lsm, trial_key(i, text), &value, &fault);
        if (status && status != STATUS_NOT_FOUND) {
            check_error(trial, status, &fault, file, cut);
            failed = true;
            continue;
        }
        struct trial_value got = {0};
        if (!status)
            got = trial_value_of(buf_bytes(&value));
        wrong = wrong || !trial_value_equal(got, model[i]);
    }
    buf_release(&value);
    if (wrong && failed)
        fail_msg("%s: a wrong answer beside an error", trial->name);
    return wrong || failed;
}

// Opens the damaged disk and asks for everything.
static void check_damaged(struct memory_vfs *damaged, const char *what, const char *file, bool cut)
{
    struct trial trial;
    trial_fork(&trial, &past, damaged);
    struct trace *trace = &trial.trace;
    snprintf(trial.name, sizeof trial.name, "%s", what);
    trial.options.vfs = &damaged->vfs;
    trial.options.owner = (struct lsm_owner){
        .context = &trial,
        .snapshot = trial_snapshot,
        .restore = trial_restore,
        .replay = trial_replay,
    };
    trial.chain = 0;
    damage_count++;

    struct fault fault = {0};
    enum status status = lsm_open(&trial.lsm, &trial.options, &fault);
    if (status) {
        trial.lsm = NULL;
        check_error(&trial, status, &fault, file, cut);
        trial_release(&trial);
        return;
    }
    struct trial_value model[TRIAL_KEYS_MAX] = {0};
    trace_apply(trace, 0, trace->write_count, model);
    size_t oldest = durability == LSM_DURABILITY_GROUP ? past.durable_before_job : 0;
    bool all = trial.chain == trace_chain(trace, trace->write_count);
    if (!all) {
        // Something of the end is gone, and that must be whole in itself.
        trial_check_between(&trial, oldest, trace->write_count);
    } else if (check_gets(&trial, model, file, cut)) {
        struct trial_value state[TRIAL_KEYS_MAX] = {0};
        if (!trial_get_all(&trial, state, &fault))
            trial_check_between(&trial, oldest, trace->write_count);
        else
            check_error(&trial, lsm_verify(trial.lsm, &fault), &fault, file, cut);
    } else {
        struct trial_value state[TRIAL_KEYS_MAX] = {0};
        status = trial_scan(&trial, state, &fault);
        if (status)
            check_error(&trial, status, &fault, file, cut);
        else if (!trial_state_equal(&trial, state, model))
            fail_msg("%s: a scan gives a wrong answer", trial.name);
        status = lsm_verify(trial.lsm, &fault);
        if (status)
            check_error(&trial, status, &fault, file, cut);
    }
    trial_release(&trial);
}

static void flip_and_check(const char *file, uint64_t offset, unsigned bit)
{
    char what[TRIAL_DB_PATH_MAX + 64];
    struct memory_vfs damaged;
    memory_vfs_clone(&damaged, &disk);
    memory_vfs_flip(&damaged, file, offset, bit);
    snprintf(what, sizeof what, "%s: bit %u at offset %llu", file, bit, (unsigned long long)offset);
    check_damaged(&damaged, what, file, false);
    memory_vfs_release(&damaged);
}

static void cut_and_check(const char *file, uint64_t size)
{
    char what[TRIAL_DB_PATH_MAX + 64];
    struct memory_vfs damaged;
    memory_vfs_clone(&damaged, &disk);
    memory_vfs_truncate(&damaged, file, size);
    snprintf(what, sizeof what, "%s: cut to %llu bytes", file, (unsigned long long)size);
    check_damaged(&damaged, what, file, true);
    memory_vfs_release(&damaged);
}

// The bytes up to the last that is not zero: behind it there is only room.
static uint64_t size_used(const char *file)
{
    struct buf content = {0};
    memory_vfs_load(&disk, file, &content);
    while (content.size && content.data[content.size - 1] == 0)
        content.size--;
    uint64_t size = content.size;
    buf_release(&content);
    return size;
}

TEST(the_undamaged_database_is_right)
{
    struct memory_vfs copy;
    memory_vfs_clone(&copy, &disk);
    check_damaged(&copy, "nothing", "nothing", false);
    assert_int_equal(detected_count, 0);
    memory_vfs_release(&copy);
}

static void flip_all(void)
{
    for (size_t i = 0; i < file_count; i++) {
        uint64_t end = size_used(files[i]);
        for (uint64_t offset = 0; offset < end; offset++)
            if (offset < 64 || end - offset < 128 || offset % stride == 0)
                flip_and_check(files[i], offset, (unsigned)(offset * 5 % 8));
        if (memory_vfs_size(&disk, files[i]) > end + 8)
            flip_and_check(files[i], end + 8, 0);
    }
}

TEST(no_flipped_bit_gives_a_wrong_answer)
{
    flip_all();
}

TEST(no_cut_file_gives_a_wrong_answer)
{
    for (size_t i = 0; i < file_count; i++) {
        uint64_t end = size_used(files[i]);
        for (uint64_t size = 0; size < end; size += size < 8 || end - size < 64 ? 1 : stride * 7)
            cut_and_check(files[i], size);
    }
}

TEST(a_missing_file_is_an_error_or_makes_no_difference)
{
    for (size_t i = 0; i < file_count; i++) {
        char what[TRIAL_DB_PATH_MAX + 64];
        struct memory_vfs damaged;
        memory_vfs_clone(&damaged, &disk);
        assert_int_equal(damaged.vfs.remove(&damaged.vfs, files[i], NULL), STATUS_OK);
        snprintf(what, sizeof what, "%.*s: removed", TRIAL_DB_PATH_MAX, files[i]);
        check_damaged(&damaged, what, files[i], true);
        memory_vfs_release(&damaged);
    }
}

// With syncs from time to time, and with none, the log promises less.
TEST(without_syncs_no_flipped_bit_gives_a_wrong_answer)
{
    stride *= 5;
    for (durability = LSM_DURABILITY_INTERVAL; durability <= LSM_DURABILITY_NONE; durability++) {
        database_remove(NULL);
        database_make(NULL);
        flip_all();
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        stride = strtoull(argv[1], NULL, 10);
    return stride ? unit_run(database_make, database_remove) : 2;
}
