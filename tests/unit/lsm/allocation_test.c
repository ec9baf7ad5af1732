// Memory that runs out ends the process (base/xalloc.h). At whichever allocation it does: what
// was acknowledged is there when the next process opens the database.
//
//     allocation_test [STRIDE]
//
// A child plays a script in a real directory, and from its n-th allocation on there is no memory.
// What it had written and what was durable it leaves in shared memory; the parent, which knows
// the whole trace from a run of its own, opens the database and compares. So for every
// STRIDE-th n.
#include "unit/lsm/script.h"

#include "lsm/engine.h"

// The tests of this layer are linked without files; these are real, for they must outlive a
// process.
#include "os/posix_vfs.c"

#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ ||                                 \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { STRIDE_DEFAULT = SANITIZED ? 29 : 4, LIVES_ON = 16 };

// Between them every kind of work.
static const struct script {
    const char *steps;
    enum lsm_durability durability;
    unsigned stride; // times that of all
} scripts[] = {
    {"plblPl9blfGplgm", LSM_DURABILITY_GROUP, 1},
    {"6qlfm6Plfmr9bLfmbl", LSM_DURABILITY_GROUP, 1},
    {"9bli9blfmdblfmC2bl", LSM_DURABILITY_GROUP, 1},
    {"9bl9bfGLglPlfmrbl", LSM_DURABILITY_NONE, 1},
    {"plNlbfmNlr", LSM_DURABILITY_GROUP, 1},
    {"40bl20bl20blfm40blm", LSM_DURABILITY_GROUP, 5}, // segments of the log are used again
};

// Of the child; it outlives it.
struct subject {
    struct trial trial;
    bool is_out_of_memory;
};

static uint64_t stride = STRIDE_DEFAULT;
static uint64_t death_count;
static struct subject *subject;
static struct memory_vfs disk; // its functions are those of real files

// ---- Memory ------------------------------------------------------------------------------

static uint64_t allocations_left = UINT64_MAX;

static bool is_out_of_memory(void)
{
    if (allocations_left) {
        allocations_left--;
        return false;
    }
    subject->is_out_of_memory = true;
    return true;
}

#if SANITIZED
// The allocator of a sanitizer cannot be told to fail: die in the place of xalloc.
void __sanitizer_malloc_hook(const volatile void *memory, size_t size);
void __sanitizer_malloc_hook(const volatile void *memory, size_t size)
{
    (void)memory, (void)size;
    if (is_out_of_memory())
        abort();
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    return is_out_of_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_out_of_memory() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return is_out_of_memory() ? NULL : __libc_realloc(memory, size);
}
#endif

// ---- Files -------------------------------------------------------------------------------

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts, (void)kind;
    return place->level ? remove(path) : 0; // not the directory that we are in
}

