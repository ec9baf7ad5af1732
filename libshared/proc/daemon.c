#include "proc/daemon.h"

#include "os/clock.h"
#include "os/worker.h"
#include "proc/log.h"
#include "proc/notify.h"
#include "turn/turn.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    STOP_MS = 10000,
    CHORE_MS = 500,       // between looks at the keys and lines about refusals, at least ...
    CHORE_WAIT_MS = 1000, // ... as a turn that has another reason does them; none comes for so long
    DOORS_TEST_MS = 60 * 1000,
};

struct daemon {
    const struct daemon_options *options;
    struct net *net;
    struct turn turn;
    struct worker *workers[BRAIN_WORKERS_MAX];
    int fds[1 + BRAIN_WORKERS_MAX]; // signals, then workers
    uint64_t chore_due_ms, watchdog_due_ms;
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

int daemon_exit_status(enum status status)
{
    switch (status) {
    case STATUS_LOCKED:
    case STATUS_DISK_FULL:
    case STATUS_EXHAUSTED:
        return 10;
    case STATUS_INVALID:
        return 2;
    default:
        return 1;
    }
}

// ---- the world that a turn sees ------------------------------------------------------

static struct moment moment_now(void *self)
{
    (void)self;
    return clock_moment();
}

static bool receive(void *self, struct incoming *incoming)
{
    struct daemon *daemon = self;
    if (!net_receive(daemon->net, &incoming->arrival, &incoming->bytes))
        return false;
    incoming->is_request = !net_is_link(incoming->arrival.link);
    return true;
}

static bool next_lost(void *self, link_id *link)
{
    struct daemon *daemon = self;
    uint32_t number;
    if (!net_next_lost(daemon->net, &number))
        return false;
    *link = net_link(number);
    return true;
}

static void reset_link(void *self, link_id link)
{
    struct daemon *daemon = self;
    struct fault fault;
    if (net_is_link(link) && net_reconnect(daemon->net, net_link_number(link), &fault))
        log_line(LOG_LEVEL_WARNING, "%s", fault.text);
}

static void submit(void *self, unsigned worker, void *job)
{
    struct daemon *daemon = self;
    worker_submit(daemon->workers[worker], job);
}

static void *take_job(void *self, unsigned worker)
{
    struct daemon *daemon = self;
    return worker_take(daemon->workers[worker]);
}

static enum status send(void *self, link_id link, struct buf *bytes)
{
    struct daemon *daemon = self;
    return net_send(daemon->net, link, buf_bytes(bytes));
}

static struct turn_shell shell_of(struct daemon *daemon)
{
    return (struct turn_shell){.self = daemon,
                               .now = moment_now,
                               .receive = receive,
                               .next_lost = next_lost,
                               .reset_link = reset_link,
                               .submit = submit,
                               .take_job = take_job,
                               .send = send};
}

// ---- between turns -------------------------------------------------------------------

static void read_signals(struct daemon *daemon)
{
    const struct brain *brain = &daemon->turn.brain;
    struct signalfd_siginfo info;
    while (read(daemon->fds[0], &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            daemon->chore_due_ms = 0;
            if (brain->on_reload)
                brain->on_reload(brain->self);
        } else if (!daemon->stop_by_ms) {
            log_line(LOG_LEVEL_INFO, "stopping");
            notify_send("STOPPING=1\nSTATUS=stopping");
            net_unlisten(daemon->net);
            turn_stop(&daemon->turn);
            daemon->stop_by_ms = clock_mono_ms() + STOP_MS;
        }
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
    const struct brain *brain = &daemon->turn.brain;
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

static bool is_stopped(const struct daemon *daemon, uint64_t now_ms)
{
    if (!daemon->stop_by_ms)
        return false;
    if (turn_is_drained(&daemon->turn))
        return true;
    if (now_ms < daemon->stop_by_ms)
        return false;
    log_line(LOG_LEVEL_WARNING, "stopped with work left undone");
    return true;
}

// How long the next turn may wait: until something is due.
static int wait_ms(const struct daemon *daemon)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t chore_ms = daemon->chore_due_ms + CHORE_WAIT_MS;
    uint64_t due_ms = least_ms(turn_due_ms(&daemon->turn), chore_ms);
    if (daemon->watchdog_ms)
        due_ms = least_ms(due_ms, daemon->watchdog_due_ms);
    return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

static bool has_signal(const struct daemon *daemon)
{
    struct pollfd item = {.fd = daemon->fds[0], .events = POLLIN};
    return poll(&item, 1, 0) > 0;
}

// A machine that has much else to do takes long to refuse anybody, so that is tried again, unless
// we are asked to stop meanwhile.
static enum status test_doors(const struct daemon *daemon, struct fault *fault)
{
    uint64_t deadline_ms = clock_mono_ms() + DOORS_TEST_MS;
    enum status status;
    do
        status = net_self_test(daemon->net, fault);
    while (status == STATUS_TIMEOUT && clock_mono_ms() < deadline_ms && !has_signal(daemon));
    return status;
}

// Binds the endpoints up to this one.
static enum status listen_up_to(struct daemon *daemon, uint32_t count, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (daemon->listening == count)
        return STATUS_OK;
    while (!status && daemon->listening < count)
        status = net_listen(daemon->net, &daemon->options->listeners[daemon->listening++], fault);
    return status ? status : test_doors(daemon, fault);
}

// Says why the daemon does not start, and returns its exit status. An address that is not ours, or
// taken, may be ours in a moment: the network comes up, a process ends. A refusal stays one.
static int give_up(enum status status, const struct fault *fault)
{
    log_line(LOG_LEVEL_ERROR, "%s", fault->text);
    notify_status(fault->text);
    return status == STATUS_INVALID || status == STATUS_REFUSED ? 2 : 1;
}

// Opens the doors once the brain is ready. The exit status if they do not open, else 0.
static int become_ready(struct daemon *daemon)
{
    const struct brain *brain = &daemon->turn.brain;
    struct fault fault = {0};
    if (daemon->is_ready || daemon->stop_by_ms ||
        (brain->is_ready && !brain->is_ready(brain->self, moment_now(daemon))))
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
    uint32_t fd_count = 1 + daemon->turn.brain.worker_count;
    struct fault fault = {0};
    for (;;) {
        int exit_status = become_ready(daemon);
        if (exit_status)
            return exit_status;
        if (net_wait(daemon->net, daemon->fds, fd_count, wait_ms(daemon))) {
            log_line(LOG_LEVEL_ERROR, "cannot wait for messages");
            return 1;
        }
        uint64_t begin_ms = clock_mono_ms();
        read_signals(daemon);
        if (turn_run(&daemon->turn, &fault)) {
            log_line(LOG_LEVEL_ERROR, "%s", fault.text);
            return 1;
        }
        do_chores(daemon, begin_ms);
        if (is_stopped(daemon, begin_ms))
            return 0;
    }
}

static enum status start_workers(struct daemon *daemon, struct fault *fault)
{
    const struct brain *brain = &daemon->turn.brain;
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

int daemon_run(const struct daemon_options *options, const struct brain *brain, struct net *net)
{
    struct daemon daemon = {.options = options, .net = net, .watchdog_ms = notify_watchdog_ms()};
    struct turn_shell shell = shell_of(&daemon);
    struct fault fault = {0};
    turn_init(&daemon.turn, brain, &shell, options->tick_ms);
    enum status status = start(&daemon, &fault);
    if (status)
        return give_up(status, &fault);
    int exit_status = turn_until_stopped(&daemon);
    if (exit_status == 0) {
        for (unsigned i = 0; i < brain->worker_count; i++)
            worker_stop(daemon.workers[i]);
        log_line(LOG_LEVEL_INFO, "stopped");
    }
    turn_release(&daemon.turn);
    buf_release(&daemon.status);
    close(daemon.fds[0]);
    return exit_status;
}
