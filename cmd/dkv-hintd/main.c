// dkv-hintd keeps hints for owners that could not be reached; see dkv-hintd(8).

#include "dkv-hintd/brain.h"
#include "dkv-hintd/reception.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "os/posix_vfs.h"
#include "proc/arguments.h"
#include "proc/daemon.h"
#include "proc/engine.h"
#include "proc/log.h"
#include "proc/news_log.h"
#include "proc/node.h"
#include "proc/notify.h"
#include "proc/twin.h"
#include "proc/way_out.h"
#include "proc/ways.h"

enum {
    TICK_MS = 2000, // at most: the brain says when it wants one
    REPORT_MS = 1000,
    CACHE_SIZE = 16 << 20, // hints are read once
};

// The brain, and what this program has beside it.
struct program {
    struct hintd hintd; // first: the brain's `self` is the address of both
    struct node node;
    char dir[NODE_PATH_SIZE]; // of the database
    struct news news;         // that the log has
    struct ways ways;
    uint64_t damage_count, report_ms; // as the log knows it
    bool is_full;                     // the same
    struct twin twin;
};

static void report_damage(struct program *program, struct moment now)
{
    const struct hintd_counts *counts = &program->hintd.counts;
    uint64_t count = counts->damaged_reads + counts->damaged_merges;
    if (count == program->damage_count || now.mono_ms < program->report_ms)
        return;
    program->damage_count = count;
    program->report_ms = now.mono_ms + REPORT_MS;
    log_line(LOG_LEVEL_ERROR, "%s (%llu so far, all else goes on)", program->hintd.damage.text,
             (unsigned long long)count);
}

// Full, or nearly so, by its own limit.
static void report_space(struct program *program)
{
    const struct hintd *hintd = &program->hintd;
    uint64_t most = hintd->options.size_max, bytes = hintd->tally.bytes;
    if (!program->is_full && bytes > most - most / 20)
        log_line(LOG_LEVEL_WARNING,
                 "%llu bytes of hints wait, of %llu that hints/size_max lets it keep: what comes "
                 "beyond is left to repair",
                 (unsigned long long)bytes, (unsigned long long)most);
    if (bytes > most - most / 20 || bytes < most - most / 10)
        program->is_full = bytes > most - most / 20;
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    reception_on_tick(&program->hintd, now, outbox);
    ways_on_tick(&program->ways, now, outbox);
    news_log(&program->news, &program->hintd.peers, program->node.settings.clock_warn_ms, now);
    report_damage(program, now);
    report_space(program);
    const struct hintd *hintd = &program->hintd;
    twin_on_tick(&program->twin, &hintd->twin, "takes no more hints, and delivers what it has",
                 lsm_durable(hintd->lsm) >= lsm_written(hintd->lsm), now);
}

static void on_moved(void *context, uint32_t number, struct moment now, struct outbox *outbox)
{
    (void)outbox;
    reception_on_lost(&((struct program *)context)->hintd, net_link(number), now);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    ways_follow(&program->ways, program->hintd.snapshot, now, outbox);
    reception_on_turn_end(&program->hintd, now, outbox);
}

static void on_reload(void *self)
{
    node_reload(&((struct program *)self)->node);
}

static void describe(void *self, struct buf *out)
{
    const struct program *program = self;
    news_status(&program->hintd.peers, out);
    if (program->hintd.twin.text[0])
        buf_printf(out, "; takes no more: %s", program->hintd.twin.text);
    buf_printf(out, "; %llu bytes of hints", (unsigned long long)program->hintd.tally.bytes);
}

static struct hintd_options options_of(const struct node *node, struct posix_vfs *vfs,
                                       const char *dir)
{
    const struct settings *settings = &node->settings;
    struct hintd_options options = {
        .ring = node->ring,
        .node = settings->node_id,
        .boot = entropy_u64(),
        .value_size_max = settings->value_size_max,
        .record_size_max = settings_record_size_max(settings),
        .request_memory_ms = settings->request_memory_ms,
        .clock_refuse_ms = settings->clock_refuse_ms,
        .ping_interval_ms = settings->ping_interval_ms,
        .down_after_ms = settings->ping_down_after_ms,
        .retry_ms = settings->hints_retry_ms,
        .rate = settings->hints_rate,
        .size_max = settings->hints_size_max,
        .expire_ms = settings->hints_expire_ms,
        .lsm = engine_options(node, &vfs->vfs, dir),
        .software = bytes_of_text(DKV_VERSION),
        .link_of = net_link,
        .number_of = net_number_of,
    };
    options.lsm.cache_size = CACHE_SIZE;
    options.lsm.durability = LSM_DURABILITY_GROUP; // a hint counts as an owner's acknowledgement
    return options;
}

static void open_hintd(struct program *program, struct posix_vfs *vfs)
{
    struct fault fault;
    struct hintd_options options =
        options_of(&program->node, vfs, node_path(&program->node, "data/hints", program->dir));
    notify_status("recovering from the log");
    enum status status =
        hintd_open(&program->hintd, &options, entropy_u64(), clock_moment(), &fault);
    if (status == STATUS_CORRUPT)
        die_of_damage(program->dir, &fault,
                      "and 'dkv repair --wait' gives the nodes that were away what waited here, "
                      "from other owners (dkv-hintd(8), Damage)");
    if (status)
        die(daemon_exit_status(status), "%s", fault.text);
}

int main(int argc, char **argv)
{
    static struct program program; // a worker may still use it when main() returns
    static struct posix_vfs vfs;   // the same
    char local[NODE_PATH_SIZE], remote[NODE_PATH_SIZE];
    arguments_parse(&program.node.settings, "dkv-hintd",
                    "keeps hints for nodes that could not be reached", argc, argv);
    node_open(&program.node);
    posix_vfs_init(&vfs);
    open_hintd(&program, &vfs);
    program.ways = (struct ways){.node = &program.node,
                                 .peers = &program.hintd.peers,
                                 .doors = {[SERVICE_STORE] = DOOR_STORE_BACKGROUND},
                                 .on_moved = on_moved,
                                 .context = &program};
    ways_connect(&program.ways, clock_moment(), NULL);
    const struct net_listener listeners[] = {
        {.endpoint = node_door(node_self(&program.node), DOOR_HINTD, remote),
         .message_size_max = MESSAGE_SIZE_MAX,
         .role_least = door_facts(DOOR_HINTD)->role_least},
        {.endpoint = node_socket(&program.node, DOOR_HINTD, local),
         .message_size_max = MESSAGE_SIZE_MAX},
    };
    const struct daemon_options options = {.name = "dkv-hintd",
                                           .tick_ms = TICK_MS,
                                           .listeners = listeners,
                                           .listener_count = 2,
                                           .keys = program.node.clients};
    struct brain brain = hintd_brain(&program.hintd);
    brain.on_tick = on_tick;
    brain.on_turn_end = on_turn_end;
    brain.on_reload = on_reload;
    brain.describe = describe;
    int status = daemon_run(&options, &brain, program.node.net);
    if (status)
        return status; // a worker may still be running: leave without releasing anything
    node_close(&program.node);
    news_release(&program.news);
    ways_release(&program.ways);
    hintd_close(&program.hintd);
    return 0;
}
