// dkv-router answers clients and talks to the stores of all nodes; see dkv-router(8).

#include "base/xalloc.h"
#include "dkv-router/brain.h"
#include "dkv-router/dispatch.h"
#include "dkv-router/news.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "proc/arguments.h"
#include "proc/daemon.h"
#include "proc/log.h"
#include "proc/node.h"
#include "proc/notify.h"
#include "proc/seal_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_AGAIN_MS = 2000,
    TICK_MS = 100,
    TIMEOUT_MS = 5000,
    // The largest value or record of dkv.conf(5) and its envelope. One beyond the limits of this
    // node is refused with a reason, not with silence.
    CLIENT_SIZE_MAX = 17 * 1024 * 1024,
    PEER_SIZE_MAX = 1024 * 1024, // pings, greetings and questions
};

// The brain, and what this program has beside it.
struct program {
    struct router router; // first: the brain's `self` is the address of both
    struct node node;
    struct seals seals;
    uint32_t saved_count; // of them, in keys/seals
    struct news news;     // that the log has
    struct buf *ways;     // by number of a link: where it is connected to; empty = it is not
    uint32_t way_count;
    uint64_t connect_ms; // when links that could not be made are tried again; 0 = all were made
};

static void report_peers(struct program *program, struct moment now)
{
    const struct peers *peers = &program->router.peers;
    const struct settings *settings = &program->node.settings;
    struct buf line = {0};
    for (uint32_t i = UINT32_MAX; peers_next(peers, &i);) {
        enum link_change change = news_look(&program->news, peers, i, now, &line);
        if (change)
            log_line(change == LINK_WENT_DOWN ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s",
                     buf_text(&line));
        buf_clear(&line);
        if (news_look_at_clock(&program->news, peers, i, settings->clock_warn_ms, now, &line))
            log_line(LOG_LEVEL_WARNING, "%s", buf_text(&line));
        buf_clear(&line);
    }
    buf_release(&line);
}

static void on_reload(void *self)
{
    node_reload(&((struct program *)self)->node);
}

static void describe(void *self, struct buf *out)
{
    const struct program *program = self;
    news_status(&program->router.peers, out);
}

// Keys that other routers told are kept, so that their contexts are good when we start alone.
static void save_seals(struct program *program)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    if (seal_file_save(node_path(&program->node, "keys/seals", path), &program->seals, &fault))
        log_line(LOG_LEVEL_WARNING, "%s", fault.text);
    program->saved_count = program->seals.count;
}

// Where the link of this number goes. Our own store is next door.
static const char *way_of(struct program *program, uint32_t number, char endpoint[NODE_PATH_SIZE],
                          const char **key)
{
    const struct node *node = &program->node;
    const struct ring *ring = program->router.ring;
    const struct ring_node *peer =
        &ring->nodes[ring_find_node(ring, peers_at(&program->router.peers, number)->node)];
    bool is_store = peers_service(number) == SERVICE_STORE;
    bool is_ours = is_store && peer->id == node->settings.node_id;
    *key = is_ours ? NULL : peer->public_key;
    return is_ours ? node_socket(node, DOOR_STORE, endpoint)
                   : node_door(peer, is_store ? DOOR_STORE : DOOR_PEER, endpoint);
}

// Connects the link if it is not connected to where it should be. Its peer hears nothing more of
// what it was asked at another address, so that is over.
static enum status connect_peer(struct program *program, uint32_t number, struct moment now,
                                struct outbox *outbox, struct fault *fault)
{
    char endpoint[NODE_PATH_SIZE];
    const char *key, *way = way_of(program, number, endpoint, &key);
    struct buf *connected = &program->ways[number], wanted = {0};
    enum status status = STATUS_OK;
    buf_printf(&wanted, "%s %s", way, key ? key : "");
    if (!bytes_equal(buf_bytes(connected), buf_bytes(&wanted))) {
        if (connected->size) {
            net_disconnect(program->node.net, number);
            dispatch_on_lost(&program->router, net_link(number), now, outbox);
        }
        buf_clear(connected);
        status = net_connect(program->node.net, number, way, key, fault);
        if (!status)
            buf_set(connected, buf_bytes(&wanted));
    }
    buf_release(&wanted);
    return status;
}

static void disconnect_peers(struct program *program)
{
    for (uint32_t i = 0; i < program->way_count; i++) {
        if (peers_link(&program->router.peers, i) || !program->ways[i].size)
            continue;
        net_disconnect(program->node.net, i);
        buf_clear(&program->ways[i]);
    }
}

// A link to every store and to every other router of the ring, and no others. One that cannot be
// made keeps no other from being made, and is tried again later.
static void connect_peers(struct program *program, struct moment now, struct outbox *outbox)
{
    const struct peers *peers = &program->router.peers;
    uint32_t count = peers->count * SERVICE_COUNT;
    struct fault fault;
    program->ways = xrealloc(program->ways, count * sizeof *program->ways);
    for (; program->way_count < count; program->way_count++)
        program->ways[program->way_count] = (struct buf){0};
    disconnect_peers(program);
    bool was_complete = !program->connect_ms;
    program->connect_ms = 0;
    for (uint32_t i = UINT32_MAX; peers_next(peers, &i);) {
        if (!connect_peer(program, i, now, outbox, &fault))
            continue;
        program->connect_ms = now.mono_ms + CONNECT_AGAIN_MS;
        if (was_complete)
            log_line(LOG_LEVEL_ERROR, "%s", fault.text);
    }
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    dispatch_on_tick(&program->router, now, outbox);
    if (program->connect_ms && now.mono_ms >= program->connect_ms)
        connect_peers(program, now, outbox);
    report_peers(program, now);
}

