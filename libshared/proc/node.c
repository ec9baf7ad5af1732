#include "proc/node.h"

#include "proc/log.h"
#include "ring/ring_text.h"
#include "wire/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_CONFIGURATION = 2 };

const char *node_path(const struct node *node, const char *rest, char path[NODE_PATH_SIZE])
{
    snprintf(path, NODE_PATH_SIZE, "%s/%s", node->settings.dir, rest);
    return path;
}

const char *node_ipc(const struct node *node, const char *rest, char endpoint[NODE_PATH_SIZE])
{
    snprintf(endpoint, NODE_PATH_SIZE, "ipc://%s/%s", node->settings.dir, rest);
    return endpoint;
}

const char *node_tcp(const struct ring_node *ring_node, unsigned port_offset,
                     char endpoint[NODE_PATH_SIZE])
{
    bool is_ipv6 = strchr(ring_node->address, ':') != NULL;
    snprintf(endpoint, NODE_PATH_SIZE, is_ipv6 ? "tcp://[%s]:%u" : "tcp://%s:%u",
             ring_node->address, ring_node->port + port_offset);
    return endpoint;
}

static void read_whole(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(EXIT_CONFIGURATION, "unable to open %s: %s", path, strerror(errno));
    for (;;) {
        uint8_t *at = buf_grow(out, 65536);
        ssize_t size = read(fd, at, 65536);
        if (size < 0)
            die(EXIT_CONFIGURATION, "unable to read %s: %s", path, strerror(errno));
        out->size -= 65536 - (size_t)size;
        if (size == 0)
            break;
    }
    close(fd);
}

static void load_ring(struct node *node)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    read_whole(node_path(node, "data/ring/ring", path), &node->ring_text);
    if (ring_text_parse(&node->ring, buf_bytes(&node->ring_text), &fault))
        die(EXIT_CONFIGURATION, "%s: %s", path, fault.text);
    node->index = ring_find_node(&node->ring, node->settings.node_id);
    if (node->index < 0)
        die(EXIT_CONFIGURATION, "%s: node %s (%016llx) is not in this ring", path,
            node->settings.node_name, (unsigned long long)node->settings.node_id);
}

static void load_key(struct node *node)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    if (key_file_load(node_path(node, "keys/node.key", path), true, &node->key, &fault))
        die(EXIT_CONFIGURATION, "%s", fault.text);
    if (strcmp(node->key.keys.public_key, node->ring.nodes[node->index].public_key) != 0)
        die(EXIT_CONFIGURATION, "%s: not the key that the ring names for node %s", path,
            node->settings.node_name);
}

static bool find_key(void *context, const char *public_key, enum role *role, uint64_t *node_id)
{
    const struct node *node = context;
    for (uint32_t i = 0; i < node->ring.node_count; i++) {
        if (strcmp(node->ring.nodes[i].public_key, public_key) == 0) {
            *role = ROLE_PEER;
            *node_id = node->ring.nodes[i].id;
            return true;
        }
    }
    return key_directory_find(node->clients, public_key, role, node_id);
}

void node_open(struct node *node)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    load_ring(node);
    load_key(node);
    node->clients = key_directory_open(node_path(node, "keys/authorized", path));
    struct net_options options = {
        .keys = node->key.keys,
        .directory = {node, find_key},
        .plain = node->settings.plain,
        .message_size_max = MESSAGE_SIZE_MAX,
    };
    if (net_open(&node->net, &options, &fault))
        die(EXIT_CONFIGURATION, "%s", fault.text);
}

void node_close(struct node *node)
{
    net_close(node->net);
    key_directory_close(node->clients);
    ring_release(&node->ring);
    buf_release(&node->ring_text);
}
