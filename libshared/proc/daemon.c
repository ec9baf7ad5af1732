#include "proc/daemon.h"

#include "base/xalloc.h"
#include "os/clock.h"
#include "os/worker.h"
#include "proc/log.h"
#include "proc/notify.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    TURN_MESSAGES_MAX = 1024,
    TURN_SIZE_MAX = 4 * 1024 * 1024,
    STOP_MS = 10000,
    CHORE_MS = 1000, // between looks at the keys and lines about refusals
};

// A message that waits for its gate, or that could not be sent.
struct parcel {
    link_id link;
    uint64_t gate;
    enum status why; // it could not be sent
    struct buf bytes;
};

struct parcels { // a queue: first ... count
    struct parcel *items;
    uint32_t first, count, capacity;
};

struct daemon {
    const struct daemon_options *options;
    const struct daemon_brain *brain;
    struct net *net;
    struct outbox outbox;
    struct parcels held;   // in the order of sending
    struct parcels unsent; // to be told to the brain
    struct worker *workers[DAEMON_WORKERS_MAX];
    int fds[1 + DAEMON_WORKERS_MAX]; // signals, then workers
    uint64_t tick_due_ms, chore_due_ms, watchdog_due_ms;
    uint64_t watchdog_ms;
    uint64_t stop_by_ms; // 0 = not stopping
    uint32_t listening;  // endpoints that are bound
    bool is_ready;
    struct net_refusals refusals; // as last logged
    struct buf status;            // as systemd was last told
};

static sigset_t daemon_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signals;
}

void daemon_init(void)
{
    sigset_t signals = daemon_signals();
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    // Buffers of a turn come and go by the hundred KiB: keep their pages instead of giving
    // them back and faulting them in again.
    mallopt(M_MMAP_THRESHOLD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 32 << 20);
    if (!getenv("DKV_DUMPABLE"))
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static struct moment moment_now(void)
{
    return (struct moment){.mono_ms = clock_mono_ms(), .wall_ms = clock_wall_ms()};
}

// Takes the bytes of the message and leaves it without.
static struct parcel *add_parcel(struct parcels *parcels, link_id link, struct buf *bytes)
{
    if (parcels->count == parcels->capacity && parcels->first > parcels->count / 2) {
        parcels->count -= parcels->first;
        memmove(parcels->items, parcels->items + parcels->first,
                parcels->count * sizeof *parcels->items);
        parcels->first = 0;
    } else if (parcels->count == parcels->capacity) {
        parcels->capacity = parcels->capacity ? 2 * parcels->capacity : 64;
        parcels->items = xrealloc(parcels->items, parcels->capacity * sizeof *parcels->items);
    }
    struct parcel *parcel = &parcels->items[parcels->count++];
    *parcel = (struct parcel){.link = link, .bytes = *bytes};
    *bytes = (struct buf){0};
    return parcel;
}

// The first one, NULL if there is none. Valid until the next add.
static struct parcel *first_parcel(const struct parcels *parcels)
{
    return parcels->first < parcels->count ? &parcels->items[parcels->first] : NULL;
}

static void drop_first_parcel(struct parcels *parcels)
{
    buf_release(&parcels->items[parcels->first].bytes);
    if (++parcels->first == parcels->count)
        parcels->first = parcels->count = 0;
}

static void release_parcels(struct parcels *parcels)
{
    while (first_parcel(parcels))
        drop_first_parcel(parcels);
    free(parcels->items);
}

static void read_signals(struct daemon *daemon, struct moment now)
{
    struct signalfd_siginfo info;
    while (read(daemon->fds[0], &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            daemon->chore_due_ms = 0;
            if (daemon->brain->on_reload)
                daemon->brain->on_reload(daemon->brain->self);
        } else if (!daemon->stop_by_ms) {
            log_line(LOG_LEVEL_INFO, "stopping");
            notify_send("STOPPING=1\nSTATUS=stopping");
            net_unlisten(daemon->net);
            daemon->stop_by_ms = now.mono_ms + STOP_MS;
        }
    }
}

static enum status take_jobs(struct daemon *daemon, struct moment now, struct fault *fault)
{
    const struct daemon_brain *brain = daemon->brain;
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < brain->worker_count; i++) {
        void *job = worker_take(daemon->workers[i]);
        if (job)
            status = brain->on_job_done(brain->self, i, job, now, &daemon->outbox, fault);
    }
    return status;
}

