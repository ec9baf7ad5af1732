// engine - measures the storage engine against others, on the same work in turns.

#include "bench/engine/child.h"
#include "bench/engine/machine.h"
#include "bench/engine/meter.h"
#include "bench/engine/report.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: engine [--quick] [--only BENCH,...] [--peers NAME,...] [--runs N]\n"
    "              [--keys decimal|binary] [--dir DIR] [--json FILE] [--table FILE]\n"
    "\n"
    "  --quick   a fifth of the keys, one run\n"
    "  --only    only these benches, such as fillrandom,scan\n"
    "  --peers   only these opponents: rocksdb-tuned,rocksdb,leveldb,lmdb,disk; or ours, alone\n"
    "  --runs    of each pair (default 3; the medians count)\n"
    "  --keys    the form of the keys (default binary)\n"
    "  --dir     where the databases are made (default build/bench/data)\n"
    "  --json    one object per row (default build/bench/engine.json)\n"
    "  --table   the same for people, in Markdown (default: only printed)\n";

static const char notes[] =
    "\nThe same work for both: keys of 16 bytes, values that shrink to a half, write buffers of "
    "64 MiB, a block cache of 1 GiB. What is not synced survives the death of the process but "
    "not of the machine, for every engine. Synced writes are measured first, on a disk at rest: "
    "in the minutes after much was written each of its flushes takes longer, and what an engine "
    "adds to that weighs less. "
    "`written/put` are bytes sent to the disk (write_bytes of /proc/self/io, background work to "
    "its end included) for a byte of keys and values put; `on disk/live` are bytes allocated "
    "for a byte of keys and values alive, after the background work; `worst` in a fill is the "
    "slowest 16 operations in a row. Opponents but the first were measured with a fifth of "
    "the keys; ours, too, against them.\n";

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    _exit(EXIT_FAILURE);
}

struct options {
    bool is_quick, is_decimal, has_peers;
    unsigned benches; // wanted
    unsigned peers;   // bits of indexes in opponents[]
    unsigned runs;
    const char *dir, *json, *table;
};

enum {
    QUICK_DIVISOR = 5,
    QUICK_DURATION_MS = 500,
    DURATION_MS = 1500,
    CACHE_SIZE = 1 << 30,
    WRITES_PER_S = 50000,
};

#define SYNCED           .durability = PEER_SYNCED, .key_count = 10000000, .value_size = 100
#define BIT(bench)       BENCH_BIT(BENCH_##bench)
#define BENCHES_OF_FILL  (BIT(FILLRANDOM) | BIT(OVERWRITE))
#define BENCHES_OF_READ  (BIT(READRANDOM) | BIT(MULTIGET) | BIT(READMISSING) | BIT(SCAN))
#define BENCHES_OF_BOTH  (BIT(READWHILEWRITING) | BIT(READWHILEWRITING_P99) | BIT(DELETERANDOM))
#define BENCHES_OF_WRITE (BENCHES_OF_FILL | BENCHES_OF_BOTH | BIT(FILLSEQ))
#define BENCHES_OF_DEFAULTS                                                                        \
    (BIT(FILLRANDOM) | BIT(READRANDOM) | BIT(READMISSING) | BIT(SCAN) | BIT(FILLSYNC))
#define BENCHES_OF_LMDB (BIT(READRANDOM) | BIT(READMISSING) | BIT(SCAN) | BIT(FILLSYNC))

// The work is cut for those that would take minutes; ours gets the same cut.
static const struct opponent {
    const char *name;
    const struct peer *peer; // NULL: ours alone
    unsigned benches;
    unsigned divisor;
} opponents[] = {
    {"rocksdb-tuned", &peer_rocksdb_tuned, ~BIT(RESTART), 1},
    {"rocksdb", &peer_rocksdb, BENCHES_OF_DEFAULTS, 5},
    {"leveldb", &peer_leveldb, ~(BIT(RESTART) | BIT(FILLSYNC_64_ASYNC)), 5},
    {"lmdb", &peer_lmdb, BENCHES_OF_LMDB, 5},
    {"disk", &peer_disk, BIT(FILLSYNC), 5},
    {"ours", NULL, ~0u, 1},
};
enum { OPPONENTS = sizeof opponents / sizeof *opponents };

