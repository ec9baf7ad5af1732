// Whatever call to the disk fails: what was reported durable is there afterwards, and
// what was refused is not.
//
//     fault_test [STRIDE]
#include "unit/lsm/script.h"

static const char *const scripts[] = {
    "9blfGplg9bLplfgm6Pm6Pm9bfm9bl",
    "bl9bfm9bfm9bfm9bfmr9blc9bm",
    "40blf20bl20blm12Pmr3bl",
    "blPlbLPlfgbl6Pfgm",
    "blNlbfmNlbfm",
};

enum { SCRIPT_COUNT = sizeof scripts / sizeof scripts[0] };

struct plan {
    unsigned kinds;
    enum status status;
    bool for_ever;
    bool ask_doubtful; // after a failed sync, a restart, and then a power loss
};

#ifdef __SANITIZE_ADDRESS__
static uint64_t stride = 7; // ten times as slow
#else
static uint64_t stride = 1;
#endif
static uint64_t fault_count;
static enum lsm_durability durability;
static bool has_no_maps;

// Opens after a fault: again and again while the plan makes it fail.
static void open_again(struct trial *trial)
{
    trial->failure = STATUS_OK;
    enum status status = trial_open(trial);
    if (status) {
        memory_vfs_fail(trial->disk, 0, 0, STATUS_OK, false);
        trial_must_open(trial);
    }
}

// A disk that was full has room again: everything goes on without being opened again.
static void resume(struct trial *trial)
{
    memory_vfs_fail(trial->disk, 0, 0, STATUS_OK, false);
    for (int i = 0; i < 3; i++) {
        trial->failure = STATUS_OK;
        trial->now_ms += 10000;
        lsm_tick(trial->lsm, trial->now_ms);
        trial_drain(trial);
    }
    if (trial->failure || lsm_failed(trial->lsm))
        fail_msg("%s: still fails when there is room: %s (%s)%s", trial->name,
                 status_text(trial->failure), trial->fault.text,
                 lsm_failed(trial->lsm) ? ", and has stopped" : "");
    if (trial->trace.durable_count != trial->trace.write_count)
        fail_msg("%s: %zu of %zu writes durable when there is room again", trial->name,
                 trial->trace.durable_count, trial->trace.write_count);
    trial_play(trial, "bl9bfm");
    if (trial->failure)
        fail_msg("%s: no service when there is room: %s", trial->name, trial->fault.text);
    trial_check(trial);
}

// What is there for the next process, and for the one after a power loss.
static void check_what_is_left(struct trial *trial, bool ask_doubtful)
{
    struct memory_vfs *disk = trial->disk;
    struct memory_vfs dark;
    struct trial after;
    memory_vfs_power_off(disk);
    trial_close(trial);
    memory_vfs_clone(&dark, disk);
    trial_fork(&after, trial, &dark);
    trial_lose_power(&after, MEMORY_VFS_LOSE_ALL);
    trial_must_open(&after);
    trial_release(&after);
    memory_vfs_release(&dark);

    // Of files whose sync failed the next process sees what may not be on the disk.
    bool doubtful = disk->fault_kinds & MEMORY_VFS_SYNC;
    trial_kill(trial);
    trial_must_open(trial);
    trial_play(trial, "9bfm");
    trial_check(trial);
    if (!doubtful || ask_doubtful) {
        trial_crash(trial, MEMORY_VFS_LOSE_ALL);
        trial_must_open(trial);
    }
}

// Plays a script in which the call `skip` of the plan's kinds fails. False when the
// script ends before.
static bool play_with_fault(size_t script, const struct plan *plan, uint64_t skip)
{
    struct memory_vfs disk;
    struct trial trial;
    struct lsm_options options = trial_options();
    options.durability = durability;
    memory_vfs_init(&disk);
    disk.has_no_maps = has_no_maps;
    random_init(&disk.random, skip);
    trial_init(&trial, &disk, &options, script + 1);
    snprintf(trial.name, sizeof trial.name, "script %zu, kinds %u, call %llu, %s%s", script,
             plan->kinds, (unsigned long long)skip, status_text(plan->status),
             plan->for_ever ? " for ever" : "");
    if (durability)
        snprintf(trial.name + strlen(trial.name), 40, ", durability %d%s", durability,
                 has_no_maps ? " unmapped" : "");
    memory_vfs_fail(&disk, plan->kinds, skip, plan->status, plan->for_ever);

    if (trial_open(&trial))
        open_again(&trial);
    // A refusal is no reason to stop; a failed engine is.
    for (int round = 0; round < 3; round++) {
        trial_play(&trial, scripts[script]);
        if (disk.fault_count && trial.failure && !trial.fault.text[0] && !trial.lsm)
            fail_msg("%s: a failure without a reason", trial.name);
        if (!trial.lsm || lsm_failed(trial.lsm) || !trial.failure)
            break;
        trial_check(&trial);
        trial.failure = STATUS_OK;
    }
    bool hit = disk.fault_count > 0;
    fault_count += hit;
    bool survives = plan->status == STATUS_DISK_FULL && !(plan->kinds & MEMORY_VFS_SYNC);
    if (trial.lsm && survives)
        resume(&trial);
    else if (trial.lsm && !lsm_failed(trial.lsm))
        trial_check(&trial);

    memory_vfs_fail(&disk, 0, 0, STATUS_OK, false);
    check_what_is_left(&trial, plan->ask_doubtful);
    trial_release(&trial);
    memory_vfs_release(&disk);
    return hit;
}

