// After a power loss at any moment the database holds a prefix of what was written,
// with everything that was reported durable.
//
//     crash_test [STRIDE [SCRIPT]]
//
// Plays short scripts. After every STRIDE-th change that the engine makes to the disk
// (1: every one), for each way to lose power: clones the disk, takes its power, opens
// the database there and checks it. Of these states some are recovered under more
// power losses, some live on for a while and lose power again.
#include "unit/lsm/script.h"

enum {
#ifdef __SANITIZE_ADDRESS__
    STRIDE_DEFAULT = 19, // ten times as slow
#else
    STRIDE_DEFAULT = 3,
#endif
    RANDOM_MORE = 2, // the random policy finds most, so it has more turns
};

// clang-format off
static const char *const scripts[] = {
    // Creation, one write, one sync.
    "", "pl", "bl", "nl", "Pl", "pplpl", "5p5l", "pl3pl3pl", "bnlpnbl", "60nl60nl",
    "2ql9qlql", "9ql9ql9ql", "9qLqlql", "20qlql", "2qlqfqlql",
    "qlqfqlmqfqlmqfqlmqfqlmqfqlmqfqlmqfqlmqfqlm",
    // Jobs late, and writes while they run.
    "pLppl", "bLbbll", "pLpplpLpl", "9pL9pll", "bLbcbl", "LbLbLb",
    // Flushes, also with nothing in memory, and interleaved with the log.
    "9bfm", "fm", "9blfm", "9blfgpl", "9blfGplgpl", "9bfGblblgm", "9bLfmbl",
    "9blfgblfgblfg", "9bfm9bfm", "nfmnfm", "bfbfbfm", "9bfGLglbl",
    // Full memtables, full segments.
    "6Plm", "12Pm", "3Pl3Pl3Pl3Plm", "40bl", "20bl20blm", "8P8Lm8Pm", "30blg30blg",
    "60bm60bm",
    // Merges.
    "9bfm9bfm9bfm9bfm", "9Pm9Pm9Pm", "30bfm30bfm30bfm30bfm", "9bfm9bfm9bfG9blgm",
    "20Pm20bm20Pm",
    // A manifest that grows until it is written anew.
    "9blfm9blfm9blfm9blfm9blfmbl", "s9blfm9blfm9blc9blfmk9blfm",
    // Notes that are larger than a segment.
    "Nl", "plNLplgNm", "9blNfGlgbNlgm", "NcNlkNrbl",
    // Opened again.
    "r", "plr", "9bfrblr", "9blc", "9bLc9bLc", "blcblcblcblc", "12Pc12Pc12Pr", "9bfGc9bm",
    "fr9bfrfr", "blkblkblkbl", "12Pk12Pk12Pk", "9bfmk9bfmk9bfmk",
    // Everything.
    "9blfGplg9bLplfgm6Pm6Pc9bfm9blk6Prbl", "30bl9pfG9Pll30bgLnPlm9brLf9bcb9bkm",
    "9bltl9bltl6Ptlm9btl",
    // drops, ingests, checkpoints; large values and the second merge in between
    "9bd9bld", "ibibi", "9bi9blfmdm", "30blfmC9blCbl", "20blidbiidblfGhd", "6PlfmdqqqlfmiPd",
    "9blfG9bHlhg9bm", "20qlfm20qlfm20qlfm", "9qP9qlfmt9qlfmtm",
};
// clang-format on

enum { SCRIPT_COUNT = sizeof scripts / sizeof scripts[0] };

static uint64_t stride = STRIDE_DEFAULT;
static size_t script_first, script_end = SCRIPT_COUNT;
static uint64_t crash_count, deep_count;

// One trial, and how deep it is in crashes of crashes.
struct subject {
    struct trial trial; // first
    size_t script;
    unsigned depth;
};

static void crash_now(void *context);

// The process is killed at this moment; what the next one finds it may rely upon, even
// if the power goes then.
static void kill_and_crash(const struct subject *subject)
{
    struct memory_vfs disk;
    struct trial next;
    memory_vfs_clone(&disk, subject->trial.disk);
    trial_fork(&next, &subject->trial, &disk);
    snprintf(next.name, sizeof next.name, "%.100s, change %llu killed", subject->trial.name,
             (unsigned long long)subject->trial.disk->change_count);
    next.options.memtable_size = 1 << 20;
    trial_must_open(&next);
    // Enough memory that no flush syncs the directory in passing.
    trial_play(&next, "bl7Pl");
    if (next.failure)
        fail_msg("%s, lived on: %s", next.name, next.fault.text);
    trial_crash(&next, MEMORY_VFS_LOSE_ALL);
    trial_must_open(&next);
    crash_count++;
    trial_release(&next);
    memory_vfs_release(&disk);
}