// What differs between the sessions; the rest is the same for all. They are run in this order:
// synced writes come before everything that keeps the disk busy for minutes.
static const struct session sessions[] = {
    {.benches = BIT(FILLSYNC), .ours = &peer_ours, SYNCED},
    {.benches = BIT(FILLSYNC_64), .ours = &peer_ours_shared, SYNCED},
    {.benches = BIT(FILLSYNC_64_ASYNC), .ours = &peer_ours_async, SYNCED},
    {.benches = BENCHES_OF_FILL | BENCHES_OF_READ | BENCHES_OF_BOTH,
     .ours = &peer_ours,
     .key_count = 5000000,
     .value_size = 100},
    {.benches = BENCHES_OF_FILL, .ours = &peer_ours, .key_count = 300000, .value_size = 1024},
    {.benches = BENCHES_OF_FILL, .ours = &peer_ours, .key_count = 60000, .value_size = 16384},
    {.benches = BIT(FILLSEQ), .ours = &peer_ours, .key_count = 2500000, .value_size = 100},
    {.benches = BIT(RESTART), .ours = &peer_ours, .key_count = 9300000, .value_size = 100},
};
enum { SESSIONS = sizeof sessions / sizeof *sessions };

// ---- Options -----------------------------------------------------------------------------

static unsigned index_of(const char *name, size_t size, const char *(*name_of)(unsigned),
                         unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (strlen(name_of(i)) == size && !strncmp(name_of(i), name, size))
            return i;
    die("%.*s: no such name\n%s", (int)size, name, usage);
}

// The bits of the names in a list with commas.
static unsigned parse_names(const char *list, const char *(*name_of)(unsigned), unsigned count)
{
    unsigned bits = 0;
    while (*list) {
        size_t size = strcspn(list, ",");
        bits |= 1u << index_of(list, size, name_of, count);
        list += size + (list[size] == ',');
    }
    return bits;
}

static const char *bench_name_at(unsigned index)
{
    return bench_name((enum bench)index);
}

static const char *opponent_name_at(unsigned index)
{
    return opponents[index].name;
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"quick", no_argument, NULL, 'q'},       {"only", required_argument, NULL, 'o'},
        {"peers", required_argument, NULL, 'p'}, {"runs", required_argument, NULL, 'r'},
        {"keys", required_argument, NULL, 'k'},  {"dir", required_argument, NULL, 'd'},
        {"json", required_argument, NULL, 'j'},  {"table", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},        {0}};
    struct options options = {
        .benches = ~0u, .peers = ~0u, .dir = "build/bench/data", .json = "build/bench/engine.json"};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'q':
            options.is_quick = true;
            break;
        case 'o':
            options.benches = parse_names(optarg, bench_name_at, BENCH_COUNT);
            break;
        case 'p':
            options.peers = parse_names(optarg, opponent_name_at, OPPONENTS);
            options.has_peers = true;
            break;
        case 'r':
            options.runs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'k':
            options.is_decimal = !strcmp(optarg, "decimal");
            if (!options.is_decimal && strcmp(optarg, "binary") != 0)
                die("%s", usage);
            break;
        case 'd':
            options.dir = optarg;
            break;
        case 'j':
            options.json = optarg;
            break;
        case 't':
            options.table = optarg;
            break;
        default:
            die("%s", usage);
        }
    }
    if (!options.runs)
        options.runs = options.is_quick ? 1 : 3;
    if (options.runs > REPORT_RUNS_MAX)
        die("at most %d runs", REPORT_RUNS_MAX);
    return options;
}

// ---- Measuring ---------------------------------------------------------------------------

// Whose turn it is.
struct turn {
    struct report *report;
    const char *opponent;
    enum side side;
    uint64_t begin_ns; // of all
};

