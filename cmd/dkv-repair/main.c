// dkv-repair makes the replicas of its node's store complete; see dkv-repair(8).

#include "dkv-repair/brain.h"
#include "dkv-repair/post.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "proc/arguments.h"
#include "proc/daemon.h"
#include "proc/log.h"
#include "proc/news_log.h"
#include "proc/node.h"
#include "proc/ways.h"

enum {
    TICK_MS = 2000, // at most: the brain says when it wants one
    PEER_SIZE_MAX = 1024 * 1024,
};

// The brain, and what this program has beside it.
struct program {
    struct repair repair; // first: the brain's `self` is the address of both
    struct node node;
    struct news news; // that the log has
    struct ways ways;
    uint64_t damaged; // partitions that the log knows of
};

static void on_moved(void *context, uint32_t number, struct moment now, struct outbox *outbox)
{
    (void)outbox;
    post_on_lost(&((struct program *)context)->repair, net_link(number), now);
}

static void report_damage(struct program *program)
{
    struct scrub *scrub = &program->repair.scrub;
    if (scrub->damaged > program->damaged)
        log_line(LOG_LEVEL_ERROR, "scrub: %s", buf_text(&scrub->fault));
    program->damaged = scrub->damaged;
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    repair_on_tick(&program->repair, now, outbox);
    ways_on_tick(&program->ways, now, outbox);
    news_log(&program->news, &program->repair.peers, program->node.settings.clock_warn_ms, now);
    report_damage(program);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    ways_follow(&program->ways, program->repair.snapshot, now, outbox);
    post_on_turn_end(&program->repair, now, outbox);
}

static void on_reload(void *self)
{
    node_reload(&((struct program *)self)->node);
}

static void describe(void *self, struct buf *out)
{
    const struct program *program = self;
    news_status(&program->repair.peers, out);
}

static void open_repair(struct program *program)
{
    const struct settings *settings = &program->node.settings;
    struct repair_options options = {
        .ring = program->node.ring,
        .node = settings->node_id,
        .boot = entropy_u64(),
        .ping_interval_ms = settings->ping_interval_ms,
        .down_after_ms = settings->ping_down_after_ms,
        .interval_ms = settings->repair_interval_ms,
        .settle_ms = settings->repair_settle_ms,
        .scrub_ms = settings->repair_scrub_ms,
        .rate = settings->repair_rate,
        .software = bytes_of_text(DKV_VERSION),
        .link_of = net_link,
        .number_of = net_number_of,
    };
    struct fault fault;
    if (repair_init(&program->repair, &options, clock_moment(), &fault))
        die(2, "%s", fault.text);
}

int main(int argc, char **argv)
{
    static struct program program;
    char remote[NODE_PATH_SIZE], local[NODE_PATH_SIZE];
    arguments_parse(&program.node.settings, "dkv-repair", "makes the replicas of one node complete",
                    argc, argv);
    node_open(&program.node);
    open_repair(&program);
    program.ways = (struct ways){
        .node = &program.node,
        .peers = &program.repair.peers,
        .doors = {[SERVICE_STORE] = DOOR_STORE_BACKGROUND, [SERVICE_HINTD] = DOOR_HINTD},
        .on_moved = on_moved,
        .context = &program};
    ways_connect(&program.ways, clock_moment(), NULL);
    const struct net_listener listeners[] = {
        {.endpoint = node_door(node_self(&program.node), DOOR_REPAIR, remote),
         .message_size_max = PEER_SIZE_MAX,
         .role_least = door_facts(DOOR_REPAIR)->role_least},
        {.endpoint = node_socket(&program.node, DOOR_REPAIR, local),
         .message_size_max = PEER_SIZE_MAX},
    };
    const struct daemon_options options = {.name = "dkv-repair",
                                           .tick_ms = TICK_MS,
                                           .listeners = listeners,
                                           .listener_count = sizeof listeners / sizeof *listeners,
                                           .keys = program.node.clients};
    struct brain brain = repair_brain(&program.repair);
    brain.on_tick = on_tick;
    brain.on_turn_end = on_turn_end;
    brain.on_reload = on_reload;
    brain.describe = describe;
    int status = daemon_run(&options, &brain, program.node.net);
    if (status)
        return status;
    node_close(&program.node);
    news_release(&program.news);
    ways_release(&program.ways);
    repair_release(&program.repair);
    return 0;
}