static void remove_all(void)
{
    assert_int_equal(nftw(".", remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

struct census {
    uint64_t tables, values, snapshots, manifests, log_bytes, others;
};

static void count_file(void *context, const char *name)
{
    struct census *census = context;
    char path[300];
    struct stat facts;
    snprintf(path, sizeof path, "db/%s", name);
    if (stat(path, &facts))
        fail_msg("%s: %s", path, strerror(errno));
    const char *suffix = strrchr(name, '.');
    if (!strncmp(name, "MANIFEST-", 9))
        census->manifests++;
    else if (suffix && !strcmp(suffix, ".tbl"))
        census->tables++;
    else if (suffix && !strcmp(suffix, ".val"))
        census->values++;
    else if (suffix && !strcmp(suffix, ".snp"))
        census->snapshots++;
    else if (suffix && !strcmp(suffix, ".log"))
        census->log_bytes += (uint64_t)facts.st_size;
    else
        census->others++; // CURRENT, LOCK
}

// Nothing is there but what the database knows of.
static void check_files(const struct trial *trial)
{
    struct lsm_stats stats;
    struct census census = {0};
    struct fault fault = {0};
    lsm_stats(trial->lsm, &stats);
    if (disk.vfs.list(&disk.vfs, "db", count_file, &census, &fault))
        fail_msg("%s: %s", trial->name, fault.text);
    if (census.tables != stats.table_count || census.values > stats.value_file_count ||
        census.snapshots != (trial->lsm->snapshot.number != 0) || census.manifests != 1 ||
        census.others != 2 || census.log_bytes > stats.disk_bytes - stats.table_bytes)
        fail_msg("%s: stray files: of %llu tables %zu are known, of %llu value files at most %llu, "
                 "%llu manifests, %llu others",
                 trial->name, (unsigned long long)census.tables, stats.table_count,
                 (unsigned long long)census.values, (unsigned long long)stats.value_file_count,
                 (unsigned long long)census.manifests, (unsigned long long)census.others);
}

// ---- Trials --------------------------------------------------------------------------------

static void start(struct trial *trial, const struct script *script)
{
    struct lsm_options options = trial_options();
    options.durability = script->durability;
    trial_init(trial, &disk, &options, 1 + (uint64_t)(script - scripts));
}

static _Noreturn void play_until_out_of_memory(const struct script *script, uint64_t count)
{
    prctl(PR_SET_DUMPABLE, 0); // no core
    signal(SIGSEGV, SIG_DFL);  // cmocka would take it
    signal(SIGBUS, SIG_DFL);
    setenv("CMOCKA_TEST_ABORT", "1", 1); // a check that fails does not go on with other tests
    start(&subject->trial, script);
    snprintf(subject->trial.name, sizeof subject->trial.name, "\"%s\" in the child", script->steps);
    allocations_left = count;
    if (!trial_open(&subject->trial))
        trial_play(&subject->trial, script->steps);
    _exit(0);
}

// It died in xalloc, or ended well: the C library, too, asks for memory, and can say no.
static void check_death(int state, const char *name)
{
    bool is_expected = WIFEXITED(state) && WEXITSTATUS(state) == 0;
    if (WIFSIGNALED(state))
        is_expected = WTERMSIG(state) == SIGABRT && subject->is_out_of_memory;
    if (!is_expected)
        fail_msg("%s: the child ended with %#x", name, (unsigned)state);
}

// A checkpoint that was cut short is no database, else it is whole.
static void check_copy(void *context, const char *name)
{
    const struct trial *trial = context;
    struct lsm_options options = trial->options;
    struct lsm *copy;
    struct fault fault = {0};
    char path[300];
    snprintf(path, sizeof path, "%s/CURRENT", name);
    if (strncmp(name, "copy-", 5) != 0 || access(path, F_OK))
        return;
    options.dir = name;
    options.owner = (struct lsm_owner){0};
    if (lsm_open(&copy, &options, &fault) || lsm_verify(copy, &fault))
        fail_msg("%s: %s", trial->name, fault.text);
    lsm_close(copy);
}

static void check_what_is_left(const struct trial *whole, uint64_t count)
{
    struct trial trial;
    struct fault fault = {0};
    const struct trace *trace = &subject->trial.trace;
    trial_fork(&trial, whole, &disk);
    snprintf(trial.name, sizeof trial.name, "%.100s, out of memory after %llu allocations",
             whole->name, (unsigned long long)count);
    assert_true(trace->write_count <= trial.trace.write_count);
    trace_cut(&trial.trace, trace->write_count);
    trial.trace.durable_count = trace->durable_count;
    trial_must_open(&trial);
    trial_drain(&trial);
    check_files(&trial);
    if (disk.vfs.list(&disk.vfs, ".", check_copy, &trial, &fault))
        fail_msg("%s: %s", trial.name, fault.text);
    if (death_count % LIVES_ON == 0)
        trial_play(&trial, "9bfmr");
    trial_check(&trial);
    if (trial.failure || lsm_verify(trial.lsm, &fault))
        fail_msg("%s: %s%s", trial.name, trial.fault.text, fault.text);
    trial_release(&trial);
}

// False when there was memory to the end.
static bool play_with_memory_for(const struct trial *whole, const struct script *script,
                                 uint64_t count)
{
    memset(subject, 0, sizeof *subject);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child)
        play_until_out_of_memory(script, count);
    int state = 0;
    assert_int_equal(waitpid(child, &state, 0), child);
    check_death(state, whole->name);
    check_what_is_left(whole, count);
    remove_all();
    death_count += subject->is_out_of_memory;
    return subject->is_out_of_memory;
}

TEST(out_of_memory_at_any_allocation_loses_nothing)
{
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct trial whole;
        start(&whole, &scripts[i]);
        snprintf(whole.name, sizeof whole.name, "\"%s\"", scripts[i].steps);
        trial_must_open(&whole);
        trial_play(&whole, scripts[i].steps);
        if (whole.failure)
            fail_msg("%s: %s", whole.name, whole.fault.text);
        trial_close(&whole);
        remove_all();
        uint64_t count = i % stride;
        while (play_with_memory_for(&whole, &scripts[i], count))
            count += stride * scripts[i].stride;
        trial_release(&whole);
    }
    print_message("%llu deaths\n", (unsigned long long)death_count);
}

static int enter_directory(void **state)
{
    static char in_memory[] = "/dev/shm/dkv-test.XXXXXX", on_disk[] = "/tmp/dkv-test.XXXXXX";
    struct posix_vfs files;
    memory_vfs_init(&disk);
    posix_vfs_init(&files);
    disk.vfs = files.vfs;
    char *dir = mkdtemp(in_memory);
    *state = dir = dir ? dir : mkdtemp(on_disk);
    subject =
        mmap(NULL, sizeof *subject, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return !dir || chdir(dir) || subject == MAP_FAILED;
}

static int leave_directory(void **state)
{
    remove_all();
    return rmdir(*state);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        stride = strtoull(argv[1], NULL, 10);
    return stride ? unit_run(enter_directory, leave_directory) : 2;
}
