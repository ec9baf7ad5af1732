#include "client/net/endpoints.h"

#include "net/key_file.h"
#include "os/file.h"
#include "ring/ring_text.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CLUSTER_FILE_SIZE_MAX = 64 * 1024 * 1024,
    CONNECT_IPC_MS = 250,
    CONNECT_TCP_MS = 1500, // four round trips with CURVE
};

static enum status parse(struct endpoints_item *item, struct bytes text, bool has_keys,
                         struct fault *fault)
{
    struct endpoint endpoint;
    if (text.size >= sizeof item->text)
        return fault_set(fault, STATUS_INVALID, "an endpoint is longer than %zu bytes",
                         sizeof item->text - 1);
    *item = (struct endpoints_item){0};
    memcpy(item->text, text.data, text.size);
    enum status status = endpoint_parse(item->text, &endpoint, fault);
    if (status)
        return status;
    item->kind = endpoint.ipc ? SPREAD_IPC : endpoint.loopback ? SPREAD_LOOPBACK : SPREAD_FAR;
    if (!endpoint.ipc && !endpoint.loopback && !has_keys)
        return fault_set(fault, STATUS_INVALID,
                         "%s needs keys, as all but 127.0.0.0/8 and [::1] do; give their "
                         "directory with --key-dir",
                         item->text);
    return STATUS_OK;
}

// The key of the node that listens for clients at address and port.
static enum status find_in_ring(struct endpoints_item *item, const struct ring *ring,
                                const char *path, struct fault *fault)
{
    for (uint32_t i = 0; i < ring->node_count; i++) {
        const struct ring_node *node = &ring->nodes[i];
        char text[ENDPOINT_SIZE];
        if (strcmp(endpoint_of_tcp(node->address, node->port, text), item->text))
            continue;
        memcpy(item->server_key, node->public_key, sizeof item->server_key);
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INVALID, "%s: no node has the address of %s", path, item->text);
}

static enum status find_keys(struct endpoints *endpoints, const char *key_dir, struct fault *fault)
{
    char path[FILE_PATH_SIZE];
    struct key_file file;
    enum status status = file_join(path, key_dir, "client.key", fault);
    if (!status)
        status = key_file_load(path, true, &file, fault);
    if (status)
        return status;
    endpoints->keys = file.keys;
    struct buf text = {0};
    struct ring ring = {0};
    status = file_join(path, key_dir, "cluster.pub", fault);
    if (!status)
        status = file_read(path, CLUSTER_FILE_SIZE_MAX, &text, fault);
    if (status) {
        buf_release(&text);
        return status;
    }
    bool is_ring = ring_text_parse(&ring, buf_bytes(&text), NULL) == STATUS_OK;
    if (!is_ring)
        status = key_file_load(path, false, &file, fault);
    for (uint32_t i = 0; !status && i < endpoints->count; i++) {
        struct endpoints_item *item = &endpoints->items[i];
        if (item->kind == SPREAD_IPC)
            continue;
        if (is_ring)
            status = find_in_ring(item, &ring, path, fault);
        else
            memcpy(item->server_key, file.keys.public_key, sizeof item->server_key);
    }
    ring_release(&ring);
    buf_release(&text);
    return status;
}

enum status endpoints_parse(struct endpoints *endpoints, const char *text, const char *key_dir,
                            struct fault *fault)
{
    *endpoints = (struct endpoints){0};
    bool needs_keys = false;
    const char *at = text;
    while (*at) {
        size_t size = strcspn(at, ",");
        if (endpoints->count == ENDPOINTS_MAX)
            return fault_set(fault, STATUS_INVALID, "more than %d endpoints", ENDPOINTS_MAX);
        struct endpoints_item *item = &endpoints->items[endpoints->count];
        if (size) {
            enum status status = parse(item, bytes_of(at, size), key_dir != NULL, fault);
            if (status)
                return status;
            endpoints->count++;
            needs_keys |= item->kind != SPREAD_IPC && key_dir;
        }
        at += size + (at[size] == ',');
    }
    if (!endpoints->count)
        return fault_set(fault, STATUS_INVALID, "no endpoint of a router is given");
    return needs_keys ? file_status(find_keys(endpoints, key_dir, fault)) : STATUS_OK;
}

// Why a connection to the socket fails; 0 if it does not, or may not the next time.
static int failure_to_connect(const struct endpoints_item *item)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, item->text + 6, strlen(item->text + 6));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    int failure = connect(fd, (struct sockaddr *)&address, sizeof address) ? errno : 0;
    close(fd);
    return failure == EAGAIN || failure == EINTR ? 0 : failure;
}

static enum status explain_nobody(const struct endpoints_item *item, struct fault *fault)
{
    if (item->kind != SPREAD_IPC)
        return fault_set(fault, STATUS_UNREACHABLE, "%s: nobody takes the connection", item->text);
    int failure = failure_to_connect(item);
    if (!failure)
        return STATUS_OK;
    if (failure == EACCES || failure == EPERM)
        return fault_set(fault, STATUS_NOT_AUTHORISED,
                         "%s: no permission to connect; the socket is for the user and the group "
                         "of the node",
                         item->text);
    return fault_set(fault, STATUS_UNREACHABLE, "%s: nobody listens there (%s)", item->text,
                     strerror(failure));
}

enum status endpoints_explain(const struct endpoints *endpoints, uint32_t index,
                              enum net_failure failure, struct fault *fault)
{
    const struct endpoints_item *item = &endpoints->items[index];
    switch (failure) {
    case NET_FAILURE_NONE:
        break;
    case NET_FAILURE_NOBODY:
        return explain_nobody(item, fault);
    case NET_FAILURE_REFUSED:
        return fault_set(fault, STATUS_NOT_AUTHORISED,
                         "%s: the node does not know the key in client.key, or no longer; "
                         "'dkv authorize' on the node lets it in",
                         item->text);
    case NET_FAILURE_MISMATCH:
        if (item->kind != SPREAD_IPC && !*item->server_key)
            return fault_set(fault, STATUS_INVALID,
                             "%s: the node takes nobody without keys; give their directory with "
                             "--key-dir",
                             item->text);
        return fault_set(fault, STATUS_UNREACHABLE,
                         "%s: who listens there does not speak as a node of the cluster",
                         item->text);
    }
    return STATUS_OK;
}

uint32_t endpoints_connect_ms(const struct endpoints *endpoints, uint32_t index)
{
    return endpoints->items[index].kind == SPREAD_IPC ? CONNECT_IPC_MS : CONNECT_TCP_MS;
}