// The time is asked for anew for every message: it may have come while this process stood
// still in the middle of a turn, and then it is old.
static void receive(struct daemon *daemon)
{
    const struct daemon_brain *brain = daemon->brain;
    struct arrival arrival;
    struct bytes message;
    size_t size = 0;
    for (unsigned count = 0; count < TURN_MESSAGES_MAX && size < TURN_SIZE_MAX; count++) {
        if (!net_receive(daemon->net, &arrival, &message))
            break;
        size += message.size;
        if (!daemon->stop_by_ms || net_is_link(arrival.link))
            brain->on_message(brain->self, &arrival, message, moment_now(), &daemon->outbox);
    }
    uint32_t number;
    while (net_next_lost(daemon->net, &number)) {
        if (brain->on_lost)
            brain->on_lost(brain->self, net_link(number), moment_now(), &daemon->outbox);
    }
}

static void tell_unsent(struct daemon *daemon, struct moment now)
{
    const struct daemon_brain *brain = daemon->brain;
    for (struct parcel *parcel; (parcel = first_parcel(&daemon->unsent));) {
        if (brain->on_unsent)
            brain->on_unsent(brain->self, parcel->link, buf_bytes(&parcel->bytes), parcel->why, now,
                             &daemon->outbox);
        drop_first_parcel(&daemon->unsent);
    }
}

static void log_refusals(struct daemon *daemon)
{
    struct net_refusals now = net_refusals(daemon->net);
    const struct net_refusals *then = &daemon->refusals;
    if (now.connections != then->connections)
        log_line(LOG_LEVEL_WARNING, "refused %llu connections, the last from %s",
                 (unsigned long long)(now.connections - then->connections), now.stranger);
    if (now.unauthorised != then->unauthorised)
        log_line(LOG_LEVEL_WARNING, "dropped %llu messages of keys that are not allowed",
                 (unsigned long long)(now.unauthorised - then->unauthorised));
    if (now.shut != then->shut)
        log_line(LOG_LEVEL_WARNING,
                 "shut %llu connections that took too much without a key or were too many, the "
                 "last from %s",
                 (unsigned long long)(now.shut - then->shut), now.crowder);
    if (now.malformed != then->malformed)
        log_line(LOG_LEVEL_WARNING, "dropped %llu messages of more than one frame",
                 (unsigned long long)(now.malformed - then->malformed));
    daemon->refusals = now;
}

// Only when it changed.
static void tell_status(struct daemon *daemon)
{
    const struct daemon_brain *brain = daemon->brain;
    if (!brain->describe || !daemon->is_ready || daemon->stop_by_ms)
        return;
    struct buf status = {0};
    brain->describe(brain->self, &status);
    if (!bytes_equal(buf_bytes(&status), buf_bytes(&daemon->status)))
        notify_status(buf_text(&status));
    buf_release(&daemon->status);
    daemon->status = status;
}

static void do_chores(struct daemon *daemon, uint64_t now_ms)
{
    if (daemon->watchdog_ms && now_ms >= daemon->watchdog_due_ms) {
        notify_send("WATCHDOG=1");
        daemon->watchdog_due_ms = now_ms + daemon->watchdog_ms;
    }
    if (now_ms < daemon->chore_due_ms)
        return;
    daemon->chore_due_ms = now_ms + CHORE_MS;
    log_refusals(daemon);
    tell_status(daemon);
    struct key_directory *keys = daemon->options->keys;
    if (keys && key_directory_refresh(keys) && key_directory_fault(keys)[0])
        log_line(LOG_LEVEL_WARNING, "%s", key_directory_fault(keys));
}

