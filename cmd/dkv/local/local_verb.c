#include "dkv/local/local.h"

#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/local/local_wait.h"
#include "dkv/options.h"
#include "os/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

struct local_options {
    const char *dir;
    struct local_shape shape;
    bool wipe, yes;
};

#define SHAPE(member) offsetof(struct local_options, shape.member)

const struct option_spec options_local[] = {
    {.name = "dir",
     .kind = OPTION_TEXT,
     .argument = "DIR",
     .offset = offsetof(struct local_options, dir),
     .help = "where it is; else $XDG_STATE_HOME/dkv/local or ~/.local/state/dkv/local"},
    {.name = "nodes",
     .kind = OPTION_NUMBER,
     .argument = "N",
     .min = 1,
     .max = LOCAL_NODES_MAX,
     .offset = SHAPE(nodes),
     .of = "up",
     .help = "how many; 3 if not given"},
    {.name = "racks",
     .kind = OPTION_NUMBER,
     .argument = "N",
     .min = 1,
     .max = LOCAL_NODES_MAX,
     .offset = SHAPE(racks),
     .of = "up",
     .help = "spread over so many racks"},
    {.name = "dcs",
     .kind = OPTION_NUMBER,
     .argument = "N",
     .min = 1,
     .max = LOCAL_NODES_MAX,
     .offset = SHAPE(dcs),
     .of = "up",
     .help = "spread over so many datacenters"},
    {.name = "base-port",
     .kind = OPTION_NUMBER,
     .argument = "P",
     .min = 1,
     .max = 65529,
     .offset = SHAPE(base_port),
     .of = "up",
     .help = "ports from there on, ten a node; else free ones are found"},
    {.name = "plain",
     .kind = OPTION_FLAG,
     .offset = SHAPE(plain),
     .of = "up",
     .help = "clients need neither keys nor encryption, for comparisons"},
    {.name = "set",
     .kind = OPTION_LIST,
     .argument = "KEY=VALUE",
     .offset = SHAPE(settings),
     .of = "up",
     .help = "a setting of every node; may be repeated"},
    {.name = "wipe",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct local_options, wipe),
     .of = "down",
     .help = "remove the directory and all data"},
    {.name = "yes",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct local_options, yes),
     .of = "down",
     .help = "do not ask before that"},
    {0}};

// One `dkv local` at a time on a directory. The descriptor is held until exit.
static enum status lock(const struct local *local, struct fault *fault)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, local->dir, "lock", fault);
    if (status)
        return status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_set(fault, STATUS_IO, "%s: unable to open", path);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return fault_set(fault, STATUS_LOCKED, "another dkv local is at work on %s", local->dir);
    }
    return STATUS_OK;
}

// True if `up` made the directory, or began to.
static bool is_ours(const struct local *local)
{
    char path[FILE_PATH_SIZE];
    struct buf mark = {0};
    bool is_marked = !file_join(path, local->dir, "local", NULL) &&
                     !file_read(path, 64, &mark, NULL) &&
                     strncmp(buf_text(&mark), "dkv-local 1", 11) == 0;
    buf_release(&mark);
    return is_marked;
}

static bool is_any_running(const struct local *local)
{
    for (unsigned i = 0; i < local->node_count; i++) {
        for (const char *const *name = local_daemon_names; *name; name++) {
            pid_t pid;
            struct local_daemon daemon = local_daemon_of(local, i, *name);
            if (local_daemon_find(&daemon, &pid) != LOCAL_STOPPED)
                return true;
        }
    }
    return false;
}

// An existing cluster keeps its shape; an option that says otherwise would do nothing.
static enum status check_shape(const struct local *local, const struct local_shape *shape,
                               struct fault *fault)
{
    bool differs = (shape->nodes && shape->nodes != local->node_count) || shape->racks ||
                   shape->dcs || shape->base_port || shape->plain || shape->settings.count;
    if (!differs)
        return STATUS_OK;
    return fault_set(fault, STATUS_EXISTS,
                     "%s has a cluster of %u nodes, whose shape and settings do not change; "
                     "'dkv local down --wipe' removes it",
                     local->dir, local->node_count);
}

// Finds or makes the cluster, ready to be started.
static enum status prepare(struct local *local, const struct local_options *options,
                           struct fault *fault)
{
    enum status status = local_open(local, options->dir, fault);
    if (!status && !is_ours(local) && file_exists(local->dir) &&
        !file_is_dir_of(local->dir, NULL, 0))
        status = fault_set(fault, STATUS_EXISTS, "%s: holds something else", local->dir);
    if (!status)
        status = file_make_dir(local->dir, 0700, fault);
    if (!status)
        status = local_claim(local, fault);
    if (!status)
        status = lock(local, fault);
    if (!status) // again: now by its real name, and nobody else is making it
        status = local_open(local, options->dir, fault);
    if (status)
        return status;
    if (is_any_running(local))
        return fault_set(fault, STATUS_EXISTS, "the cluster in %s is running already", local->dir);
    return local->node_count ? check_shape(local, &options->shape, fault)
                             : local_make(local, &options->shape, fault);
}