// Opens what a power loss leaves of the subject's disk, at this very moment.
static void crash_by(const struct subject *subject, unsigned way)
{
    enum memory_vfs_policy policy = MEMORY_VFS_RANDOM;
    if (way < MEMORY_VFS_POLICY_COUNT)
        policy = (enum memory_vfs_policy)way;
    struct memory_vfs disk;
    struct subject next = {.script = subject->script, .depth = subject->depth + 1};
    uint64_t moment = subject->trial.disk->change_count;
    crash_count++;
    memory_vfs_clone(&disk, subject->trial.disk);
    trial_fork(&next.trial, &subject->trial, &disk);
    snprintf(next.trial.name, sizeof next.trial.name, "%.100s, change %llu way %u",
             subject->trial.name, (unsigned long long)moment, way);
    random_init(&next.trial.random, hash_mix(moment, way + 16 * subject->script));
    trial_lose_power(&next.trial, policy);

    // Some of the recoveries lose power themselves.
    bool deep = subject->depth == 0 && (moment / stride + way) % 8 == 0;
    if (deep) {
        deep_count++;
        disk.after_change = crash_now;
        disk.context = &next;
    }
    trial_must_open(&next.trial);
    trial_check_copy(&next.trial);
    if (deep)
        trial_play(&next.trial, "blpLbfgl");
    disk.after_change = NULL;
    if (subject->depth == 0 && !deep) {
        // After writes of one size others of that size: what is left of older ones would
        // fit behind them.
        bool equal = strchr(scripts[subject->script], 'q');
        trial_play(&next.trial, equal ? "ql" : moment % 2 ? "bLb" : "nlnL");
        trial_crash(&next.trial, MEMORY_VFS_RANDOM);
        trial_must_open(&next.trial);
        crash_count++;
    }
    if (next.trial.failure)
        fail_msg("%s, lived on: %s", next.trial.name, next.trial.fault.text);
    trial_release(&next.trial);
    memory_vfs_release(&disk);
}

static void crash_now(void *context)
{
    const struct subject *subject = context;
    uint64_t moment = subject->trial.disk->change_count;
    if (subject->depth) {
        crash_by(subject, (unsigned)(moment % MEMORY_VFS_POLICY_COUNT));
        return;
    }
    // Names are where the order matters most, and change seldom.
    if ((moment + subject->script) % stride && subject->trial.disk->change_kind != MEMORY_VFS_NAME)
        return;
    for (unsigned i = 0; i < MEMORY_VFS_POLICY_COUNT + RANDOM_MORE; i++)
        crash_by(subject, i);
    kill_and_crash(subject);
}

static void script_play(size_t script, const struct lsm_options *options, bool has_no_maps)
{
    struct memory_vfs disk;
    struct subject subject = {.script = script};
    memory_vfs_init(&disk);
    trial_init(&subject.trial, &disk, options, script + 1);
    snprintf(subject.trial.name, sizeof subject.trial.name, "script %zu \"%.50s\"", script,
             scripts[script]);
    disk.has_no_maps = has_no_maps;
    disk.after_change = crash_now;
    disk.context = &subject;
    trial_must_open(&subject.trial);
    trial_play(&subject.trial, scripts[script]);
    if (subject.trial.failure)
        fail_msg("%s: %s", subject.trial.name, subject.trial.fault.text);
    trial_check(&subject.trial);
    disk.after_change = NULL;
    trial_release(&subject.trial);
    memory_vfs_release(&disk);
}

// Plays every script that is asked for, or, of the whole list, every `step`-th from `first` on.
static void play_all(enum lsm_durability durability, bool has_no_maps, size_t first, size_t step)
{
    struct lsm_options options = trial_options();
    options.durability = durability;
    options.interval_ms = 100;
    uint64_t crashes_before = crash_count, deep_before = deep_count;
    if (script_end - script_first == 1)
        first = 0;
    for (size_t i = script_first + first; i < script_end; i += step)
        script_play(i, &options, has_no_maps);
    print_message("%llu power losses, %llu of them in a recovery's life\n",
                  (unsigned long long)(crash_count - crashes_before),
                  (unsigned long long)(deep_count - deep_before));
}

TEST(after_a_power_loss_at_any_moment_no_durable_write_is_missing)
{
    play_all(LSM_DURABILITY_GROUP, false, 0, 1);
}

TEST(with_syncs_from_time_to_time_what_comes_back_is_still_a_prefix)
{
    play_all(LSM_DURABILITY_INTERVAL, false, 0, 2);
}

TEST(without_syncs_what_comes_back_is_still_a_prefix)
{
    play_all(LSM_DURABILITY_NONE, false, 1, 2);
}

TEST(where_files_cannot_be_mapped_it_is_the_same)
{
    play_all(LSM_DURABILITY_INTERVAL, true, 2, 8);
    play_all(LSM_DURABILITY_NONE, true, 1, 8);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        stride = strtoull(argv[1], NULL, 10);
    if (argc > 2) {
        script_first = strtoull(argv[2], NULL, 10);
        script_end = script_first + 1;
    }
    if (!stride || script_first >= SCRIPT_COUNT) {
        fprintf(stderr, "usage: crash_test [STRIDE [SCRIPT]]\n");
        return 2;
    }
    return unit_run(NULL, NULL);
}
