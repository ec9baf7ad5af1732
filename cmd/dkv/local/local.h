// local.h - a cluster of this user on this machine, made by `dkv local up`.
//
//     DIR/local           says that the directory is ours to wipe; "making" while it is made
//     DIR/lock            locked while a `dkv local` works on the directory
//     DIR/n1, n2, ...     nodes, laid out as `dkv init` does it, with run/*.pid, log/*.log
//
// Limits: 16 nodes; DIR so short that DIR/nX/run/private/store.sock fits into the address of a
// unix socket (107 bytes).
#pragma once

#include "dkv/local/local_daemon.h"
#include "dkv/option_list.h"

enum { LOCAL_NODES_MAX = 16 };

struct local {
    char dir[FILE_PATH_SIZE];
    char names[LOCAL_NODES_MAX][8]; // "n1"
    unsigned node_count;            // 0 = there is no cluster
};

// The shape that a new cluster is to have. 0 = not given.
struct local_shape {
    uint64_t nodes, racks, dcs, base_port;
    bool plain;
    struct option_list settings;
};

// Finds the cluster in `dir`, NULL = the default directory. INVALID if DIR is too long or
// its name cannot be in an endpoint.
enum status local_open(struct local *local, const char *dir, struct fault *fault) MUST_USE;

// Marks an existing, empty directory as ours. One that is marked stays as it is.
enum status local_claim(const struct local *local, struct fault *fault) MUST_USE;

// Lays out nodes and ring in a directory that is claimed and locked. INVALID if no ports
// are free.
enum status local_make(struct local *local, const struct local_shape *shape,
                       struct fault *fault) MUST_USE;

// Daemon `name` of a node.
struct local_daemon local_daemon_of(const struct local *local, unsigned node, const char *name);

// The routers as a list of endpoints, appended. `running`: only those that run.
void local_endpoints(const struct local *local, bool running, struct buf *out);

// The endpoints of the cluster in the default directory if one of its routers runs, else
// "ipc:///run/dkv/router.sock". Lives as long as the process.
const char *local_default_cluster(void);
