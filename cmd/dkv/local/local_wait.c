#include "dkv/local/local_wait.h"

#include "dkv/node_status.h"
#include "os/clock.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { PAUSE_MS = 10, STATUS_TIMEOUT_MS = 2000 };

// False when the time is over.
static bool pause_until(uint64_t deadline_ms)
{
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    nanosleep(&pause, NULL);
    return clock_mono_ms() < deadline_ms;
}

static enum status check_running(const struct local_daemon *daemon, struct fault *fault)
{
    pid_t pid;
    if (local_daemon_find(daemon, &pid) != LOCAL_STOPPED)
        return STATUS_OK;
    local_daemon_print_log(daemon);
    return fault_set(fault, STATUS_IO, "%s: dkv-%s ended", daemon->node, daemon->name);
}

enum status local_wait_serving(const struct local_daemon *daemon, uint64_t deadline_ms,
                               struct fault *fault)
{
    do {
        if (local_daemon_is_serving(daemon))
            return STATUS_OK;
        enum status status = check_running(daemon, fault);
        if (status)
            return status;
    } while (pause_until(deadline_ms));
    return fault_set(fault, STATUS_CHECK_FAILED, "%s: dkv-%s does not serve yet", daemon->node,
                     daemon->name);
}

// The daemon, or (NULL) every one. One that can be connected to may end yet: a door does not refuse
// strangers.
static enum status check_all_running(const struct local *local, const struct local_daemon *daemon,
                                     struct fault *fault)
{
    enum status status = daemon ? check_running(daemon, fault) : STATUS_OK;
    for (unsigned i = 0; !daemon && i < local->node_count; i++) {
        for (const char *const *name = local_daemon_names; !status && *name; name++) {
            struct local_daemon one = local_daemon_of(local, i, *name);
            status = check_running(&one, fault);
        }
    }
    return status;
}

// The router says that this daemon is up, or (NULL) that all are.
static bool is_up(const struct node_status *status, const struct local_daemon *daemon)
{
    if (!daemon)
        return node_status_is_serving(status);
    json_t *node = node_status_find(status, daemon->node);
    return node && node_status_is_up(node, daemon->name);
}

static enum status wait_for_router(const struct globals *globals, const struct local *local,
                                   const struct local_daemon *router,
                                   const struct local_daemon *daemon, uint64_t deadline_ms,
                                   struct fault *fault)
{
    char endpoint[FILE_PATH_SIZE + 64];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/run/router.sock", router->dir);
    struct globals of_node = *globals;
    of_node.cluster = endpoint;
    of_node.timeout_ms = STATUS_TIMEOUT_MS;
    bool is_well = false;
    do {
        struct node_status nodes = {0};
        enum status status = check_all_running(local, daemon, fault);
        if (status)
            return status;
        fault->text[0] = '\0';
        is_well = !node_status_ask(&of_node, &nodes, fault) && is_up(&nodes, daemon);
        node_status_release(&nodes);
    } while (!is_well && pause_until(deadline_ms));
    if (is_well)
        return STATUS_OK;
    struct fault reason = *fault;
    const char *colon = *reason.text ? ": " : "";
    if (!daemon)
        return fault_set(fault, STATUS_CHECK_FAILED, "%s: not all nodes are up%s%.200s",
                         router->node, colon, reason.text);
    return fault_set(fault, STATUS_CHECK_FAILED,
                     "%s: dkv-%s is not up for the router of %s%s%.200s", daemon->node,
                     daemon->name, router->node, colon, reason.text);
}

enum status local_wait_well(const struct globals *globals, const struct local *local,
                            uint64_t deadline_ms, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < local->node_count && !status; i++) {
        struct local_daemon router = local_daemon_of(local, i, "router");
        status = wait_for_router(globals, local, &router, NULL, deadline_ms, fault);
    }
    return status;
}

enum status local_wait_seen(const struct globals *globals, const struct local *local,
                            const struct local_daemon *daemon, uint64_t deadline_ms,
                            struct fault *fault)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < local->node_count; i++) {
        for (const char *const *name = local_daemon_names; *name && !status; name++) {
            pid_t pid;
            struct local_daemon other = local_daemon_of(local, i, *name);
            if (local_daemon_find(&other, &pid) != LOCAL_RUNNING)
                continue;
            if (strcmp(*name, "router") == 0)
                status = wait_for_router(globals, local, &other, daemon, deadline_ms, fault);
        }
    }
    return status;
}

// One kind of daemon, so that routers finish their requests while stores still answer.
static bool stop_kind(const struct local *local, const char *node, const char *name,
                      uint64_t deadline_ms, struct buf *left)
{
    const size_t before = left->size; // kinds that did not stop either
    for (unsigned round = 0;; round++) {
        left->size = before;
        for (unsigned i = 0; i < local->node_count; i++) {
            pid_t pid;
            if (node && strcmp(node, local->names[i]) != 0)
                continue;
            struct local_daemon daemon = local_daemon_of(local, i, name);
            if (local_daemon_find(&daemon, &pid) == LOCAL_STOPPED)
                continue;
            buf_printf(left, " %s/%s (pid %ld)", daemon.node, name, (long)pid);
            if (round == 0) {
                kill(pid, SIGTERM);
                kill(pid, SIGCONT); // a paused one would not see it
            }
        }
        if (left->size == before)
            return true;
        if (!pause_until(deadline_ms))
            return false;
    }
}

enum status local_wait_stopped(const struct local *local, const char *node, const char *name,
                               struct fault *fault)
{
    uint64_t deadline_ms = clock_mono_ms() + LOCAL_STOP_WAIT_MS;
    struct buf left = {0};
    bool is_stopped = true;
    unsigned count = 0;
    while (local_daemon_names[count])
        count++;
    for (unsigned i = count; i-- > 0;) // the reverse of the order of starting
        if (!name || strcmp(name, local_daemon_names[i]) == 0)
            is_stopped =
                stop_kind(local, node, local_daemon_names[i], deadline_ms, &left) && is_stopped;
    enum status status = STATUS_OK;
    if (!is_stopped)
        status = fault_set(fault, STATUS_CHECK_FAILED, "still running after %d s:%s",
                           LOCAL_STOP_WAIT_MS / 1000, buf_text(&left));
    buf_release(&left);
    return status;
}

enum status local_wait_gone(const struct local_daemon *daemon, uint64_t deadline_ms,
                            struct fault *fault)
{
    pid_t pid;
    do {
        if (local_daemon_find(daemon, &pid) == LOCAL_STOPPED)
            return STATUS_OK;
    } while (pause_until(deadline_ms));
    return fault_set(fault, STATUS_CHECK_FAILED, "%s: dkv-%s (pid %ld) does not go away",
                     daemon->node, daemon->name, (long)pid);
}