static enum status think(struct daemon *daemon, struct moment now, struct fault *fault)
{
    const struct daemon_brain *brain = daemon->brain;
    enum status status = take_jobs(daemon, now, fault);
    if (status)
        return status;
    tell_unsent(daemon, now);
    receive(daemon);
    now = moment_now();
    if (now.mono_ms >= daemon->tick_due_ms) {
        daemon->tick_due_ms = now.mono_ms + daemon->options->tick_ms;
        brain->on_tick(brain->self, now, &daemon->outbox);
    }
    if (brain->on_turn_end)
        brain->on_turn_end(brain->self, now, &daemon->outbox);
    if (brain->tick_within_ms)
        daemon->tick_due_ms =
            least_ms(daemon->tick_due_ms, now.mono_ms + brain->tick_within_ms(brain->self));
    return STATUS_OK;
}

static void submit(struct daemon *daemon)
{
    const struct daemon_brain *brain = daemon->brain;
    for (unsigned i = 0; i < brain->worker_count; i++) {
        void *job = worker_is_idle(daemon->workers[i]) ? brain->next_job(brain->self, i) : NULL;
        if (job)
            worker_submit(daemon->workers[i], job);
    }
}

// What cannot be sent goes to the unsent; the bytes are taken only then.
static void send_or_keep(struct daemon *daemon, link_id link, struct buf *bytes)
{
    enum status status = net_send(daemon->net, link, buf_bytes(bytes));
    if (status && daemon->brain->on_unsent)
        add_parcel(&daemon->unsent, link, bytes)->why = status;
}

static void reset_links(struct daemon *daemon)
{
    struct outbox *outbox = &daemon->outbox;
    for (uint32_t i = 0; i < outbox->reset_count; i++) {
        struct fault fault;
        if (net_is_link(outbox->resets[i]) &&
            net_reconnect(daemon->net, net_link_number(outbox->resets[i]), &fault))
            log_line(LOG_LEVEL_WARNING, "%s", fault.text);
    }
}

static void send_all(struct daemon *daemon)
{
    const struct daemon_brain *brain = daemon->brain;
    struct outbox *outbox = &daemon->outbox;
    uint64_t durable = brain->durable ? brain->durable(brain->self) : UINT64_MAX;
    for (struct parcel *parcel; (parcel = first_parcel(&daemon->held));) {
        if (parcel->gate > durable)
            break; // gates of later turns are not below those of earlier ones
        send_or_keep(daemon, parcel->link, &parcel->bytes);
        drop_first_parcel(&daemon->held);
    }
    outbox_finish(outbox);
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct outbox_message *message = &outbox->messages[i];
        if (message->gate > durable)
            add_parcel(&daemon->held, message->link, &message->bytes)->gate = message->gate;
        else
            send_or_keep(daemon, message->link, &message->bytes);
    }
    outbox_clear(outbox);
}

static bool has_jobs(const struct daemon *daemon)
{
    for (unsigned i = 0; i < daemon->brain->worker_count; i++) {
        if (!worker_is_idle(daemon->workers[i]))
            return true;
    }
    return false;
}

static bool is_stopped(const struct daemon *daemon, uint64_t now_ms)
{
    const struct daemon_brain *brain = daemon->brain;
    if (!daemon->stop_by_ms)
        return false;
    if (!has_jobs(daemon) && !first_parcel(&daemon->held) &&
        (!brain->is_drained || brain->is_drained(brain->self)))
        return true;
    if (now_ms < daemon->stop_by_ms)
        return false;
    log_line(LOG_LEVEL_WARNING, "stopped with work left undone");
    return true;
}

// How long a turn may wait: until the next thing is due.
static int wait_ms(const struct daemon *daemon)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t due_ms = least_ms(daemon->tick_due_ms, daemon->chore_due_ms);
    if (daemon->watchdog_ms)
        due_ms = least_ms(due_ms, daemon->watchdog_due_ms);
    if (first_parcel(&daemon->unsent) || due_ms <= now_ms)
        return 0;
    return (int)(due_ms - now_ms);
}

