#include "dkv/local/local.h"

#include "base/hash.h"
#include "base/xalloc.h"
#include "dkv/node_dir.h"
#include "os/entropy.h"
#include "ring/ring_plan.h"
#include "ring/ring_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS_PER_NODE = 6, PORT_STEP = 10, PORT_FIRST = 7400, PORT_LAST = 32700 };

static bool is_free(unsigned port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1; // as the daemons do: a connection that lingers does not count
    bool is_bound = fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) &&
                    !bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 1);
    if (fd >= 0)
        close(fd);
    return is_bound;
}

static bool are_free(unsigned base)
{
    for (unsigned i = 0; i < PORTS_PER_NODE; i++)
        if (!is_free(base + i))
            return false;
    return true;
}

// Ports that the system gives to outgoing connections begin here.
static unsigned ephemeral_first(void)
{
    struct buf text = {0};
    unsigned first = 0;
    if (file_read("/proc/sys/net/ipv4/ip_local_port_range", 64, &text, NULL) ||
        sscanf(buf_text(&text), "%u", &first) != 1 || first < PORT_FIRST + 1000)
        first = PORT_LAST;
    buf_release(&text);
    return first < PORT_LAST ? first : PORT_LAST;
}

// A base port for each node. Clusters in different directories begin at different places,
// so that two that are made at once, or one that is down, seldom want the same ports.
static bool find_ports(const struct local *local, uint64_t base_port, uint16_t *ports,
                       unsigned count)
{
    unsigned steps = (ephemeral_first() - PORT_FIRST) / PORT_STEP - 1;
    unsigned at = (unsigned)(hash64(bytes_of_text(local->dir)) % steps);
    unsigned found = 0;
    if (base_port) {
        for (; found < count && base_port + found * PORT_STEP + PORTS_PER_NODE <= UINT16_MAX &&
               are_free((unsigned)base_port + found * PORT_STEP);
             found++)
            ports[found] = (uint16_t)(base_port + found * PORT_STEP);
        return found == count;
    }
    for (unsigned tried = 0; found < count && tried < steps; tried++, at = (at + 1) % steps) {
        unsigned base = PORT_FIRST + at * PORT_STEP;
        if (are_free(base))
            ports[found++] = (uint16_t)base;
    }
    return found == count;
}

static enum status make_node(struct local *local, unsigned index, const struct local_shape *shape,
                             struct ring_node *node, struct fault *fault)
{
    unsigned dcs = shape->dcs ? (unsigned)shape->dcs : 1;
    unsigned racks = shape->racks ? (unsigned)shape->racks : 1;
    snprintf(local->names[index], sizeof local->names[index], "n%u", index + 1);
    snprintf(node->name, sizeof node->name, "%s", local->names[index]);
    snprintf(node->address, sizeof node->address, "127.0.0.1");
    snprintf(node->dc, sizeof node->dc, "dc%u", index % dcs + 1);
    snprintf(node->rack, sizeof node->rack, "r%u", index / dcs % racks + 1);
    char dir[FILE_PATH_SIZE];
    enum status status = file_join(dir, local->dir, node->name, fault);
    return status ? status : node_dir_create(dir, node, shape->plain, &shape->settings, fault);
}

// The operator's key of the first node is good for all of them.
static enum status share_operator(const struct local *local, unsigned count, struct fault *fault)
{
    char path[FILE_PATH_SIZE];
    struct key_file key;
    enum status status = file_join(path, local->dir, "n1/keys/client.key", fault);
    if (!status)
        status = key_file_load(path, true, &key, fault);
    for (unsigned i = 1; !status && i < count; i++) {
        status = file_join(path, local->dir, local->names[i], fault);
        if (!status)
            status = node_dir_authorize(path, &key, fault);
    }
    return status;
}

static enum status make_ring(const struct local *local, const struct ring_node *nodes,
                             unsigned count, struct fault *fault)
{
    struct ring ring = {0};
    struct buf document = {0};
    enum status status =
        ring_create(&ring, entropy_u64(), RING_PARTITIONS_DEFAULT, nodes, count, fault);
    if (!status)
        ring_text_format(&ring, &document);
    for (unsigned i = 0; !status && i < count; i++) {
        char dir[FILE_PATH_SIZE];
        status = file_join(dir, local->dir, local->names[i], fault);
        if (!status)
            status = node_dir_put_ring(dir, buf_bytes(&document), fault);
    }
    ring_release(&ring);
    buf_release(&document);
    return status;
}

// The remains of a local_make() that was interrupted.
static enum status remove_rest(const struct local *local, struct fault *fault)
{
    for (unsigned i = 1; i <= LOCAL_NODES_MAX; i++) {
        char name[8], path[FILE_PATH_SIZE];
        snprintf(name, sizeof name, "n%u", i);
        enum status status = file_join(path, local->dir, name, fault);
        if (!status && file_exists(path))
            status = file_remove_tree(path, fault);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static enum status write_mark(const struct local *local, const char *text, bool exclusive,
                              struct fault *fault)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, local->dir, "local", fault);
    return status ? status : file_write(path, 0644, exclusive, bytes_of_text(text), fault);
}

enum status local_claim(const struct local *local, struct fault *fault)
{
    enum status status = write_mark(local, "dkv-local 1 making\n", true, fault);
    return status == STATUS_EXISTS ? STATUS_OK : status;
}

enum status local_make(struct local *local, const struct local_shape *shape, struct fault *fault)
{
    unsigned count = shape->nodes ? (unsigned)shape->nodes : 3;
    uint16_t ports[LOCAL_NODES_MAX];
    if (!find_ports(local, shape->base_port, ports, count))
        return fault_set(fault, STATUS_INVALID, "no %u times %d free ports on 127.0.0.1 %s %u",
                         count, PORTS_PER_NODE, shape->base_port ? "from" : "above",
                         shape->base_port ? (unsigned)shape->base_port : PORT_FIRST);
    enum status status = remove_rest(local, fault);
    struct ring_node *nodes = xcalloc(count, sizeof *nodes);
    for (unsigned i = 0; !status && i < count; i++) {
        nodes[i].port = ports[i];
        status = make_node(local, i, shape, &nodes[i], fault);
    }
    if (!status)
        status = share_operator(local, count, fault);
    if (!status)
        status = make_ring(local, nodes, count, fault);
    if (!status)
        status = write_mark(local, "dkv-local 1\n", false, fault);
    if (!status)
        local->node_count = count;
    free(nodes);
    return status;
}
