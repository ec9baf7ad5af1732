// stage.h - a server with one listener and a client that talks to it, over real sockets.
#pragma once

#include "unit/unit.h"

#include "net/net.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 3000, SILENCE_MS = 300, SIZE_MAX_TEST = 4096 };

// A directory of one key.
struct key_list {
    char key[41];
    enum role role;
    bool is_open; // to everybody
};

static inline bool find(void *context, const char *public_key, enum role *role, uint64_t *node)
{
    const struct key_list *list = context;
    if (!list->is_open && strcmp(list->key, public_key))
        return false;
    *role = list->role;
    *node = 7;
    return true;
}

// A server with one listener, a client with link 0 to it.
struct stage {
    struct key_list list;
    struct net_keys server_keys, client_keys;
    struct net *server, *client;
    char directory[64];
    char endpoint[128];
};

static inline uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static inline struct net_listener listener_at(const char *endpoint)
{
    return (struct net_listener){
        .endpoint = endpoint, .message_size_max = SIZE_MAX_TEST, .role_local = ROLE_READER};
}

static inline enum status listen_at(struct net *net, const char *endpoint, bool plain,
                                    struct fault *fault)
{
    struct net_listener listener = listener_at(endpoint);
    listener.plain = plain;
    return net_listen(net, &listener, fault);
}

static inline void open_server(struct stage *stage, bool plain)
{
    struct net_options options = {.keys = stage->server_keys,
                                  .directory = {&stage->list, find},
                                  .message_size_max = SIZE_MAX_TEST};
    struct fault fault = {0};
    assert_int_equal(net_open(&stage->server, &options, &fault), STATUS_OK);
    if (listen_at(stage->server, stage->endpoint, plain, &fault))
        fail_msg("%s", fault.text);
}

static inline void open_client(struct stage *stage, bool plain)
{
    struct net_options options = {.keys = stage->client_keys, .message_size_max = SIZE_MAX_TEST};
    struct fault fault = {0};
    bool is_tcp = !strncmp(stage->endpoint, "tcp", 3);
    assert_int_equal(net_open(&stage->client, &options, &fault), STATUS_OK);
    if (net_connect(stage->client, 0, stage->endpoint,
                    is_tcp && !plain ? stage->server_keys.public_key : NULL, &fault))
        fail_msg("%s", fault.text);
}

static inline void prepare(struct stage *stage, bool is_tcp)
{
    *stage = (struct stage){.list.role = ROLE_CLIENT};
    net_keys_generate(&stage->server_keys);
    net_keys_generate(&stage->client_keys);
    memcpy(stage->list.key, stage->client_keys.public_key, sizeof stage->list.key);
    snprintf(stage->directory, sizeof stage->directory, "/tmp/dkv-net-test-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    if (is_tcp)
        snprintf(stage->endpoint, sizeof stage->endpoint, "tcp://127.0.0.1:%u", free_port());
    else
        snprintf(stage->endpoint, sizeof stage->endpoint, "ipc://%s/s", stage->directory);
}

static inline void end(struct stage *stage)
{
    net_close(stage->client);
    net_close(stage->server);
    char path[80];
    snprintf(path, sizeof path, "%s/s", stage->directory);
    unlink(path);
    assert_int_equal(rmdir(stage->directory), 0);
}

static inline void serve(struct stage *stage)
{
    if (stage->server)
        assert_int_equal(net_wait(stage->server, NULL, 0, 1), STATUS_OK);
    if (stage->client)
        assert_int_equal(net_wait(stage->client, NULL, 0, 1), STATUS_OK);
}

// The next message at `net` within the time, while both are served.
static inline bool next(struct stage *stage, struct net *net, unsigned timeout_ms,
                        struct arrival *arrival, struct bytes *message)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    do {
        serve(stage);
        if (net_receive(net, arrival, message))
            return true;
    } while (clock_mono_ms() < deadline_ms);
    return false;
}

// Sends on link 0 as soon as it is connected.
static inline enum status send_soon(struct stage *stage, const char *text, unsigned timeout_ms)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    enum status status;
    while ((status = net_send(stage->client, net_link(0), bytes_of_text(text))) &&
           clock_mono_ms() < deadline_ms)
        serve(stage);
    return status;
}

static inline bool is_lost_soon(struct stage *stage)
{
    uint64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;
    uint32_t number;
    while (clock_mono_ms() < deadline_ms) {
        serve(stage);
        if (net_next_lost(stage->client, &number))
            return number == 0;
    }
    return false;
}

static inline void expect(struct stage *stage, struct net *net, const char *text,
                          struct arrival *arrival)
{
    struct bytes message;
    assert_true(next(stage, net, PATIENCE_MS, arrival, &message));
    assert_true(bytes_equal(message, bytes_of_text(text)));
}

static inline void expect_silence(struct stage *stage, struct net *net)
{
    struct arrival arrival;
    struct bytes message;
    assert_false(next(stage, net, SILENCE_MS, &arrival, &message));
}