// Binds the endpoints up to this one.
static enum status listen_up_to(struct daemon *daemon, uint32_t count, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (daemon->listening == count)
        return STATUS_OK;
    while (!status && daemon->listening < count)
        status = net_listen(daemon->net, &daemon->options->listeners[daemon->listening++], fault);
    return status ? status : net_self_test(daemon->net, fault);
}

// Says why the daemon does not start, and returns its exit status. An address that is not ours, or
// taken, may be ours in a moment: the network comes up, a process ends. What was refused stays so.
static int give_up(enum status status, const struct fault *fault)
{
    log_line(LOG_LEVEL_ERROR, "%s", fault->text);
    notify_status(fault->text);
    return status == STATUS_INVALID || status == STATUS_REFUSED ? 2 : 1;
}

// Opens the doors once the brain is ready. The exit status if they do not open, else 0.
static int become_ready(struct daemon *daemon, struct moment now)
{
    const struct daemon_brain *brain = daemon->brain;
    struct fault fault = {0};
    if (daemon->is_ready || daemon->stop_by_ms ||
        (brain->is_ready && !brain->is_ready(brain->self, now)))
        return 0;
    enum status status = listen_up_to(daemon, daemon->options->listener_count, &fault);
    if (status)
        return give_up(status, &fault);
    daemon->is_ready = true;
    log_line(LOG_LEVEL_INFO, "ready; a stranger was refused on every tcp port");
    notify_send("READY=1");
    return 0;
}

static int turn_until_stopped(struct daemon *daemon)
{
    struct fault fault = {0};
    for (;;) {
        int exit_status = become_ready(daemon, moment_now());
        if (exit_status)
            return exit_status;
        if (net_wait(daemon->net, daemon->fds, 1 + daemon->brain->worker_count, wait_ms(daemon))) {
            log_line(LOG_LEVEL_ERROR, "cannot wait for messages");
            return 1;
        }
        struct moment now = moment_now();
        read_signals(daemon, now);
        if (think(daemon, now, &fault)) {
            log_line(LOG_LEVEL_ERROR, "%s", fault.text);
            return 1;
        }
        reset_links(daemon);
        submit(daemon);
        send_all(daemon);
        do_chores(daemon, now.mono_ms);
        if (is_stopped(daemon, now.mono_ms))
            return 0;
    }
}

static enum status start_workers(struct daemon *daemon, struct fault *fault)
{
    const struct daemon_brain *brain = daemon->brain;
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < brain->worker_count; i++) {
        if (i + brain->patient_worker_count < brain->worker_count)
            status = worker_start(&daemon->workers[i], brain->run_job, fault);
        else
            status = worker_start_patient(&daemon->workers[i], brain->run_job, fault);
        if (!status)
            daemon->fds[1 + i] = worker_fd(daemon->workers[i]);
    }
    return status;
}

static enum status start(struct daemon *daemon, struct fault *fault)
{
    sigset_t signals = daemon_signals();
    daemon->fds[0] = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (daemon->fds[0] < 0)
        return fault_set(fault, STATUS_IO, "no signalfd: %s", strerror(errno));
    enum status status = start_workers(daemon, fault);
    if (!status)
        status = listen_up_to(daemon, daemon->options->listen_at_once, fault);
    return status;
}

int daemon_run(const struct daemon_options *options, const struct daemon_brain *brain,
               struct net *net)
{
    struct daemon daemon = {
        .options = options, .brain = brain, .net = net, .watchdog_ms = notify_watchdog_ms()};
    struct fault fault = {0};
    enum status status = start(&daemon, &fault);
    if (status)
        return give_up(status, &fault);
    int exit_status = turn_until_stopped(&daemon);
    if (exit_status == 0) {
        for (unsigned i = 0; i < brain->worker_count; i++)
            worker_stop(daemon.workers[i]);
        log_line(LOG_LEVEL_INFO, "stopped");
    }
    release_parcels(&daemon.held);
    release_parcels(&daemon.unsent);
    outbox_release(&daemon.outbox);
    buf_release(&daemon.status);
    close(daemon.fds[0]);
    return exit_status;
}
