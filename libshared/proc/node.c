#include "proc/node.h"

#include "net/endpoint.h"
#include "os/owner.h"
#include "proc/log.h"
#include "proc/notify.h"
#include "proc/ring_file.h"
#include "wire/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_CONFIGURATION = 2 };

const char *node_path(const struct node *node, const char *rest, char path[NODE_PATH_SIZE])
{
    snprintf(path, NODE_PATH_SIZE, "%s/%s", node->settings.dir, rest);
    return path;
}

const char *node_door(const struct ring_node *ring_node, enum door door,
                      char endpoint[NODE_PATH_SIZE])
{
    return endpoint_of_tcp(ring_node->address, ring_node->port + door_facts(door)->port_offset,
                           endpoint);
}

const struct ring_node *node_self(const struct node *node)
{
    return &node->ring->ring.nodes[node->index];
}

// One line for each thing that is wrong; the first is kept.
__attribute__((format(printf, 2, 3))) static void complain(struct node *node, const char *format,
                                                           ...)
{
    char text[1024]; // as a line of the log
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_line(LOG_LEVEL_ERROR, "%s", text);
    if (node->complaints++ == 0)
        snprintf(node->complaint, sizeof node->complaint, "%s", text);
}

static const char *ring_file_of(const struct node *node)
{
    return node->has_adopted ? RING_FILE_ADOPTED : RING_FILE_HANDED;
}

static void complain_closed(struct node *node, const char *path)
{
    struct fault fault;
    owner_fault(path, &fault);
    complain(node, "%s", fault.text);
}

// What the ring says of the node cannot change beside it: others reach the node, and place
// copies, by the ring.
static void compare(struct node *node, const char *key, const char *ours, const char *of_ring)
{
    if (!strcmp(ours, of_ring))
        return;
    struct buf place = {0};
    settings_place(&node->settings, key, &place);
    complain(
        node,
        "%s: %s is \"%s\", but \"%s\" in the ring (%s/%s), by which all others know this node: "
        "set it to \"%s\"",
        buf_text(&place), key, ours, of_ring, node->settings.dir, ring_file_of(node), of_ring);
    buf_release(&place);
}

static void compare_with_ring(struct node *node)
{
    const struct settings *settings = &node->settings;
    const struct ring_node *of_ring = node_self(node);
    char id[17], id_of_ring[17], port[8], port_of_ring[8];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)settings->node_id);
    snprintf(id_of_ring, sizeof id_of_ring, "%016llx", (unsigned long long)of_ring->id);
    snprintf(port, sizeof port, "%u", settings->port);
    snprintf(port_of_ring, sizeof port_of_ring, "%u", of_ring->port);
    compare(node, "node/id", id, id_of_ring);
    compare(node, "node/name", settings->node_name, of_ring->name);
    compare(node, "node/address", settings->address, of_ring->address);
    compare(node, "node/port", port, port_of_ring);
    compare(node, "node/dc", settings->dc, of_ring->dc);
    compare(node, "node/rack", settings->rack, of_ring->rack);
}

// Looks for this node in the document that was read.
static void find_self(struct node *node, const char *path)
{
    node->index = ring_find_node(&node->ring->ring, node->settings.node_id);
    if (node->index < 0)
        complain(node,
                 "%s: node %s (%016llx) is not in this ring, of cluster %016llx: it is the "
                 "ring of others, or %s is that of another node",
                 path, node->settings.node_name, (unsigned long long)node->settings.node_id,
                 (unsigned long long)node->ring->ring.cluster, node->settings.path);
    else
        compare_with_ring(node);
}

// Without a complaint there is a ring then, and this node in it.
static void load_ring(struct node *node)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    struct buf text = {0};
    const char *dir = node->settings.dir;
    node->index = -1;
    enum status status = ring_file_read(dir, RING_FILE_ADOPTED, &text);
    node->has_adopted = status != STATUS_NOT_FOUND;
    if (!node->has_adopted)
        status = ring_file_read(dir, RING_FILE_HANDED, &text);
    node_path(node, ring_file_of(node), path);
    if (status == STATUS_NOT_FOUND)
        complain(node,
                 "%s: there is no ring yet; 'dkv ring init NODEFILE... --into %s' makes the "
                 "first of a cluster, see dkv-install(7)",
                 path, dir);
    else if (status)
        complain_closed(node, path);
    else if (!(node->ring = ring_snapshot_parse(buf_bytes(&text), &fault)))
        complain(node, "%s: %.200s; copy it from another node, which has the same", path,
                 fault.text);
    else
        find_self(node, path);
    buf_release(&text);
}

static void load_key(struct node *node)
{
    char path[NODE_PATH_SIZE];
    struct fault fault;
    if (key_file_load(node_path(node, "keys/node.key", path), true, &node->key, &fault))
        complain(node, "%s", fault.text);
    else if (node->index >= 0 &&
             strcmp(node->key.keys.public_key, node_self(node)->public_key) != 0)
        complain(node, "%s: not the key that the ring names for node %s", path,
                 node->settings.node_name);
}

