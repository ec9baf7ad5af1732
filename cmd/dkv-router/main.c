// dkv-router answers clients and talks to the stores of all nodes; see dkv-router(8).

#include "dkv-router/peers.h"
#include "dkv-router/router.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "proc/arguments.h"
#include "proc/daemon.h"
#include "proc/log.h"
#include "proc/node.h"
#include "proc/notify.h"
#include "proc/seal_file.h"

#include <stdio.h>
#include <string.h>

enum {
    CLIENT_PORT_OFFSET = 0,
    PEER_PORT_OFFSET = 1,
    STORE_PORT_OFFSET = 2,
    TICK_MS = 100,
    TIMEOUT_MS = 5000,
    // The greatest value or record of dkv.conf(5) and its envelope. What is beyond the limits
    // of this node is refused with a reason, not with silence.
    CLIENT_SIZE_MAX = 17 * 1024 * 1024,
    PEER_SIZE_MAX = 1024 * 1024, // pings, greetings and questions
};

struct shell {
    struct router router;
    struct node node;
    struct seals seals;
    uint32_t saved_count; // of them, in keys/seals
    struct peers peers;   // as the log knows them
};

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox)
{
    router_on_message(&((struct shell *)self)->router, arrival, message, now, outbox);
}

static void on_lost(void *self, link_id link, struct moment now, struct outbox *outbox)
{
    router_on_lost(&((struct shell *)self)->router, link, now, outbox);
}

static void on_unsent(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox)
{
    router_on_unsent(&((struct shell *)self)->router, link, message, why, now, outbox);
}

static void report_peers(struct shell *shell, struct moment now)
{
    const struct links *links = &shell->router.links;
    const struct settings *settings = &shell->node.settings;
    struct buf line = {0};
    for (uint32_t i = 0; i < shell->peers.count; i++) {
        enum link_change change = peers_look(&shell->peers, links, i, now, &line);
        if (change)
            log_line(change == LINK_WENT_DOWN ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s",
                     buf_text(&line));
        buf_clear(&line);
        if (peers_look_at_clock(&shell->peers, links, i, settings->clock_warn_ms, now, &line))
            log_line(LOG_LEVEL_WARNING, "%s", buf_text(&line));
        buf_clear(&line);
    }
    buf_release(&line);
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    struct shell *shell = self;
    router_on_tick(&shell->router, now, outbox);
    report_peers(shell, now);
}

static void on_reload(void *self)
{
    node_reload(&((struct shell *)self)->node);
}

static void describe(void *self, struct buf *out)
{
    const struct shell *shell = self;
    peers_status(&shell->peers, &shell->router.links, out);
}

static unsigned tick_within_ms(void *self)
{
    return router_tick_within_ms(&((struct shell *)self)->router);
}

// Keys that other routers told are kept, so that their contexts are good when we start alone.
static void save_seals(struct shell *shell)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    if (seal_file_save(node_path(&shell->node, "keys/seals", path), &shell->seals, &fault))
        log_line(LOG_LEVEL_WARNING, "%s", fault.text);
    shell->saved_count = shell->seals.count;
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    struct shell *shell = self;
    if (shell->seals.count != shell->saved_count)
        save_seals(shell);
    router_on_turn_end(&shell->router, now, outbox);
}

static bool is_ready(void *self, struct moment now)
{
    return router_is_ready(&((struct shell *)self)->router, now);
}

static uint32_t number_of(link_id link)
{
    return net_is_link(link) ? net_link_number(link) : UINT32_MAX;
}

// A link to every store and to every other router. Our own store is next door.
static void connect_all(struct node *node)
{
    char endpoint[NODE_PATH_SIZE];
    struct fault fault;
    for (uint32_t i = 0; i < node->ring.node_count; i++) {
        const struct ring_node *peer = &node->ring.nodes[i];
        bool self = (int)i == node->index;
        const char *store = self ? node_private_ipc(node, "store.sock", endpoint)
                                 : node_tcp(peer, STORE_PORT_OFFSET, endpoint);
        if (net_connect(node->net, i, store, self ? NULL : peer->public_key, &fault))
            die(2, "%s", fault.text);
        if (self)
            continue;
        node_tcp(peer, PEER_PORT_OFFSET, endpoint);
        if (net_connect(node->net, LINKS_ROUTER + i, endpoint, peer->public_key, &fault))
            die(2, "%s", fault.text);
    }
}

