// Random work gives the same answers as a sorted array.
//
//     model_test [ROUNDS [SEED]]
//
// A round is one database with random small sizes and a few hundred random steps.
// Scans are held open across writes, flushes, merges; each remembers what the array
// held when it was opened.
#include "unit/lsm/script.h"

enum { SCANS_MAX = 4, STEP_COUNT = 400 };

struct held_scan {
    struct lsm_scan *scan; // NULL: free
    struct trial_value state[TRIAL_KEYS_MAX];
    unsigned next, end; // keys
};

static uint64_t round_count = 40, seed_first = 1;
static struct held_scan scans[SCANS_MAX];

static void model_of(const struct trial *trial, struct trial_value state[static TRIAL_KEYS_MAX])
{
    memset(state, 0, TRIAL_KEYS_MAX * sizeof *state);
    trace_apply(&trial->trace, 0, trial->trace.write_count, state);
}

static void scan_open(struct trial *trial, struct held_scan *held)
{
    char from[300], to[300];
    held->next = (unsigned)random_below(&trial->random, trial->key_count);
    held->end = held->next + (unsigned)random_below(&trial->random, trial->key_count);
    if (random_below(&trial->random, 3) == 0)
        held->next = 0;
    struct bytes first = held->next ? trial_key(held->next, from) : (struct bytes){0};
    struct bytes last = {0};
    if (held->end < trial->key_count)
        last = trial_key(held->end, to);
    else
        held->end = trial->key_count;
    model_of(trial, held->state);
    held->scan = lsm_scan_open(trial->lsm, first, last);
}

static void scan_close(struct held_scan *held)
{
    if (held->scan)
        lsm_scan_close(held->scan);
    held->scan = NULL;
}

// Goes on for at most `count` pairs.
static void scan_go_on(struct trial *trial, struct held_scan *held, uint64_t count)
{
    struct bytes key, value;
    struct fault fault = {0};
    char text[300];
    while (held->scan && count--) {
        enum status status = lsm_scan_next(held->scan, &key, &value, &fault);
        while (held->next < held->end && !held->state[held->next].present)
            held->next++;
        if (held->next >= held->end) {
            if (status != STATUS_END)
                fail_msg("%s: a scan does not end: %s", trial->name, status_text(status));
            scan_close(held);
            return;
        }
        if (status)
            fail_msg("%s: a scan ends before key %u: %s %s", trial->name, held->next,
                     status_text(status), fault.text);
        if (!bytes_equal(key, trial_key(held->next, text)) ||
            !trial_value_equal(trial_value_of(value), held->state[held->next]))
            fail_msg("%s: a scan gives another pair at key %u: '%.*s'", trial->name, held->next,
                     (int)key.size, (const char *)key.data);
        held->next++;
    }
}

// Like lsm_get(), but with all that is cold read by a job.
static enum status get_cold(struct trial *trial, struct bytes key, struct buf *value,
                            struct fault *fault)
{
    uint64_t position;
    enum status status;
    memory_vfs_cool(trial->disk);
    while ((status = lsm_try_get(trial->lsm, key, value, &position, fault)) == STATUS_BUSY) {
        while (lsm_loaded(trial->lsm) < position)
            assert_true(trial_finish(trial, LSM_WORKER_READ));
    }
    return status;
}

static void get_one(struct trial *trial)
{
    struct trial_value state[TRIAL_KEYS_MAX];
    struct trial_value got = {0};
    struct buf value = {0};
    struct fault fault = {0};
    char text[300];
    unsigned key = (unsigned)random_below(&trial->random, trial->key_count);
    model_of(trial, state);
    buf_append_text(&value, "what was there before");
    enum status status = random_below(&trial->random, 4)
                             ? lsm_get(trial->lsm, trial_key(key, text), &value, &fault)
                             : get_cold(trial, trial_key(key, text), &value, &fault);
    if (status && status != STATUS_NOT_FOUND)
        fail_msg("%s: get of key %u: %s", trial->name, key, fault.text);
    if (!status)
        got = trial_value_of(buf_bytes(&value));
    if (!trial_value_equal(got, state[key]))
        fail_msg("%s: get of key %u: %zu bytes (present %d) instead of %zu (%d)", trial->name, key,
                 got.size, got.present, state[key].size, state[key].present);
    buf_release(&value);
}

static void check_pair(const struct trial *trial, const struct trial_value *expected, unsigned key,
                       struct bytes found, struct bytes value)
{
    char text[300];
    if (key >= trial->key_count || !bytes_equal(found, trial_key(key, text)) ||
        !trial_value_equal(trial_value_of(value), expected[key]))
        fail_msg("%s: a cold scan gives another pair at key %u: '%.*s'", trial->name, key,
                 (int)found.size, (const char *)found.data);
}