// A database that is not there is begun by the store.
static void check_directories(struct node *node)
{
    static const char *const names[] = {"data", "data/store", "data/ring", "run"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[NODE_PATH_SIZE];
        node_path(node, names[i], path);
        if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) &&
            (errno != ENOENT || i != 1))
            complain_closed(node, path);
    }
}

// A key of a client that cannot be read keeps that client out, and nobody else.
static void load_clients(struct node *node)
{
    char path[NODE_PATH_SIZE];
    node->clients = key_directory_open(node_path(node, "keys/authorized", path));
    const char *fault = key_directory_fault(node->clients);
    if (fault[0])
        log_line(LOG_LEVEL_WARNING, "%s: passed over", fault);
}

bool node_load(struct node *node)
{
    load_ring(node);
    load_key(node);
    load_clients(node);
    check_directories(node);
    return node->complaints == 0;
}

static void log_change(struct node *node, const struct settings *read, uint32_t index)
{
    uint32_t count;
    const char *key = settings_table(&count)[index].key;
    struct buf before = {0}, after = {0};
    settings_format(&node->settings, index, &before);
    settings_format(read, index, &after);
    if (settings_is_live(index))
        log_line(LOG_LEVEL_INFO, "%s: %s -> %s", key, buf_text(&before), buf_text(&after));
    else
        log_line(LOG_LEVEL_WARNING, "%s: %s -> %s needs a restart; until then it is %s", key,
                 buf_text(&before), buf_text(&after), buf_text(&before));
    buf_release(&before);
    buf_release(&after);
}

void node_reload(struct node *node)
{
    struct node next = {.ring = node->ring, .index = node->index};
    struct fault fault;
    uint32_t count;
    settings_table(&count);
    bool is_good = !settings_load(&next.settings, node->settings.path, &fault);
    if (!is_good)
        log_line(LOG_LEVEL_ERROR, "%s", fault.text);
    else
        compare_with_ring(&next);
    if (!is_good || next.complaints) {
        log_line(LOG_LEVEL_ERROR, "nothing of %s was taken over", node->settings.path);
        return;
    }
    struct settings *now = &node->settings;
    uint32_t index = settings_next_change(now, &next.settings, 0);
    if (index == count)
        log_line(LOG_LEVEL_INFO, "%s: nothing changed", now->path);
    // What lets more through counts for these lines, too.
    if (next.settings.log_level > now->log_level)
        log_set_level((enum log_level)next.settings.log_level);
    for (; index < count; index = settings_next_change(now, &next.settings, index + 1)) {
        log_change(node, &next.settings, index);
        if (settings_is_live(index))
            settings_take(now, &next.settings, index);
    }
    log_set_level((enum log_level)now->log_level);
}

void node_take_ring(struct node *node, struct ring_snapshot *ring)
{
    log_line(LOG_LEVEL_INFO, "ring: epoch %llu -> %llu", (unsigned long long)node->ring->ring.epoch,
             (unsigned long long)ring->ring.epoch);
    ring_snapshot_hold(ring);
    ring_snapshot_drop(node->ring);
    node->ring = ring;
    node->index = ring_find_node(&ring->ring, node->settings.node_id);
}

static bool find_key(void *context, const char *public_key, enum role *role, uint64_t *node_id)
{
    const struct node *node = context;
    const struct ring *ring = &node->ring->ring;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (strcmp(ring->nodes[i].public_key, public_key) == 0) {
            *role = ROLE_PEER;
            *node_id = ring->nodes[i].id;
            return true;
        }
    }
    return key_directory_find(node->clients, public_key, role, node_id);
}

static void make_private(const struct node *node)
{
    char path[NODE_PATH_SIZE];
    struct stat facts;
    node_path(node, "run/private", path);
    if ((mkdir(path, 0700) && errno != EEXIST) || lstat(path, &facts))
        die(EXIT_CONFIGURATION, "unable to make %s: %s", path, strerror(errno));
    if (!S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() || facts.st_mode & 077)
        die(EXIT_CONFIGURATION,
            "%s: must be a directory of our own user that nobody else may enter "
            "(mode 0700)",
            path);
}

void node_open(struct node *node)
{
    struct fault fault;
    if (!node_load(node)) {
        notify_status(node->complaint);
        exit(EXIT_CONFIGURATION);
    }
    struct net_options options = {
        .keys = node->key.keys,
        .directory = {node, find_key},
        .message_size_max = MESSAGE_SIZE_MAX,
    };
    make_private(node);
    if (net_open(&node->net, &options, &fault))
        die(EXIT_CONFIGURATION, "%s", fault.text);
}

const char *node_socket(const struct node *node, enum door door, char endpoint[NODE_PATH_SIZE])
{
    const struct door_facts *facts = door_facts(door);
    snprintf(endpoint, NODE_PATH_SIZE, "ipc://%s/run/%s%s", node->settings.dir,
             facts->is_private ? "private/" : "", facts->socket);
    return endpoint;
}

void node_close(struct node *node)
{
    net_close(node->net);
    key_directory_close(node->clients);
    ring_snapshot_drop(node->ring);
}