// A new ring document was read.
static void adopt(struct program *program, struct moment now, struct outbox *outbox)
{
    dispatch_adopt(&program->router, program->node.ring, now, outbox);
    program->connect_ms = 0;
    connect_peers(program, now, outbox);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    if (program->router.snapshot != program->node.ring)
        adopt(program, now, outbox);
    if (program->seals.count != program->saved_count)
        save_seals(program);
    dispatch_on_turn_end(&program->router, now, outbox);
}

static uint32_t number_of(link_id link)
{
    return net_is_link(link) ? net_link_number(link) : UINT32_MAX;
}

// At the first start: the key that this router seals with.
static void make_seals(struct program *program, const char *path)
{
    uint8_t secret[SEAL_SECRET_SIZE];
    struct fault fault;
    entropy_fill(secret, sizeof secret);
    enum status status = seals_add_own(&program->seals, secret);
    explicit_bzero(secret, sizeof secret);
    if (!status && seal_file_save(path, &program->seals, &fault))
        die(2, "%s (the router keeps keys there and must be able to write)", fault.text);
}

static void open_seals(struct program *program)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    node_path(&program->node, "keys/seals", path);
    enum status status = seal_file_load(path, &program->seals, &fault);
    if (status == STATUS_INVALID)
        die(2,
            "%s (without the file a new key is made; contexts of the old one stay good while "
            "another router knows it)",
            fault.text);
    if (status && status != STATUS_NOT_FOUND)
        die(2, "%s", fault.text);
    if (status)
        make_seals(program, path);
    program->saved_count = program->seals.count;
}

static void open_router(struct program *program)
{
    const struct settings *settings = &program->node.settings;
    struct router_options options = {
        .ring = program->node.ring,
        .node = settings->node_id,
        .boot = entropy_u64(),
        .value_size_max = settings->value_size_max,
        .record_size_max = settings_record_size_max(settings),
        .ping_interval_ms = settings->ping_interval_ms,
        .down_after_ms = settings->ping_down_after_ms,
        .timeout_ms = TIMEOUT_MS,
        .software = bytes_of_text(DKV_VERSION),
        .seals = &program->seals,
        .link_of = net_link,
        .number_of = number_of,
    };
    struct moment now = {clock_mono_ms(), clock_wall_ms()};
    struct fault fault;
    if (router_init(&program->router, &options, now, &fault))
        die(2, "%s", fault.text);
}

int main(int argc, char **argv)
{
    static struct program program;
    char client[NODE_PATH_SIZE], peer[NODE_PATH_SIZE], local[NODE_PATH_SIZE];
    arguments_parse(&program.node.settings, "dkv-router", "answers clients for one node", argc,
                    argv);
    node_open(&program.node);
    open_seals(&program);
    open_router(&program);
    struct moment now = {clock_mono_ms(), clock_wall_ms()};
    connect_peers(&program, now, NULL);
    const struct ring_node *self = node_self(&program.node);
    const struct settings *settings = &program.node.settings;
    const struct net_listener listeners[] = {
        {.endpoint = node_door(self, DOOR_PEER, peer), // others wait for us as we for them
         .message_size_max = PEER_SIZE_MAX,
         .role_least = door_facts(DOOR_PEER)->role_least},
        {.endpoint = node_door(self, DOOR_CLIENT, client),
         .message_size_max = CLIENT_SIZE_MAX,
         .role_least = door_facts(DOOR_CLIENT)->role_least,
         .role_local = ROLE_CLIENT, // of everybody on the loopback, if it is plain
         .plain = settings->plain},
        {.endpoint = node_socket(&program.node, DOOR_CLIENT, local),
         .message_size_max = CLIENT_SIZE_MAX,
         .role_local = (enum role)settings->local_role},
    };
    const struct daemon_options options = {.name = "dkv-router",
                                           .tick_ms = TICK_MS,
                                           .listeners = listeners,
                                           .listener_count = 3,
                                           .listen_at_once = 1,
                                           .keys = program.node.clients};
    struct brain brain = router_brain(&program.router);
    brain.on_tick = on_tick;
    brain.on_turn_end = on_turn_end;
    brain.on_reload = on_reload;
    brain.describe = describe;
    notify_status("waiting to hear the other nodes");
    int status = daemon_run(&options, &brain, program.node.net);
    if (status)
        return status;
    node_close(&program.node);
    news_release(&program.news);
    for (uint32_t i = 0; i < program.way_count; i++)
        buf_release(&program.ways[i]);
    free(program.ways);
    router_release(&program.router);
    seals_release(&program.seals);
    return 0;
}
