// dkv-store keeps one node's replicas; see dkv-store(8).

#include "dkv-store/brain.h"
#include "dkv-store/offline.h"
#include "dkv-store/serve.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "os/huge_pages.h"
#include "os/posix_vfs.h"
#include "proc/arguments.h"
#include "proc/daemon.h"
#include "proc/engine.h"
#include "proc/log.h"
#include "proc/node.h"
#include "proc/notify.h"
#include "proc/twin.h"
#include "proc/way_out.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum {
    TICK_MS = 1000, // at most: the brain says when it wants one
    REPORT_MS = 1000,
    ASK_MS = 1000,
};

// A line of the log for events that may come many times a second: one a second.
struct report {
    uint64_t count; // how many the log knows of
    uint64_t due_ms;
};

// The brain, and what this program has beside it.
struct program {
    struct store store; // first: the brain's `self` is the address of both
    struct node node;
    char dir[NODE_PATH_SIZE]; // of the database
    struct report damage, forged, losses, given, accepted, lost_again;
    bool is_disk_full; // as the log knows it
    struct twin twin;
    bool is_asking; // as the log knows it
};

static bool report_is_due(struct report *report, uint64_t count, struct moment now)
{
    if (count == report->count || now.mono_ms < report->due_ms)
        return false;
    *report = (struct report){.count = count, .due_ms = now.mono_ms + REPORT_MS};
    return true;
}

static void report_damage(struct program *program, struct moment now)
{
    const struct store_counts *counts = &program->store.counts;
    if (!report_is_due(&program->damage, counts->damaged_reads + counts->damaged_merges, now))
        return;
    log_line(LOG_LEVEL_ERROR, "%s (so far %llu reads and %llu merges failed, all else goes on)",
             program->store.damage.text, (unsigned long long)counts->damaged_reads,
             (unsigned long long)counts->damaged_merges);
}

// The sender of such clocks has a key of a router, or a store was rolled back.
static void report_forged(struct program *program, struct moment now)
{
    uint64_t forged = program->store.counts.forged;
    if (!report_is_due(&program->forged, forged, now))
        return;
    log_line(LOG_LEVEL_ERROR, "refused: %s (%llu such clocks so far)", program->store.forged.text,
             (unsigned long long)forged);
}

// What only people can find the reason of.
static void report_losses(struct program *program, struct moment now)
{
    const struct store *store = &program->store;
    if (report_is_due(&program->losses, store->counts.losses, now))
        log_line(LOG_LEVEL_ERROR,
                 "%s: lost what it had known: %u copies answer no reads until repair has brought "
                 "back what other owners have",
                 store->loss.fault.text, ledger_lost_count(&store->ledger));
    if (report_is_due(&program->given, store->counts.given, now))
        log_line(LOG_LEVEL_INFO,
                 "the ring gives copies to this node: %u answer no reads until repair has brought "
                 "what other owners have",
                 ledger_lost_count(&store->ledger));
    if (report_is_due(&program->accepted, store->counts.accepted, now))
        log_line(
            LOG_LEVEL_ERROR,
            "%s: its loss was accepted (dkv repair --accept-loss): so far %llu copies count as "
            "whole without repair, and %u are lost still",
            store->options.lsm.dir, (unsigned long long)store->counts.accepted,
            ledger_lost_count(&store->ledger));
    if (report_is_due(&program->lost_again, store->counts.lost_again, now))
        log_line(LOG_LEVEL_ERROR,
                 "%s: took back writes that it had known and lost without notice (%llu so far): "
                 "check the disk",
                 store->options.lsm.dir, (unsigned long long)store->counts.lost_again);
}

static void report_asking(struct program *program)
{
    bool is_asking = program->store.is_asking;
    if (program->is_asking && !is_asking && program->store.has_asked_all)
        log_line(LOG_LEVEL_INFO, "answers routers: all other stores told what they have heard of "
                                 "this one");
    else if (program->is_asking && !is_asking)
        log_line(LOG_LEVEL_WARNING,
                 "answers routers: within %d ms not all other stores told what they have heard of "
                 "this one, so it does not know whether its data is an older state",
                 ASK_MS);
    program->is_asking = is_asking;
}