// All pairs, begun again behind the last one whenever the next is not in memory.
static void scan_cold(struct trial *trial)
{
    struct trial_value state[TRIAL_KEYS_MAX];
    struct bytes key, value;
    struct buf from = {0};
    struct fault fault = {0};
    enum status status;
    unsigned next = 0;
    uint64_t position;
    model_of(trial, state);
    memory_vfs_cool(trial->disk);
    do {
        struct lsm_scan *scan = lsm_scan_open(trial->lsm, buf_bytes(&from), (struct bytes){0});
        while (!(status = lsm_scan_try_next(scan, &key, &value, &position, &fault))) {
            while (next < trial->key_count && !state[next].present)
                next++;
            check_pair(trial, state, next++, key, value);
            buf_set(&from, key);
            buf_append_u8(&from, 0);
        }
        lsm_scan_close(scan);
        while (status == STATUS_BUSY && lsm_loaded(trial->lsm) < position)
            assert_true(trial_finish(trial, LSM_WORKER_READ));
    } while (status == STATUS_BUSY);
    while (next < trial->key_count && !state[next].present)
        next++;
    if (status != STATUS_END || next < trial->key_count)
        fail_msg("%s: a cold scan ends at key %u: %s %s", trial->name, next, status_text(status),
                 fault.text);
    buf_release(&from);
}

// A checkpoint holds what the database held.
static void check_copy(struct trial *trial)
{
    trial_checkpoint(trial);
    if (trial->failure)
        fail_msg("%s: checkpoint: %s", trial->name, trial->fault.text);
    trial_write(trial, 3, 0, 0); // not for the copy
    trial_check_copy(trial);
    trial->copy[0] = '\0';
}

static void work_beside(struct trial *trial)
{
    if (random_below(&trial->random, 8) == 0)
        check_copy(trial);
    else
        trial_step(trial, "di"[random_below(&trial->random, 2)]);
}

static void work(struct trial *trial)
{
    struct random *random = &trial->random;
    struct held_scan *held = &scans[random_below(random, SCANS_MAX)];
    if (random_below(random, 40) == 0) {
        work_beside(trial);
        return;
    }
    switch (random_below(random, 12)) {
    case 0:
    case 1:
    case 2:
        trial_write(trial, 1 + (unsigned)random_below(random, 12), 0, 8 * random_below(random, 2));
        break;
    case 3:
        trial_write(trial, 1, 1 + random_below(random, trial->options.memtable_size / 3), 0);
        break;
    case 4:
    case 5:
        get_one(trial);
        break;
    case 6:
        if (!held->scan)
            scan_open(trial, held);
        break;
    case 7:
    case 8:
        scan_go_on(trial, held, 1 + random_below(random, 30));
        break;
    case 9:
        if (random_below(random, 4) == 0)
            scan_close(held);
        else if (random_below(random, 4) == 0)
            scan_cold(trial);
        break;
    default:
        trial_step(trial, "lLgGgGlftmhH"[random_below(random, 12)]);
    }
}

static void restart(struct trial *trial)
{
    for (size_t i = 0; i < SCANS_MAX; i++)
        scan_close(&scans[i]);
    trial_step(trial, "rck"[random_below(&trial->random, 3)]);
}

static struct lsm_options random_options(struct random *random)
{
    struct lsm_options options = trial_options();
    options.seed = random_u64(random);
    options.memtable_size = (size_t)(8 + random_below(random, 64)) << 10;
    options.log_segment_size = (size_t)64 << (10 + random_below(random, 3));
    options.block_size = 256 + random_below(random, 8192);
    options.cache_size = random_below(random, 3) * (16 << 10);
    options.table_count_max = 4 + (unsigned)random_below(random, 20);
    options.durability = (enum lsm_durability)random_below(random, 3);
    options.interval_ms = 1000;
    options.merge_run_count = 2 + (unsigned)random_below(random, 5);
    options.range_size = (size_t)(4 + random_below(random, 60)) << 10;
    options.separate_size = random_below(random, 4) ? 200 + random_below(random, 2000) : SIZE_MAX;
    return options;
}

static void round_play(uint64_t seed)
{
    struct memory_vfs disk;
    struct trial trial;
    struct random random;
    struct fault fault = {0};
    random_init(&random, seed);
    struct lsm_options options = random_options(&random);
    memory_vfs_init(&disk);
    disk.has_no_maps = random_below(&random, 4) == 0;
    trial_init(&trial, &disk, &options, seed);
    trial.key_count = 1 + (unsigned)random_below(&random, TRIAL_KEYS_MAX);
    for (int step = 0; step < STEP_COUNT; step++) {
        snprintf(trial.name, sizeof trial.name, "seed %llu step %d", (unsigned long long)seed,
                 step);
        if (!trial.lsm)
            trial_must_open(&trial);
        work(&trial);
        if (random_below(&random, 100) == 0)
            restart(&trial);
        if (random_below(&random, 100) == 0) {
            trial_check(&trial);
            if (lsm_verify(trial.lsm, &fault))
                fail_msg("%s: verify: %s", trial.name, fault.text);
        }
        if (trial.failure)
            fail_msg("%s: %s (%s)", trial.name, status_text(trial.failure), trial.fault.text);
    }
    for (size_t i = 0; i < SCANS_MAX; i++) {
        scan_go_on(&trial, &scans[i], UINT64_MAX);
        scan_close(&scans[i]);
    }
    trial_drain(&trial);
    trial_check(&trial);
    if (lsm_verify(trial.lsm, &fault))
        fail_msg("%s: verify: %s", trial.name, fault.text);
    trial_release(&trial);
    memory_vfs_release(&disk);
}

TEST(an_engine_answers_like_a_sorted_array)
{
    for (uint64_t i = 0; i < round_count; i++)
        round_play(seed_first + i);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        round_count = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed_first = strtoull(argv[2], NULL, 10);
    return unit_run(NULL, NULL);
}