static void print_export(const struct local *local)
{
    struct buf endpoints = {0};
    local_endpoints(local, false, &endpoints);
    const char *safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:,._-+@%";
    const char *text = buf_text(&endpoints);
    const char *quote = text[strspn(text, safe)] ? "'" : "";
    printf("export DKV_CLUSTER=%s%s%s\n", quote, text, quote);
    buf_release(&endpoints);
}

static int up(const struct globals *globals, struct local *local,
              const struct local_options *options)
{
    struct fault fault;
    enum status status = prepare(local, options, &fault);
    if (status == STATUS_LOCKED) // it is being used: a usage error like a second up
        status = STATUS_EXISTS;
    if (status)
        return report(globals, "local", file_status(status), "%s", fault.text);
    uint64_t wait_ms = globals->timeout_given ? globals->timeout_ms : LOCAL_START_WAIT_MS;
    uint64_t deadline_ms = clock_mono_ms() + wait_ms;
    for (const char *const *name = local_daemon_names; !status && *name; name++)
        for (unsigned i = 0; !status && i < local->node_count; i++) {
            struct local_daemon daemon = local_daemon_of(local, i, *name);
            status = local_daemon_start(&daemon, &fault);
        }
    for (unsigned i = 0; !status && i < local->node_count; i++)
        for (const char *const *name = local_daemon_names; !status && *name; name++) {
            struct local_daemon daemon = local_daemon_of(local, i, *name);
            status = local_wait_serving(&daemon, deadline_ms, &fault);
        }
    if (!status)
        status = local_wait_well(globals, local, deadline_ms, &fault);
    if (status) {
        (void)!local_wait_stopped(local, NULL, NULL, NULL); // so that it can be tried again
        return report(globals, "local", file_status(status), "%s", fault.text);
    }
    print_export(local);
    return 0;
}

