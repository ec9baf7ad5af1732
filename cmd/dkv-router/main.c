// dkv-router answers clients and talks to the stores of all nodes; see dkv-router(8).

#include "consensus/acceptor.h"
#include "dkv-router/brain.h"
#include "dkv-router/dispatch.h"
#include "dkv-router/polls.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "proc/arguments.h"
#include "proc/daemon.h"
#include "proc/log.h"
#include "proc/news_log.h"
#include "proc/node.h"
#include "proc/notify.h"
#include "proc/ring_file.h"
#include "proc/seal_file.h"
#include "proc/ways.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    TICK_MS = 2000, // at most: the brain says when it wants one
    TIMEOUT_MS = 5000,
    // The largest value or record of dkv.conf(5) and its envelope. One beyond the limits of this
    // node is refused with a reason, not with silence.
    CLIENT_SIZE_MAX = 17 * 1024 * 1024,
    PEER_SIZE_MAX = MESSAGE_SIZE_MAX, // ring documents
};

// The brain, and what this program has beside it.
struct program {
    struct router router; // first: the brain's `self` is the address of both
    struct node node;
    struct seals seals;
    uint32_t saved_count; // of them, in keys/seals
    struct news news;     // that the log has
    struct ways ways;
    uint64_t handed_hash; // of the document that the operator handed in last
    struct buf votes;     // as they were found; until the router has them
};

static const char *ring_dir; // for the worker: never changes

// Looks at the document that the operator handed in, and has it put to the vote if it is one to
// come. `is_start`: what counted once, and is still there, is no news.
static void look_at_handed(struct program *program, bool is_start)
{
    struct node *node = &program->node;
    struct buf text = {0};
    struct fault fault = {"it cannot be read"};
    enum status status = ring_file_read(node->settings.dir, RING_FILE_HANDED, &text);
    struct ring_snapshot *document = status ? NULL : ring_snapshot_parse(buf_bytes(&text), &fault);
    buf_release(&text);
    if (status == STATUS_NOT_FOUND)
        return;
    bool is_known = document && (document->hash == node->ring->hash ||
                                 (document->ring.epoch <= node->ring->ring.epoch &&
                                  (is_start || document->hash == program->handed_hash)));
    program->handed_hash = document ? document->hash : 0;
    if (!document || (!is_known && polls_hand(&program->router.epochs, document, &fault)))
        log_line(LOG_LEVEL_ERROR, "%s/" RING_FILE_HANDED ": not taken over: %.250s",
                 node->settings.dir, fault.text);
    ring_snapshot_drop(document);
}

static void on_reload(void *self)
{
    struct program *program = self;
    look_at_handed(program, false);
    node_reload(&program->node);
}

// On a worker.
static void run_job(void *self)
{
    struct epochs_job *job = self;
    job->status = STATUS_OK;
    if (job->document)
        job->status = ring_file_write(ring_dir, RING_FILE_ADOPTED, buf_bytes(&job->document->text),
                                      &job->fault);
    if (!job->status && job->votes.size)
        job->status =
            ring_file_write(ring_dir, RING_FILE_VOTES, buf_bytes(&job->votes), &job->fault);
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

static void on_moved(void *context, uint32_t number, struct moment now, struct outbox *outbox)
{
    dispatch_on_lost(&((struct program *)context)->router, net_link(number), now, outbox);
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    dispatch_on_tick(&program->router, now, outbox);
    ways_on_tick(&program->ways, now, outbox);
    news_log(&program->news, &program->router.peers, program->node.settings.clock_warn_ms, now);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    struct program *program = self;
    ways_follow(&program->ways, program->router.snapshot, now, outbox);
    struct fault *told = &program->router.epochs.told;
    if (told->text[0])
        log_line(LOG_LEVEL_WARNING, "%s", told->text);
    told->text[0] = 0;
    if (program->seals.count != program->saved_count)
        save_seals(program);
    dispatch_on_turn_end(&program->router, now, outbox);
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

static void keep(const struct node *node, const char *name, struct bytes content)
{
    struct fault fault;
    if (ring_file_write(node->settings.dir, name, content, &fault))
        die(1, "%s (the router keeps the ring document and its votes there)", fault.text);
}

static bool is_whole(const struct buf *votes)
{
    struct acceptor acceptor;
    bool is_whole = votes->size && !acceptor_decode(&acceptor, buf_bytes(votes), NULL);
    if (is_whole)
        acceptor_release(&acceptor);
    return is_whole;
}

// The document that counts from the first start on, whatever is handed in later, and that nothing
// was voted yet. What the first start leaves behind tells that another one is not the first: this,
// and afterwards keys/seals.
static void keep_first(const struct node *node, struct buf *votes)
{
    char path[NODE_PATH_SIZE];
    if (node->has_adopted)
        return;
    bool has_run = votes->size || !access(node_path(node, "keys/seals", path), F_OK);
    if (has_run && !is_whole(votes))
        die(2,
            "%s/" RING_FILE_ADOPTED ": missing, and " RING_FILE_VOTES
            " is missing or damaged, though this node has run before: copy the first of them from "
            "the node that has the highest epoch in 'dkv status'",
            node->settings.dir);
    if (!has_run) {
        votes_encode_none(votes);
        keep(node, RING_FILE_VOTES, buf_bytes(votes));
    }
    keep(node, RING_FILE_ADOPTED, buf_bytes(&node->ring->text));
}

// Before the seals.
static void open_ring(struct program *program)
{
    const char *dir = program->node.settings.dir;
    ring_dir = dir;
    if (ring_file_read(dir, RING_FILE_VOTES, &program->votes) == STATUS_IO)
        die(1, "%s/" RING_FILE_VOTES ": %s", dir, strerror(errno));
    keep_first(&program->node, &program->votes);
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
        .clock_refuse_ms = settings->clock_refuse_ms,
        .timeout_ms = TIMEOUT_MS,
        .services = service_bit(SERVICE_REPAIR),
        .software = bytes_of_text(DKV_VERSION),
        .seals = &program->seals,
        .votes = buf_bytes(&program->votes),
        .link_of = net_link,
        .number_of = net_number_of,
    };
    struct fault fault;
    if (router_init(&program->router, &options, clock_moment(), &fault))
        die(2, "%s", fault.text);
    buf_release(&program->votes);
    look_at_handed(program, true);
}

int main(int argc, char **argv)
{
    static struct program program;
    char client[NODE_PATH_SIZE], peer[NODE_PATH_SIZE], local[NODE_PATH_SIZE];
    arguments_parse(&program.node.settings, "dkv-router", "answers clients for one node", argc,
                    argv);
    node_open(&program.node);
    open_ring(&program);
    open_seals(&program);
    open_router(&program);
    program.ways = (struct ways){.node = &program.node,
                                 .peers = &program.router.peers,
                                 .doors = {[SERVICE_STORE] = DOOR_STORE,
                                           [SERVICE_ROUTER] = DOOR_PEER,
                                           [SERVICE_HINTD] = DOOR_HINTD,
                                           [SERVICE_REPAIR] = DOOR_REPAIR},
                                 .on_moved = on_moved,
                                 .context = &program};
    ways_connect(&program.ways, clock_moment(), NULL);
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
    brain.run_job = run_job;
    brain.describe = describe;
    notify_status("waiting to hear the other nodes");
    int status = daemon_run(&options, &brain, program.node.net);
    if (status)
        return status;
    node_close(&program.node);
    news_release(&program.news);
    ways_release(&program.ways);
    router_release(&program.router);
    seals_release(&program.seals);
    return 0;
}