static void report_disk(struct program *program)
{
    bool is_full = lsm_is_disk_full(program->store.lsm);
    const char *dir = program->store.options.lsm.dir;
    if (is_full && !program->is_disk_full)
        log_line(LOG_LEVEL_ERROR,
                 "%s: the disk is full: writes will be refused when memory and log are, too", dir);
    else if (!is_full && program->is_disk_full)
        log_line(LOG_LEVEL_INFO, "%s: there is room on the disk again", dir);
    program->is_disk_full = is_full;
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    serve_on_tick(&program->store, now, outbox);
    report_damage(program, now);
    report_forged(program, now);
    report_losses(program, now);
    const struct store *store = &program->store;
    twin_on_tick(&program->twin, &store->twin, "serves nobody any more",
                 lsm_durable(store->lsm) >= lsm_written(store->lsm), now);
    report_disk(program);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    report_asking(program);
    if (program->store.snapshot != program->node.ring)
        node_take_ring(&program->node, program->store.snapshot);
    serve_on_turn_end(&program->store, now, outbox);
}

static void on_reload(void *self)
{
    node_reload(&((struct program *)self)->node);
}

static void describe(void *self, struct buf *out)
{
    const struct program *program = self;
    const struct store_counts *counts = &program->store.counts;
    if (program->store.twin.text[0])
        buf_printf(out, "serving nobody: %s", program->store.twin.text);
    else if (program->store.is_asking)
        buf_append_text(out, "asking others what they have heard of it");
    else
        buf_append_text(out, "serving");
    if (program->is_disk_full)
        buf_append_text(out, "; the disk is full");
    uint32_t lost_count = ledger_lost_count(&program->store.ledger);
    if (lost_count)
        buf_printf(out, "; %u copies answer no reads before repair", lost_count);
    if (counts->damaged_reads + counts->damaged_merges)
        buf_printf(out, "; damaged: %s", program->store.damage.text);
}

static struct store_options options_of(const struct node *node, struct posix_vfs *vfs,
                                       const char *dir)
{
    const struct settings *settings = &node->settings;
    struct store_options options = {
        .ring = node->ring,
        .node = settings->node_id,
        .boot = entropy_u64(),
        .value_size_max = settings->value_size_max,
        .record_size_max = settings_record_size_max(settings),
        .request_memory_ms = settings->request_memory_ms,
        .purge_age_ms = settings->purge_age_ms,
        .trash_ms = settings->trash_ms,
        .close_after_ms = settings->close_after_ms,
        .clock_refuse_ms = settings->clock_refuse_ms,
        .ask_ms = ASK_MS,
        .lsm = engine_options(node, &vfs->vfs, dir),
        .software = bytes_of_text(DKV_VERSION),
    };
    options.lsm.pages = &huge_pages;
    options.lsm.cache_size = settings->cache_size;
    options.lsm.merge_rate = settings->merge_rate;
    options.lsm.durability = (enum lsm_durability)settings->durability;
    options.lsm.interval_ms = (unsigned)settings->durability_interval_ms;
    return options;
}

// The limits of the engine can be narrower than those of a value.
static void warn_of_limits(const struct store_options *options)
{
    if (options->value_size_max > options->record_size_max)
        log_line(LOG_LEVEL_WARNING,
                 "limits/value_max is %llu, but store/memtable and store/log_segment let a record "
                 "have %llu bytes",
                 (unsigned long long)options->value_size_max,
                 (unsigned long long)options->record_size_max);
}

static void open_store(struct program *program, struct posix_vfs *vfs)
{
    struct fault fault;
    struct store_options options =
        options_of(&program->node, vfs, node_path(&program->node, "data/store", program->dir));
    notify_status("recovering from the log");
    enum status status =
        store_open(&program->store, &options, entropy_u64(), clock_moment(), &fault);
    if (status == STATUS_CORRUPT)
        die_of_damage(program->dir, &fault,
                      "and 'dkv repair --wait' brings back what the other owners have; keyspaces "
                      "with one copy are empty then (dkv-store(8), Damage)");
    if (status)
        die(daemon_exit_status(status), "%s", fault.text);
    program->is_asking = program->store.is_asking;
    warn_of_limits(&options);
}

// ---- looking into a store that does not run --------------------------------------------