static void on_sample(void *context, const struct sample *sample)
{
    struct turn *turn = context;
    report_add(turn->report, turn->opponent, turn->side, sample);
    fprintf(stderr, "%5.0f s  %-14s %-20s %6u %12.4g %s\n",
            meter_seconds(turn->begin_ns, meter_now_ns()),
            turn->side == SIDE_OURS ? "ours" : turn->opponent, bench_name(sample->bench),
            sample->value_size, sample->figures[FIGURE_MAIN], bench_unit(sample->bench));
}

static bool measure_pair(const struct session *session, const struct opponent *opponent,
                         const char *dir, struct report *report, uint64_t begin_ns)
{
    const struct peer *peers[SIDE_COUNT] = {session->ours, opponent->peer};
    bool is_well = true;
    for (int side = 0; side < SIDE_COUNT; side++) {
        struct turn turn = {report, opponent->name, (enum side)side, begin_ns};
        if (peers[side] && !child_run(session, peers[side], dir, on_sample, &turn)) {
            fprintf(stderr, "engine: %s failed\n", peers[side]->name);
            is_well = false;
        }
    }
    return is_well;
}

// The session as it is run: what of it is wanted, and how much.
static struct session cut_session(const struct options *options, const struct session *session,
                                  const struct opponent *opponent)
{
    struct session cut = *session;
    cut.benches &= options->benches & opponent->benches;
    if (!opponent->peer && !options->has_peers)
        cut.benches &= BIT(RESTART);
    cut.key_count /= options->is_quick ? QUICK_DIVISOR : opponent->divisor;
    if (!(cut.benches & BENCHES_OF_WRITE) && cut.durability == PEER_WRITTEN)
        cut.durability = PEER_BULK;
    cut.cache_size = CACHE_SIZE;
    cut.writes_per_s = WRITES_PER_S;
    cut.duration_ms = options->is_quick ? QUICK_DURATION_MS : DURATION_MS;
    cut.is_decimal = options->is_decimal;
    return cut;
}

static bool measure(const struct options *options, const char *dir, struct report *report)
{
    uint64_t begin_ns = meter_now_ns();
    bool is_well = true;
    for (unsigned j = 0; j < SESSIONS; j++) {
        for (unsigned i = 0; i < OPPONENTS; i++) {
            if (!(options->peers & 1u << i))
                continue;
            struct session session = cut_session(options, &sessions[j], &opponents[i]);
            for (unsigned run = 0; session.benches && run < options->runs; run++)
                is_well &= measure_pair(&session, &opponents[i], dir, report, begin_ns);
        }
    }
    return is_well;
}

static void describe(const struct options *options, struct buf *out)
{
    buf_append_text(out, "# The engine against others\n\n"
                         "Written by `make bench-engine`; medians of runs in turns.\n\n");
    machine_describe(options->dir, out);
    buf_append_text(out, "- ours: ");
    peer_ours.describe(out);
    for (size_t i = 0; i < OPPONENTS; i++) {
        if (!opponents[i].peer || !(options->peers & 1u << i))
            continue;
        buf_printf(out, "\n- %s: ", opponents[i].name);
        opponents[i].peer->describe(out);
    }
    buf_append_text(out, "\n");
    buf_append_text(out, notes);
}

static void write_report(const struct options *options, struct buf *description,
                         const struct report *report)
{
    FILE *json = fopen(options->json, "w");
    FILE *table = options->table ? fopen(options->table, "w") : stdout;
    if (!json || !table)
        die("cannot write the report: %s", strerror(errno));
    report_write_json(report, json);
    fputs(buf_text(description), table);
    report_write_table(report, table);
    if (fclose(json) || fclose(table))
        die("cannot write the report: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    static struct report report;
    struct buf description = {0};
    struct options options = parse_options(argc, argv);
    uint64_t begin_ns = meter_now_ns();
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s/engine", options.dir);
    if (mkdir(options.dir, 0777) && errno != EEXIST)
        die("cannot make %s: %s", options.dir, strerror(errno));
    describe(&options, &description);
    bool is_well = measure(&options, dir, &report);
    rmdir(options.dir); // unless something else is in it
    write_report(&options, &description, &report);
    fprintf(stderr, "engine: %.0f s\n", meter_seconds(begin_ns, meter_now_ns()));
    buf_release(&description);
    return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
