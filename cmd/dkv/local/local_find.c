#include "dkv/local/local.h"

#include "base/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

// $XDG_STATE_HOME/dkv/local, else ~/.local/state/dkv/local.
static bool find_default_dir(char dir[FILE_PATH_SIZE])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length = -1;
    if (state && state[0] == '/')
        length = snprintf(dir, FILE_PATH_SIZE, "%s/dkv/local", state);
    else if (home && home[0] == '/')
        length = snprintf(dir, FILE_PATH_SIZE, "%s/.local/state/dkv/local", home);
    return length > 0 && length < FILE_PATH_SIZE;
}

// Absolute, without links, also if the end of it does not exist yet: pid files and sockets
// must have one name from wherever one looks.
static bool make_absolute(const char *dir, char path[FILE_PATH_SIZE])
{
    char *real = realpath(dir, NULL);
    int length = -1;
    if (real) {
        length = snprintf(path, FILE_PATH_SIZE, "%s", real);
    } else if (errno == ENOENT && dir[0] == '/') {
        length = snprintf(path, FILE_PATH_SIZE, "%s", dir);
    } else if (errno == ENOENT && (real = realpath(".", NULL))) {
        length = snprintf(path, FILE_PATH_SIZE, "%s/%s", real, dir);
    }
    free(real);
    return length > 0 && length < FILE_PATH_SIZE;
}

enum status local_open(struct local *local, const char *dir, struct fault *fault)
{
    *local = (struct local){0};
    char standard[FILE_PATH_SIZE];
    if (!dir && !find_default_dir(standard))
        return fault_set(fault, STATUS_INVALID,
                         "no directory: neither XDG_STATE_HOME nor HOME is set; give --dir");
    dir = dir ? dir : standard;
    if (!*dir || !make_absolute(dir, local->dir))
        return fault_set(fault, STATUS_INVALID, "%s: no usable name of a directory", dir);

    const size_t path_max = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    const size_t size_max = path_max - strlen("/n16/run/private/store.sock");
    if (strlen(local->dir) > size_max)
        return fault_set(fault, STATUS_INVALID,
                         "%s: too long for the sockets inside it; at most %zu bytes, not %zu",
                         local->dir, size_max, strlen(local->dir));
    for (const char *c = local->dir; *c; c++)
        if ((unsigned char)*c < ' ' || strchr(",\"'\\", *c))
            return fault_set(fault, STATUS_INVALID,
                             "%s: a comma, quote, backslash or control character in the name",
                             local->dir);

    char path[FILE_PATH_SIZE];
    struct buf mark = {0};
    bool is_made = !file_join(path, local->dir, "local", NULL) &&
                   !file_read(path, 64, &mark, NULL) &&
                   strcmp(buf_text(&mark), "dkv-local 1\n") == 0;
    buf_release(&mark);
    for (unsigned i = 0; is_made && i < LOCAL_NODES_MAX; i++) {
        snprintf(local->names[i], sizeof local->names[i], "n%u", i + 1);
        struct local_daemon any = local_daemon_of(local, i, local_daemon_names[0]);
        if (!file_is_dir(any.dir))
            break;
        local->node_count = i + 1;
    }
    return STATUS_OK;
}

struct local_daemon local_daemon_of(const struct local *local, unsigned node, const char *name)
{
    struct local_daemon daemon = {.node = local->names[node], .name = name};
    if (file_join(daemon.dir, local->dir, local->names[node], NULL))
        daemon.dir[0] = '\0';
    return daemon;
}

void local_endpoints(const struct local *local, bool running, struct buf *out)
{
    bool is_first = true;
    for (unsigned i = 0; i < local->node_count; i++) {
        pid_t pid;
        struct local_daemon router = local_daemon_of(local, i, "router");
        if (running && local_daemon_find(&router, &pid) == LOCAL_STOPPED)
            continue;
        buf_printf(out, "%sipc://%s/run/router.sock", is_first ? "" : ",", router.dir);
        is_first = false;
    }
}

const char *local_default_cluster(void)
{
    static const char *cluster;
    struct local local;
    if (cluster)
        return cluster;
    struct buf endpoints = {0};
    if (!local_open(&local, NULL, NULL))
        local_endpoints(&local, true, &endpoints);
    cluster = endpoints.size ? xstrdup(buf_text(&endpoints)) : "ipc:///run/dkv/router.sock";
    buf_release(&endpoints);
    return cluster;
}
