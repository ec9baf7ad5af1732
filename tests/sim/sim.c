// sim - whole clusters of the real brains in one process, from one seed each.
//
//     sim [SEEDS] [--first N] [--seed N] [-v] [--known FILE] [--random] [--scenario NAME]
//         [--until-failure]
//
// Runs SEEDS seeds (default 200) from --first (default 1), then those that ever failed
// (--known, default tests/sim/seeds), and prints TAP. --seed runs that one alone; with -v it
// prints what happened. --random leaves out the scenario at the end; --scenario plays the one of
// this name (scenarios.h) and nothing else. --until-failure stops at the first seed that fails.
// Every 50th seed is run twice: both must do exactly the same. A crash names its seed.
#include "sim/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { REPORTED_MAX = 10, ENOUGH_SEEDS = 5000 };

struct options {
    uint64_t first, count;
    bool verbose, is_single, is_random_only, until_failure;
    const char *known;
    const char *scenario;
};

struct tally {
    uint64_t seeds, events, failures;
    uint64_t sometimes[SOMETIMES_COUNT];
};

// For a program that is about to die, and may not do much any more.
static char last_words[64];

static void on_crash(int signal_number)
{
    ssize_t written = write(STDOUT_FILENO, last_words, strlen(last_words));
    (void)written;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static bool run_seed(const struct options *options, uint64_t seed, bool twice, bool verbose,
                     struct tally *tally)
{
    struct run_result result = {0};
    struct run_options once = {seed, verbose, options->is_random_only, options->scenario};
    snprintf(last_words, sizeof last_words, "# seed %llu: a crash\n", (unsigned long long)seed);
    run(&once, &result);
    if (twice && !result.failed) {
        struct run_result again = {0};
        once.verbose = false;
        run(&once, &again);
        if (again.trace != result.trace || again.event_count != result.event_count) {
            result.failed = true;
            snprintf(result.reason, sizeof result.reason, "two runs of it differ");
        }
    }
    tally->seeds++;
    tally->events += result.event_count;
    for (int i = 0; i < SOMETIMES_COUNT; i++)
        tally->sometimes[i] += result.sometimes[i];
    if (!result.failed)
        return true;
    if (tally->failures++ < REPORTED_MAX)
        fprintf(stderr, "# seed %llu: %s\n", (unsigned long long)seed, result.reason);
    return false;
}

static bool report(unsigned number, bool passed, const char *name)
{
    printf("%sok %u - %s\n", passed ? "" : "not ", number, name);
    return passed;
}

static bool run_range(const struct options *options, struct tally *tally)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (uint64_t i = 0; i < options->count; i++) {
        bool passed = run_seed(options, options->first + i, i % 50 == 0, options->verbose, tally);
        if (!passed && options->until_failure)
            break;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    printf("# %llu seeds, %.1f s, %llu events, %llu failed\n", (unsigned long long)tally->seeds,
           seconds, (unsigned long long)tally->events, (unsigned long long)tally->failures);
    return !tally->failures;
}

// One number a line; the rest of a line says what it found.
static bool run_known(const struct options *options, struct tally *tally)
{
    char line[256];
    FILE *file = fopen(options->known, "r");
    if (!file)
        return true;
    uint64_t failures = tally->failures;
    while (fgets(line, sizeof line, file)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line)
            run_seed(options, seed, false, false, tally);
    }
    fclose(file);
    return tally->failures == failures;
}

static bool check_sometimes(const struct tally *tally)
{
    bool is_complete = true;
    for (int i = 0; i < SOMETIMES_COUNT; i++) {
        printf("# %8llu  %s\n", (unsigned long long)tally->sometimes[i],
               sometimes_text((enum sometimes)i));
        is_complete &= tally->sometimes[i] > 0;
    }
    return is_complete;
}

static bool parse(struct options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "-v")) {
            options->verbose = true;
        } else if (!strcmp(argv[i], "--random")) {
            options->is_random_only = true;
        } else if (!strcmp(argv[i], "--until-failure")) {
            options->until_failure = true;
        } else if (value && !strcmp(argv[i], "--scenario")) {
            options->scenario = argv[++i];
        } else if (argv[i][0] != '-') {
            options->count = strtoull(argv[i], NULL, 10);
        } else if (value && !strcmp(argv[i], "--known")) {
            options->known = argv[++i];
        } else if (value && (!strcmp(argv[i], "--first") || !strcmp(argv[i], "--seed"))) {
            options->is_single = argv[i][2] == 's';
            options->first = strtoull(argv[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .count = 200, .known = "tests/sim/seeds"};
    struct tally tally = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    if (!parse(&options, argc, argv)) {
        fprintf(stderr, "usage: sim [SEEDS] [--first N] [--seed N] [-v] [--known FILE] [--random] "
                        "[--scenario NAME] [--until-failure]\n");
        return 2;
    }
    if (options.is_single) {
        printf("1..1\n");
        options.count = 1;
        return !report(1, run_range(&options, &tally), "the seed keeps the promises");
    }
    printf("1..3\n");
    bool passed = report(1, run_range(&options, &tally), "every seed keeps the promises");
    passed &= report(2, run_known(&options, &tally), "so do the seeds that once failed");
    bool is_complete = check_sometimes(&tally);
    if (tally.seeds < ENOUGH_SEEDS || options.scenario)
        printf("ok 3 - every interesting state was reached # SKIP too few seeds\n");
    else
        passed &= report(3, is_complete, "every interesting state was reached");
    return !passed;
}