static const char summary[] = "       dkv-store --dump DIR [--raw]\n"
                              "       dkv-store --verify DIR\n"
                              "Keeps one node's replicas. The other two forms look into DIR, the\n"
                              "data/store of one that does not run: they print its records, as\n"
                              "'dkv load --format json' reads them, or check every byte of it.";

static bool is_offline(const char *argument)
{
    return !strncmp(argument, "--dump", 6) || !strncmp(argument, "--verify", 8) ||
           !strcmp(argument, "--raw");
}

static bool print(void *context, struct bytes text)
{
    (void)context;
    return fwrite(text.data, 1, text.size, stdout) == text.size;
}

// dkv-store --dump DIR [--raw], dkv-store --verify DIR. The exit status.
static int run_offline(int argc, char **argv)
{
    enum { DUMP = 1, VERIFY, RAW };
    static const struct option table[] = {
        {"dump", required_argument, NULL, DUMP},
        {"verify", required_argument, NULL, VERIFY},
        {"raw", no_argument, NULL, RAW},
        {0},
    };
    struct posix_vfs vfs;
    struct offline offline = {.print = print};
    struct fault fault = {0};
    int wanted = 0;
    for (int option; (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (option == '?' || (option != RAW && wanted))
            wanted = RAW; // nothing that makes sense
        else if (option != RAW)
            wanted = option;
        offline.is_raw |= option == RAW;
        offline.dir = option == RAW ? offline.dir : optarg;
    }
    log_init("dkv-store", LOG_LEVEL_INFO);
    if ((wanted != DUMP && wanted != VERIFY) || optind < argc ||
        (wanted == VERIFY && offline.is_raw))
        die(2, "--dump DIR, perhaps with --raw, or --verify DIR is needed");
    posix_vfs_init(&vfs);
    offline.vfs = &vfs.vfs;
    offline.seed = entropy_u64();
    enum status status =
        wanted == DUMP ? offline_dump(&offline, &fault) : offline_verify(&offline, &fault);
    if (fflush(stdout) || ferror(stdout))
        die(1, "unable to write the output: %s", strerror(errno));
    if (status)
        die(daemon_exit_status(status), "%s", fault.text);
    return 0;
}

int main(int argc, char **argv)
{
    static struct program program; // a worker may still use it when main() returns
    static struct posix_vfs vfs;   // the same
    char local[NODE_PATH_SIZE], remote[NODE_PATH_SIZE];
    char local_bg[NODE_PATH_SIZE], remote_bg[NODE_PATH_SIZE];
    if (argc > 1 && is_offline(argv[1]))
        return run_offline(argc, argv);
    arguments_parse(&program.node.settings, "dkv-store", summary, argc, argv);
    node_open(&program.node);
    posix_vfs_init(&vfs);
    open_store(&program, &vfs);
    const struct ring_node *self = node_self(&program.node);
    const struct net_listener listeners[] = {
        {.endpoint = node_door(self, DOOR_STORE, remote),
         .message_size_max = MESSAGE_SIZE_MAX,
         .role_least = door_facts(DOOR_STORE)->role_least},
        {.endpoint = node_door(self, DOOR_STORE_BACKGROUND, remote_bg),
         .message_size_max = MESSAGE_SIZE_MAX,
         .role_least = door_facts(DOOR_STORE_BACKGROUND)->role_least},
        {.endpoint = node_socket(&program.node, DOOR_STORE_BACKGROUND, local_bg),
         .message_size_max = MESSAGE_SIZE_MAX},
        {.endpoint = node_socket(&program.node, DOOR_STORE, local),
         .message_size_max = MESSAGE_SIZE_MAX},
    };
    const struct daemon_options options = {.name = "dkv-store",
                                           .tick_ms = TICK_MS,
                                           .listeners = listeners,
                                           .listener_count = sizeof listeners / sizeof *listeners,
                                           .keys = program.node.clients};
    struct brain brain = store_brain(&program.store);
    brain.on_tick = on_tick;
    brain.on_turn_end = on_turn_end;
    brain.on_reload = on_reload;
    brain.describe = describe;
    int status = daemon_run(&options, &brain, program.node.net);
    if (status)
        return status; // a worker may still be running: leave without releasing anything
    node_close(&program.node);
    store_close(&program.store);
    return 0;
}