static void play_scripts(const struct plan *plan, uint64_t step)
{
    for (size_t script = 0; script < SCRIPT_COUNT; script++)
        for (uint64_t skip = script % step; play_with_fault(script, plan, skip); skip += step)
            ;
}

// Every call in groups, where most is promised; some of them in the other ways, with and without
// maps.
static void play_all(const struct plan *plan)
{
    durability = LSM_DURABILITY_GROUP;
    play_scripts(plan, stride);
    for (unsigned way = 0; way < 4; way++) {
        durability = way % 2 ? LSM_DURABILITY_NONE : LSM_DURABILITY_INTERVAL;
        has_no_maps = way / 2;
        play_scripts(plan, 5 * stride);
    }
    has_no_maps = false;
}

TEST(a_call_that_fails_once_loses_nothing)
{
    play_all(&(struct plan){MEMORY_VFS_ANY, STATUS_IO, false, false});
}

TEST(a_disk_that_fails_for_ever_loses_nothing)
{
    play_all(&(struct plan){MEMORY_VFS_ANY, STATUS_IO, true, false});
}

TEST(a_failed_sync_is_never_taken_for_a_success)
{
    play_all(&(struct plan){MEMORY_VFS_SYNC, STATUS_IO, false, false});
    play_all(&(struct plan){MEMORY_VFS_SYNC_DIR, STATUS_IO, false, false});
}

TEST(what_a_failed_sync_left_in_memory_is_written_again_by_the_next_process)
{
    play_all(&(struct plan){MEMORY_VFS_SYNC, STATUS_IO, false, true});
}

TEST(reads_that_fail_are_reported)
{
    play_all(&(struct plan){MEMORY_VFS_READ, STATUS_IO, false, false});
}

TEST(after_a_full_disk_service_resumes)
{
    play_all(&(struct plan){MEMORY_VFS_WRITE, STATUS_DISK_FULL, false, false});
    play_all(&(struct plan){MEMORY_VFS_WRITE, STATUS_DISK_FULL, true, false});
    play_all(&(struct plan){MEMORY_VFS_NAME, STATUS_DISK_FULL, true, false});
}

TEST(a_disk_with_a_size_fills_up_and_resumes)
{
    for (uint64_t capacity = 64 << 10; capacity < 1024 << 10; capacity += 37 << 10) {
        struct memory_vfs disk;
        struct trial trial;
        struct lsm_options options = trial_options();
        memory_vfs_init(&disk);
        trial_init(&trial, &disk, &options, capacity);
        snprintf(trial.name, sizeof trial.name, "capacity %llu", (unsigned long long)capacity);
        disk.capacity = capacity;
        if (trial_open(&trial)) {
            assert_int_equal(trial.trace.durable_count, 0);
            disk.capacity = 0;
            trial_must_open(&trial);
        }
        trial_play(&trial, "99blm20Pm99blm20Pm99blm20Pm99blm20Pm");
        if (trial.failure && trial.failure != STATUS_DISK_FULL && trial.failure != STATUS_BUSY)
            fail_msg("%s: %s, %s", trial.name, status_text(trial.failure), trial.fault.text);
        disk.capacity = 0;
        resume(&trial);
        trial_crash(&trial, MEMORY_VFS_LOSE_ALL);
        trial_must_open(&trial);
        trial_release(&trial);
        memory_vfs_release(&disk);
    }
}

static int print_count(void **state)
{
    (void)state;
    print_message("%llu faults\n", (unsigned long long)fault_count);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        stride = strtoull(argv[1], NULL, 10);
    return stride ? unit_run(NULL, print_count) : 2;
}