// At the first start: the key that this router seals with.
static void make_seals(struct shell *shell, const char *path)
{
    uint8_t secret[SEAL_SECRET_SIZE];
    struct fault fault;
    entropy_fill(secret, sizeof secret);
    enum status status = seals_add_own(&shell->seals, secret);
    explicit_bzero(secret, sizeof secret);
    if (!status && seal_file_save(path, &shell->seals, &fault))
        die(2, "%s (the router keeps keys there and must be able to write)", fault.text);
}

static void open_seals(struct shell *shell)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    node_path(&shell->node, "keys/seals", path);
    enum status status = seal_file_load(path, &shell->seals, &fault);
    if (status == STATUS_INVALID)
        die(2,
            "%s (without the file a new key is made; contexts of the old one stay good while "
            "another router knows it)",
            fault.text);
    if (status && status != STATUS_NOT_FOUND)
        die(2, "%s", fault.text);
    if (status)
        make_seals(shell, path);
    shell->saved_count = shell->seals.count;
}

static void open_router(struct shell *shell)
{
    const struct settings *settings = &shell->node.settings;
    struct router_options options = {
        .ring = &shell->node.ring,
        .ring_text = buf_bytes(&shell->node.ring_text),
        .node = settings->node_id,
        .boot = entropy_u64(),
        .value_size_max = settings->value_size_max,
        .record_size_max = settings_record_size_max(settings),
        .ping_interval_ms = settings->ping_interval_ms,
        .down_after_ms = settings->ping_down_after_ms,
        .timeout_ms = TIMEOUT_MS,
        .software = bytes_of_text(DKV_VERSION),
        .seals = &shell->seals,
        .address = net_link,
        .number = number_of,
    };
    struct moment now = {clock_mono_ms(), clock_wall_ms()};
    struct fault fault;
    if (router_init(&shell->router, &options, now, &fault))
        die(2, "%s", fault.text);
    peers_init(&shell->peers, &shell->node.ring, &shell->router.links, now);
}

int main(int argc, char **argv)
{
    static struct shell shell;
    char client[NODE_PATH_SIZE], peer[NODE_PATH_SIZE], local[NODE_PATH_SIZE];
    arguments_parse(&shell.node.settings, "dkv-router", "answers clients for one node", argc, argv);
    node_open(&shell.node);
    open_seals(&shell);
    open_router(&shell);
    connect_all(&shell.node);
    const struct ring_node *self = &shell.node.ring.nodes[shell.node.index];
    const struct settings *settings = &shell.node.settings;
    const struct net_listener listeners[] = {
        {.endpoint = node_tcp(self, PEER_PORT_OFFSET, peer), // others wait for us as we for them
         .message_size_max = PEER_SIZE_MAX,
         .role_least = ROLE_PEER},
        {.endpoint = node_tcp(self, CLIENT_PORT_OFFSET, client),
         .message_size_max = CLIENT_SIZE_MAX,
         .role_least = ROLE_READER,
         .role_local = ROLE_CLIENT, // of everybody on the loopback, if it is plain
         .plain = settings->plain},
        {.endpoint = node_ipc(&shell.node, "run/router.sock", local),
         .message_size_max = CLIENT_SIZE_MAX,
         .role_local = (enum role)settings->local_role},
    };
    const struct daemon_options options = {.name = "dkv-router",
                                           .tick_ms = TICK_MS,
                                           .listeners = listeners,
                                           .listener_count = 3,
                                           .listen_at_once = 1,
                                           .keys = shell.node.clients};
    const struct daemon_brain brain = {
        .self = &shell,
        .on_message = on_message,
        .on_lost = on_lost,
        .on_unsent = on_unsent,
        .on_tick = on_tick,
        .tick_within_ms = tick_within_ms,
        .on_turn_end = on_turn_end,
        .is_ready = is_ready,
        .on_reload = on_reload,
        .describe = describe,
    };
    notify_status("waiting to hear the other nodes");
    int status = daemon_run(&options, &brain, shell.node.net);
    if (status)
        return status;
    node_close(&shell.node);
    peers_release(&shell.peers);
    router_release(&shell.router);
    seals_release(&shell.seals);
    return 0;
}