static bool confirm(const struct local *local)
{
    char answer[16] = "";
    fprintf(stderr, "Remove %s and all its data? [y/N] ", local->dir);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int down(const struct globals *globals, struct local *local,
                const struct local_options *options)
{
    struct fault fault;
    if (!is_ours(local))
        return report(globals, "local", STATUS_INVALID, "there is no local cluster in %s",
                      local->dir);
    if (options->wipe && !options->yes && !isatty(STDIN_FILENO))
        return usage_error("local", "down: --wipe needs --yes when nobody can be asked");
    if (options->wipe && !options->yes && !confirm(local))
        return report(globals, "local", STATUS_INVALID, "nothing was done");
    enum status status = lock(local, &fault);
    if (!status)
        status = local_wait_stopped(local, NULL, NULL, &fault);
    if (!status && options->wipe)
        status = file_remove_tree(local->dir, &fault);
    return status ? report(globals, "local", status, "%s", fault.text) : 0;
}

static int show(const struct globals *globals, const struct local *local)
{
    static const char *const heading[] = {"node", "process", "state", "pid"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    bool is_well = true;
    for (unsigned i = 0; i < local->node_count; i++) {
        for (const char *const *name = local_daemon_names; *name; name++) {
            pid_t pid;
            struct local_daemon daemon = local_daemon_of(local, i, *name);
            enum local_state state = local_daemon_find(&daemon, &pid);
            is_well = is_well && state == LOCAL_RUNNING;
            if (globals->json) {
                json_print_line(json_pack("{s:i,s:s,s:s,s:s,s:i}", "v", 1, "node", daemon.node,
                                          "process", *name, "state", local_state_text(state), "pid",
                                          (int)pid));
                continue;
            }
            columns_add(&columns, "%s", daemon.node);
            columns_add(&columns, "%s", *name);
            columns_add(&columns, "%s", local_state_text(state));
            columns_add(&columns, "%ld", (long)pid);
            columns_end_row(&columns);
        }
    }
    if (globals->json)
        buf_release(&columns.text);
    else
        columns_print(&columns);
    return status_exit_code(is_well ? STATUS_OK : STATUS_CHECK_FAILED);
}

// start, stop, kill, pause, resume of one daemon. NOT_FOUND if it is not in the state that
// the word supposes.
static enum status act(const char *word, const struct local *local,
                       const struct local_daemon *daemon, struct fault *fault)
{
    uint64_t deadline_ms = clock_mono_ms() + LOCAL_START_WAIT_MS;
    enum status status = STATUS_OK;
    bool is_signalled = true;
    if (strcmp(word, "start") == 0)
        return local_daemon_start(daemon, fault);
    if (strcmp(word, "stop") == 0)
        return local_wait_stopped(local, daemon->node, daemon->name, fault);
    if (strcmp(word, "kill") == 0) {
        is_signalled = local_daemon_signal(daemon, SIGKILL);
        if (is_signalled)
            status = local_wait_gone(daemon, deadline_ms, fault);
    } else {
        is_signalled = local_daemon_signal(daemon, strcmp(word, "pause") == 0 ? SIGSTOP : SIGCONT);
    }
    return is_signalled ? status
                        : fault_set(fault, STATUS_NOT_FOUND, "%s: %s is not running", daemon->node,
                                    daemon->name);
}

// Others are waited for only when all that were started are running: a node that slept while the
// ring changed hears of that by its router.
static enum status await_started(const struct globals *globals, const struct local *local,
                                 unsigned index, const bool *is_started, struct fault *fault)
{
    uint64_t deadline_ms = clock_mono_ms() + LOCAL_START_WAIT_MS;
    enum status status = STATUS_OK;
    for (unsigned i = 0; local_daemon_names[i] && !status; i++) {
        struct local_daemon daemon = local_daemon_of(local, index, local_daemon_names[i]);
        if (is_started[i])
            status = local_wait_serving(&daemon, deadline_ms, fault);
    }
    for (unsigned i = 0; local_daemon_names[i] && !status; i++) {
        struct local_daemon daemon = local_daemon_of(local, index, local_daemon_names[i]);
        if (is_started[i])
            status = local_wait_seen(globals, local, &daemon, deadline_ms, fault);
    }
    return status;
}

static int refuse_process(const char *process)
{
    struct buf names = {0};
    for (const char *const *name = local_daemon_names; *name; name++)
        buf_printf(&names, "%s%s", names.size ? ", " : "", *name);
    int status = usage_error("local", "%s: not a process of a node: %s", process, buf_text(&names));
    buf_release(&names);
    return status;
}

static int signal_node(const struct globals *globals, const struct local *local, const char *word,
                       const char *node, const char *process)
{
    unsigned index = 0;
    while (index < local->node_count && strcmp(local->names[index], node) != 0)
        index++;
    if (index == local->node_count)
        return report(globals, "local", STATUS_INVALID, "%s: %s has no such node", node,
                      local->dir);
    // Of a node without a process named: those that the word can be applied to.
    unsigned done = 0;
    bool is_known = false, is_started[LOCAL_DAEMONS_MAX] = {false};
    struct fault fault;
    enum status status = STATUS_OK;
    for (unsigned i = 0; local_daemon_names[i]; i++) {
        const char *name = local_daemon_names[i];
        if (process && strcmp(process, name) != 0)
            continue;
        is_known = true;
        struct local_daemon daemon = local_daemon_of(local, index, name);
        enum status failed = act(word, local, &daemon, &fault);
        bool is_skipped = !process && (failed == STATUS_NOT_FOUND || failed == STATUS_EXISTS);
        if (failed && !is_skipped)
            return report(globals, "local", failed, "%s", fault.text);
        done += !failed;
        is_started[i] = !failed && strcmp(word, "start") == 0;
        status = failed ? failed : status;
    }
    if (!is_known)
        return refuse_process(process);
    enum status failed = await_started(globals, local, index, is_started, &fault);
    if (failed)
        return report(globals, "local", failed, "%s", fault.text);
    return done ? 0 : report(globals, "local", status, "%s", fault.text);
}

static bool is_word(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static int run(const struct globals *globals, const struct local_options *options,
               const struct operands *operands)
{
    static const char *const node_words[] = {"start", "stop", "kill", "pause", "resume", NULL};
    static const char *const words[] = {"up", "down", "status", NULL};
    const char *word = operands->count ? operands->values[0] : "";
    bool is_of_node = is_word(word, node_words);
    if (!is_of_node && !is_word(word, words))
        return usage_error("local", "one of up, down, status, start, stop, kill, pause, resume "
                                    "is needed");
    if (is_of_node && (operands->count < 2 || operands->count > 3))
        return usage_error("local", "%s: NODE and perhaps PROCESS are needed", word);
    if (!is_of_node && operands->count != 1)
        return usage_error("local", "%s: takes no arguments", word);

    struct local local;
    struct fault fault;
    enum status status = local_open(&local, options->dir, &fault);
    if (status)
        return report(globals, "local", status, "%s", fault.text);
    if (strcmp(word, "up") == 0)
        return up(globals, &local, options);
    if (strcmp(word, "down") == 0)
        return down(globals, &local, options);
    if (local.node_count == 0)
        return report(globals, "local", is_of_node ? STATUS_INVALID : STATUS_CHECK_FAILED,
                      "there is no local cluster in %s; 'dkv local up' makes one", local.dir);
    if (!is_of_node)
        return show(globals, &local);
    return signal_node(globals, &local, word, operands->values[1],
                       operands->count == 3 ? operands->values[2] : NULL);
}

int verb_local(struct globals *globals, int argc, char **argv)
{
    struct local_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_local, &options, argc, argv, &operands))
        return operands.exit_status;
    int exit_status = run(globals, &options, &operands);
    options_release(options_local, &options);
    return exit_status;
}
