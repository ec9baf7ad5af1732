// dkv-repair makes the replicas of its node's store complete; see dkv-repair(8).

#include "dkv-repair/ages.h"
#include "dkv-repair/brain.h"
#include "dkv-repair/post.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "os/file.h"
#include "proc/arguments.h"
#include "proc/daemon.h"
#include "proc/log.h"
#include "proc/news_log.h"
#include "proc/node.h"
#include "proc/ways.h"

enum {
    TICK_MS = 2000, // at most: the brain says when it wants one
    PEER_SIZE_MAX = 1024 * 1024,
    AGES_MS = 60 * 1000, // between two writings of ages
    AGES_MODE = 0644,
};

// data/repair, and what is written there next, by a worker.
struct ages_file {
    char path[NODE_PATH_SIZE];
    struct buf content;
    bool is_wanted, is_running; // a writing; the worker has the content then
    bool is_failing;            // as the log knows
    uint64_t agreed;            // pulls.agreed when it was encoded
    uint64_t due_ms;
    enum status status;
    struct fault fault;
};

// The brain, and what this program has beside it.
struct program {
    struct repair repair; // first: the brain's `self` is the address of both
    struct node node;
    struct news news; // that the log has
    struct ways ways;
    uint64_t damaged; // partitions that the log knows of
    struct ages_file ages;
};

// ---- ages ------------------------------------------------------------------------------

static struct ages_name name_of(const struct program *program)
{
    return (struct ages_name){program->repair.ring->cluster, program->repair.options.node};
}

// Ages that cannot be read begin anew.
static void read_ages(struct program *program, struct moment now)
{
    struct ages_file *file = &program->ages;
    struct buf content = {0};
    struct fault fault;
    node_path(&program->node, "data/repair", file->path);
    file->due_ms = now.mono_ms + AGES_MS;
    if (!file_exists(file->path))
        return;
    enum status status = file_read(file->path, AGES_SIZE_MAX, &content, &fault);
    if (status)
        log_line(LOG_LEVEL_WARNING, "%s; so the ages of all comparisons begin anew", fault.text);
    else if (ages_decode(&program->repair.pulls, name_of(program), buf_bytes(&content), now,
                         &fault))
        log_line(LOG_LEVEL_WARNING, "%s: %s; so the ages of all comparisons begin anew", file->path,
                 fault.text);
    buf_release(&content);
}

static void encode_ages(struct program *program, struct moment now)
{
    struct ages_file *file = &program->ages;
    buf_clear(&file->content);
    ages_encode(&program->repair.pulls, name_of(program), now, &file->content);
    file->agreed = program->repair.pulls.agreed;
}

static void write_ages_later(struct program *program, struct moment now)
{
    struct ages_file *file = &program->ages;
    if (now.mono_ms < file->due_ms || file->is_running ||
        file->agreed == program->repair.pulls.agreed)
        return;
    encode_ages(program, now);
    file->is_wanted = true;
    file->due_ms = now.mono_ms + AGES_MS;
}

static void *next_job(void *self, unsigned worker)
{
    struct ages_file *file = &((struct program *)self)->ages;
    (void)worker;
    if (!file->is_wanted)
        return NULL;
    file->is_wanted = false;
    file->is_running = true;
    return file;
}

static void run_job(void *job)
{
    struct ages_file *file = job;
    file->status =
        file_write(file->path, AGES_MODE, false, buf_bytes(&file->content), &file->fault);
}

// One that failed is tried again.
static enum status on_job_done(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox, struct fault *fault)
{
    struct ages_file *file = job;
    (void)self, (void)worker, (void)now, (void)outbox, (void)fault;
    if (file->status && !file->is_failing)
        log_line(LOG_LEVEL_WARNING, "%s; the ages of comparisons will be older after a restart",
                 file->fault.text);
    file->is_running = false;
    file->is_failing = file->status;
    if (file->status)
        file->agreed = 0;
    return STATUS_OK;
}

// The last word: no worker runs.
static void write_ages(struct program *program)
{
    struct moment now = {clock_mono_ms(), clock_wall_ms()};
    if (program->ages.agreed == program->repair.pulls.agreed)
        return;
    encode_ages(program, now);
    run_job(&program->ages);
    on_job_done(program, 0, &program->ages, now, NULL, NULL);
}

// ---- turns -----------------------------------------------------------------------------

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
    write_ages_later(program, now);
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
    read_ages(program, clock_moment());
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
    brain.worker_count = 1;
    brain.next_job = next_job;
    brain.run_job = run_job;
    brain.on_job_done = on_job_done;
    int status = daemon_run(&options, &brain, program.node.net);
    if (status)
        return status;
    write_ages(&program);
    node_close(&program.node);
    news_release(&program.news);
    ways_release(&program.ways);
    repair_release(&program.repair);
    buf_release(&program.ages.content);
    return 0;
}
