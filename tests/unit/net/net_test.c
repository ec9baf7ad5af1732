// Who is let in, what arrives, and what a sender is told.
#include "unit/unit.h"

#include "net/net.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { PATIENCE_MS = 3000, SILENCE_MS = 300, SIZE_MAX_TEST = 4096 };

// A directory of one key.
struct door_list {
    char key[41];
    enum role role;
    bool is_open; // to everybody
};

static bool find(void *context, const char *public_key, enum role *role, uint64_t *node)
{
    const struct door_list *list = context;
    if (!list->is_open && strcmp(list->key, public_key))
        return false;
    *role = list->role;
    *node = 7;
    return true;
}

// A server with one listener, a client with link 0 to it.
struct stage {
    struct door_list list;
    struct net_keys server_keys, client_keys;
    struct net *server, *client;
    char directory[64];
    char endpoint[128];
};

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static struct net_listener listener_at(const char *endpoint)
{
    return (struct net_listener){
        .endpoint = endpoint, .message_size_max = SIZE_MAX_TEST, .role_local = ROLE_READER};
}

static enum status listen_at(struct net *net, const char *endpoint, bool plain, struct fault *fault)
{
    struct net_listener listener = listener_at(endpoint);
    listener.plain = plain;
    return net_listen(net, &listener, fault);
}

static void open_server(struct stage *stage, bool plain)
{
    struct net_options options = {.keys = stage->server_keys,
                                  .directory = {&stage->list, find},
                                  .message_size_max = SIZE_MAX_TEST};
    struct fault fault = {0};
    assert_int_equal(net_open(&stage->server, &options, &fault), STATUS_OK);
    if (listen_at(stage->server, stage->endpoint, plain, &fault))
        fail_msg("%s", fault.text);
}

static void open_client(struct stage *stage, bool plain)
{
    struct net_options options = {.keys = stage->client_keys, .message_size_max = SIZE_MAX_TEST};
    struct fault fault = {0};
    bool is_tcp = !strncmp(stage->endpoint, "tcp", 3);
    assert_int_equal(net_open(&stage->client, &options, &fault), STATUS_OK);
    if (net_connect(stage->client, 0, stage->endpoint,
                    is_tcp && !plain ? stage->server_keys.public_key : NULL, &fault))
        fail_msg("%s", fault.text);
}

static void prepare(struct stage *stage, bool is_tcp)
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

static void end(struct stage *stage)
{
    net_close(stage->client);
    net_close(stage->server);
    char path[80];
    snprintf(path, sizeof path, "%s/s", stage->directory);
    unlink(path);
    assert_int_equal(rmdir(stage->directory), 0);
}

static void serve(struct stage *stage)
{
    if (stage->server)
        assert_int_equal(net_wait(stage->server, NULL, 0, 1), STATUS_OK);
    if (stage->client)
        assert_int_equal(net_wait(stage->client, NULL, 0, 1), STATUS_OK);
}

// The next message at `net` within the time, while both are served.
static bool next(struct stage *stage, struct net *net, unsigned timeout_ms, struct arrival *arrival,
                 struct bytes *message)
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
static enum status send_soon(struct stage *stage, const char *text, unsigned timeout_ms)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    enum status status;
    while ((status = net_send(stage->client, net_link(0), bytes_of_text(text))) &&
           clock_mono_ms() < deadline_ms)
        serve(stage);
    return status;
}

static bool is_lost_soon(struct stage *stage)
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

static void expect(struct stage *stage, struct net *net, const char *text, struct arrival *arrival)
{
    struct bytes message;
    assert_true(next(stage, net, PATIENCE_MS, arrival, &message));
    assert_true(bytes_equal(message, bytes_of_text(text)));
}

static void expect_silence(struct stage *stage, struct net *net)
{
    struct arrival arrival;
    struct bytes message;
    assert_false(next(stage, net, SILENCE_MS, &arrival, &message));
}

TEST(a_known_key_is_let_in_and_every_message_carries_its_role_and_node)
{
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    open_client(&stage, false);
    struct arrival arrival;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_soon(&stage, "question", PATIENCE_MS), STATUS_OK);
        expect(&stage, stage.server, "question", &arrival);
        assert_int_equal(arrival.role, ROLE_CLIENT);
        assert_int_equal(arrival.node, 7);
        assert_false(net_is_link(arrival.link));
        assert_true(arrival.link != 0);
        assert_int_equal(net_send(stage.server, arrival.link, bytes_of_text("answer")), STATUS_OK);
        expect(&stage, stage.client, "answer", &arrival);
        assert_true(arrival.link == net_link(0));
        assert_int_equal(arrival.role, ROLE_PEER);
    }
    end(&stage);
}

TEST(a_stranger_is_refused_and_told_so)
{
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    net_keys_generate(&stage.client_keys);
    open_client(&stage, false);
    assert_true(is_lost_soon(&stage));
    assert_int_equal(net_take_failure(stage.client, 0), NET_FAILURE_REFUSED);
    assert_int_equal(net_take_failure(stage.client, 0), NET_FAILURE_NONE); // told once
    expect_silence(&stage, stage.server);
    struct net_refusals refusals = net_refusals(stage.server);
    assert_int_equal(refusals.connections, 1);
    assert_non_null(strstr(refusals.stranger, stage.client_keys.public_key));
    end(&stage);
}

TEST(where_nobody_listens_the_connection_fails_at_once)
{
    struct stage stage;
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        enum net_failure failure = NET_FAILURE_NONE;
        prepare(&stage, is_tcp);
        open_client(&stage, false);
        uint64_t end_ms = clock_mono_ms() + PATIENCE_MS;
        while (!failure && clock_mono_ms() < end_ms) {
            assert_int_equal(net_wait(stage.client, NULL, 0, 10), STATUS_OK);
            failure = net_take_failure(stage.client, 0);
        }
        assert_int_equal(failure, NET_FAILURE_NOBODY);
        uint32_t number;
        assert_false(net_next_lost(stage.client, &number)); // there was nothing to lose
        end(&stage);
    }
}

TEST(a_stranger_that_became_known_gets_in_on_a_link_made_anew)
{
    struct stage stage;
    prepare(&stage, true);
    stage.list.key[0] ^= 1;
    open_server(&stage, false);
    open_client(&stage, false);
    assert_true(is_lost_soon(&stage));
    stage.list.key[0] ^= 1;
    assert_int_equal(net_reconnect(stage.client, 0, NULL), STATUS_OK);
    assert_int_equal(send_soon(&stage, "again", PATIENCE_MS), STATUS_OK);
    struct arrival arrival;
    expect(&stage, stage.server, "again", &arrival);
    end(&stage);
}

TEST(a_server_with_another_key_is_not_talked_to)
{
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    net_keys_generate(&stage.server_keys); // what the client expects
    open_client(&stage, false);
    assert_true(is_lost_soon(&stage));
    expect_silence(&stage, stage.server);
    end(&stage);
}

TEST(a_connection_without_curve_is_refused)
{
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    open_client(&stage, true);
    enum status status = send_soon(&stage, "plain", SILENCE_MS);
    assert_true(status == STATUS_OK || status == STATUS_UNREACHABLE); // it may be queued
    expect_silence(&stage, stage.server);
    end(&stage);
}

TEST(a_revoked_key_is_not_heard_from_the_next_message_on)
{
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    open_client(&stage, false);
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "one", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "one", &arrival);
    stage.list.key[0] ^= 1;
    assert_int_equal(send_soon(&stage, "two", PATIENCE_MS), STATUS_OK);
    expect_silence(&stage, stage.server);
    assert_int_equal(net_refusals(stage.server).unauthorised, 1);
    end(&stage);
}

TEST(plain_is_for_loopback_alone)
{
    static const char *const open[] = {"tcp://0.0.0.0:17999", "tcp://10.0.0.1:17999",
                                       "tcp://localhost:17999", "tcp://[::]:17999"};
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, true);
    open_client(&stage, true);
    struct fault fault;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(listen_at(stage.server, open[i], true, &fault), STATUS_REFUSED);
        assert_int_equal(net_connect(stage.client, 1, open[i], NULL, &fault), STATUS_REFUSED);
    }
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "plain", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "plain", &arrival);
    assert_int_equal(arrival.role, ROLE_READER); // as the listener says
    end(&stage);
}

TEST(tcp_without_keys_is_refused)
{
    struct net_options options = {.message_size_max = SIZE_MAX_TEST};
    struct net *net;
    assert_int_equal(net_open(&net, &options, NULL), STATUS_OK);
    assert_int_equal(listen_at(net, "tcp://127.0.0.1:17999", false, NULL), STATUS_INVALID);
    assert_int_equal(net_connect(net, 0, "tcp://10.0.0.1:17999", NULL, NULL), STATUS_REFUSED);
    assert_int_equal(net_connect(net, 0, "tcp://127.0.0.1:17999", "key", NULL), STATUS_INVALID);
    net_close(net);
}

TEST(an_endpoint_that_makes_no_sense_is_invalid)
{
    static const char *const wrong[] = {
        "",          "tcp://",        "tcp://:1",       "tcp://a", "tcp://a:0",
        "tcp://a:*", "tcp://a:65536", "tcp://::1:7400", "ipc://",  "ipc://@abstract",
        "ipc://*",   "inproc://a",    "udp://a:1",      "7400",    "tcp://a:7400/"};
    struct net_options options = {.message_size_max = SIZE_MAX_TEST};
    struct net *net;
    assert_int_equal(net_open(&net, &options, NULL), STATUS_OK);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(listen_at(net, wrong[i], false, NULL), STATUS_INVALID);
        assert_int_equal(net_connect(net, 0, wrong[i], NULL, NULL), STATUS_INVALID);
    }
    char longer[200] = "ipc:///";
    memset(longer + 7, 'a', 150);
    assert_int_equal(listen_at(net, longer, false, NULL), STATUS_INVALID);
    net_close(net);
}

TEST(over_ipc_our_own_user_is_a_peer_and_the_socket_is_private)
{
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    open_client(&stage, false);
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "local", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "local", &arrival);
    assert_int_equal(arrival.role, ROLE_PEER);
    struct stat facts;
    assert_int_equal(stat(stage.endpoint + 6, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0700);
    end(&stage);
}

TEST(a_socket_in_a_directory_of_our_group_is_open_to_the_group)
{
    struct stage stage;
    prepare(&stage, false);
    assert_int_equal(chmod(stage.directory, 0750), 0);
    open_server(&stage, false);
    open_client(&stage, false);
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "local", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "local", &arrival);
    assert_int_equal(arrival.role, ROLE_PEER);
    struct stat facts;
    assert_int_equal(stat(stage.endpoint + 6, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0770);
    end(&stage);
}

TEST(a_socket_for_a_group_without_a_role_is_private)
{
    struct stage stage;
    prepare(&stage, false);
    assert_int_equal(chmod(stage.directory, 0750), 0);
    struct net_options options = {.keys = stage.server_keys};
    struct net_listener listener = listener_at(stage.endpoint);
    listener.role_local = ROLE_NONE;
    assert_int_equal(net_open(&stage.server, &options, NULL), STATUS_OK);
    assert_int_equal(net_listen(stage.server, &listener, NULL), STATUS_OK);
    struct stat facts;
    assert_int_equal(stat(stage.endpoint + 6, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0700);
    end(&stage);
}

TEST(a_known_key_of_too_low_a_role_is_a_stranger)
{
    struct stage stage;
    prepare(&stage, true);
    struct net_options options = {.keys = stage.server_keys, .directory = {&stage.list, find}};
    struct net_listener listener = listener_at(stage.endpoint);
    listener.role_least = ROLE_PEER;
    assert_int_equal(net_open(&stage.server, &options, NULL), STATUS_OK);
    assert_int_equal(net_listen(stage.server, &listener, NULL), STATUS_OK);
    open_client(&stage, false);
    assert_true(is_lost_soon(&stage));
    assert_int_equal(net_refusals(stage.server).connections, 1);
    stage.list.role = ROLE_PEER;
    assert_int_equal(net_reconnect(stage.client, 0, NULL), STATUS_OK);
    assert_int_equal(send_soon(&stage, "peer", PATIENCE_MS), STATUS_OK);
    struct arrival arrival;
    expect(&stage, stage.server, "peer", &arrival);
    end(&stage);
}

TEST(a_message_above_the_limit_never_arrives_and_others_still_do)
{
    static char large[2 * SIZE_MAX_TEST];
    memset(large, 'x', sizeof large - 1);
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    open_client(&stage, false);
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, large, PATIENCE_MS), STATUS_OK);
    expect_silence(&stage, stage.server);
    assert_int_equal(net_reconnect(stage.client, 0, NULL), STATUS_OK);
    assert_int_equal(send_soon(&stage, "small", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "small", &arrival);
    end(&stage);
}

// A peer that does what our own sockets never do.
static void *open_raw(void **context, const char *endpoint, const char *routing_id)
{
    int linger_ms = 0;
    *context = zmq_ctx_new();
    void *socket = zmq_socket(*context, ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    if (routing_id)
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

// A connection of somebody who says what he likes, to the stage's listener.
static int dial(const struct stage *stage)
{
    const char *port = strrchr(stage->endpoint, ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)atoi(port));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return connect(fd, (struct sockaddr *)&address, sizeof address) ? -1 : fd;
}

static void greet(int fd)
{
    static const uint8_t greeting[64] = {0xff, [9] = 0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'};
    assert_int_equal(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
}

// Bytes that are taken before the connection is closed, `max` at most.
static size_t push(int fd, size_t max)
{
    static char bytes[4096];
    size_t size = 0;
    while (size < max) {
        ssize_t sent = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        size += (size_t)sent;
    }
    return size;
}

TEST(who_has_proved_nothing_is_shut_after_a_few_kilobytes)
{
    enum { SIZE = 256 << 20 };
    struct stage stage;
    prepare(&stage, true);
    struct net_options options = {.keys = stage.server_keys, .directory = {&stage.list, find}};
    struct net_listener listener = listener_at(stage.endpoint);
    listener.message_size_max = 2 * SIZE;
    assert_int_equal(net_open(&stage.server, &options, NULL), STATUS_OK);
    assert_int_equal(net_listen(stage.server, &listener, NULL), STATUS_OK);
    int fd = dial(&stage);
    greet(fd);
    static const uint8_t frame[9] = {2, [5] = 0x1f}; // of 520 MiB
    assert_int_equal(send(fd, frame, sizeof frame, MSG_NOSIGNAL), sizeof frame);
    assert_true(push(fd, SIZE) < SIZE);
    close(fd);
    struct net_refusals refusals = net_refusals(stage.server);
    assert_int_equal(refusals.shut, 1);
    assert_string_equal(refusals.crowder, "127.0.0.1");
    open_client(&stage, false); // who knows a key is not held to that
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "hello", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "hello", &arrival);
    end(&stage);
}

TEST(a_client_may_send_a_large_message_at_once)
{
    static char large[1 << 20];
    memset(large, 'x', sizeof large - 1);
    struct stage stage;
    struct arrival arrival;
    prepare(&stage, true);
    struct net_options options = {.keys = stage.server_keys, .directory = {&stage.list, find}};
    struct net_listener listener = listener_at(stage.endpoint);
    listener.message_size_max = sizeof large;
    assert_int_equal(net_open(&stage.server, &options, NULL), STATUS_OK);
    assert_int_equal(net_listen(stage.server, &listener, NULL), STATUS_OK);
    for (int i = 0; i < 20; i++) {
        open_client(&stage, false);
        assert_int_equal(send_soon(&stage, large, PATIENCE_MS), STATUS_OK);
        expect(&stage, stage.server, large, &arrival);
        net_close(stage.client);
    }
    stage.client = NULL;
    assert_int_equal(net_refusals(stage.server).shut, 0);
    end(&stage);
}

TEST(who_comes_again_and_again_without_a_key_is_not_taken_any_more)
{
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    int tried = 0, fd = 0;
    for (; tried < 2000 && fd >= 0; tried++) {
        fd = dial(&stage);
        close(fd);
        stage.client = NULL;
    }
    assert_true(tried < 2000); // its SYNs are dropped
    open_client(&stage, false);
    struct arrival arrival; // until it has credit again
    assert_int_equal(send_soon(&stage, "patient", 4 * PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "patient", &arrival);
    end(&stage);
}

TEST(a_message_of_several_frames_is_dropped_whole)
{
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    void *context, *raw = open_raw(&context, stage.endpoint, NULL);
    for (int i = 0; i < 4; i++)
        zmq_send(raw, "part", 4, ZMQ_SNDMORE);
    zmq_send(raw, "last", 4, 0);
    zmq_send(raw, "whole", 5, 0);
    struct arrival arrival;
    expect(&stage, stage.server, "whole", &arrival);
    assert_int_equal(net_refusals(stage.server).malformed, 1);
    zmq_close(raw);
    zmq_ctx_term(context);
    end(&stage);
}

TEST(a_peer_that_chooses_its_routing_id_is_not_heard)
{
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    void *context, *raw = open_raw(&context, stage.endpoint, "chosen");
    zmq_send(raw, "hello", 5, 0);
    expect_silence(&stage, stage.server);
    assert_int_equal(net_refusals(stage.server).malformed, 1);
    zmq_close(raw);
    zmq_ctx_term(context);
    end(&stage);
}

TEST(a_link_comes_back_when_its_peer_does)
{
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        struct stage stage;
        prepare(&stage, is_tcp);
        open_server(&stage, false);
        open_client(&stage, false);
        struct arrival arrival;
        assert_int_equal(send_soon(&stage, "before", PATIENCE_MS), STATUS_OK);
        expect(&stage, stage.server, "before", &arrival);
        net_close(stage.server);
        stage.server = NULL;
        assert_true(is_lost_soon(&stage));
        // The monitor may be ahead of the socket, which then still takes a message or two.
        while (net_send(stage.client, net_link(0), bytes_of_text("nobody")) != STATUS_UNREACHABLE)
            serve(&stage);
        open_server(&stage, false);
        assert_int_equal(send_soon(&stage, "after", PATIENCE_MS), STATUS_OK);
        expect(&stage, stage.server, "after", &arrival); // and not "nobody"
        end(&stage);
    }
}

TEST(an_answer_to_a_peer_that_is_gone_is_unreachable)
{
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    open_client(&stage, false);
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "question", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "question", &arrival);
    net_close(stage.client);
    stage.client = NULL;
    enum status status = STATUS_OK;
    for (int i = 0; i < 1000 && status == STATUS_OK; i++) {
        serve(&stage);
        status = net_send(stage.server, arrival.link, bytes_of_text("answer"));
    }
    assert_int_equal(status, STATUS_UNREACHABLE);
    assert_int_equal(net_send(stage.server, net_link(99), bytes_of_text("x")), STATUS_UNREACHABLE);
    assert_int_equal(net_send(stage.server, 5, bytes_of_text("x")), STATUS_UNREACHABLE);
    end(&stage);
}

TEST(a_peer_that_does_not_read_makes_its_link_busy)
{
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    open_client(&stage, false);
    assert_int_equal(send_soon(&stage, "first", PATIENCE_MS), STATUS_OK);
    serve(&stage);
    enum status status = STATUS_OK;
    static const char filler[1024];
    uint64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;
    while (status == STATUS_OK && clock_mono_ms() < deadline_ms)
        status = net_send(stage.client, net_link(0), bytes_of(filler, sizeof filler));
    assert_int_equal(status, STATUS_BUSY);
    end(&stage);
}

TEST(ready_sockets_take_turns)
{
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    open_client(&stage, false);
    assert_int_equal(net_connect(stage.client, 1, stage.endpoint, NULL, NULL), STATUS_OK);
    struct arrival from[2];
    assert_int_equal(send_soon(&stage, "first", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "first", &from[0]);
    while (net_send(stage.client, net_link(1), bytes_of_text("second")))
        serve(&stage);
    expect(&stage, stage.server, "second", &from[1]);
    for (int i = 0; i < 200; i++)
        assert_int_equal(net_send(stage.server, from[i >= 100].link, bytes_of_text("x")),
                         STATUS_OK);
    struct arrival arrival;
    struct bytes message;
    unsigned counts[2] = {0};
    uint64_t deadline_ms = clock_mono_ms() + 50; // both queues fill
    while (clock_mono_ms() < deadline_ms)
        assert_int_equal(net_wait(stage.server, NULL, 0, 10), STATUS_OK);
    assert_int_equal(net_wait(stage.client, NULL, 0, 100), STATUS_OK);
    for (int i = 0; i < 20 && net_receive(stage.client, &arrival, &message); i++)
        counts[net_link_number(arrival.link)]++;
    assert_int_equal(counts[0], 10);
    assert_int_equal(counts[1], 10);
    end(&stage);
}

TEST(a_disconnected_link_is_free_for_another_connection)
{
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    open_client(&stage, false);
    net_disconnect(stage.client, 0);
    net_disconnect(stage.client, 0);
    assert_int_equal(net_send(stage.client, net_link(0), bytes_of_text("x")), STATUS_UNREACHABLE);
    assert_int_equal(net_reconnect(stage.client, 0, NULL), STATUS_NOT_FOUND);
    assert_int_equal(net_connect(stage.client, 0, stage.endpoint, NULL, NULL), STATUS_OK);
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "new", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "new", &arrival);
    end(&stage);
}

TEST(a_net_that_no_longer_listens_keeps_its_connections_and_takes_no_new_ones)
{
    struct stage stage;
    prepare(&stage, false);
    open_server(&stage, false);
    open_client(&stage, false);
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "before", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "before", &arrival);
    net_unlisten(stage.server);
    assert_int_equal(net_connect(stage.client, 1, stage.endpoint, NULL, NULL), STATUS_OK);
    for (int i = 0; i < 50; i++) {
        serve(&stage);
        assert_int_equal(net_send(stage.client, net_link(1), bytes_of_text("new")),
                         STATUS_UNREACHABLE);
    }
    assert_int_equal(net_send(stage.server, arrival.link, bytes_of_text("answer")), STATUS_OK);
    expect(&stage, stage.client, "answer", &arrival);
    assert_int_equal(net_refusals(stage.server).connections, 0);
    end(&stage);
}

TEST(an_address_in_use_is_an_error)
{
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    struct net *server = stage.server;
    struct fault fault;
    assert_int_equal(listen_at(server, stage.endpoint, false, &fault), STATUS_UNREACHABLE);
    assert_non_null(strstr(fault.text, stage.endpoint));
    end(&stage);
}

TEST(the_self_test_finds_a_door_that_lets_strangers_in)
{
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    struct fault fault = {0};
    assert_int_equal(net_self_test(stage.server, &fault), STATUS_OK);
    assert_int_equal(net_refusals(stage.server).connections, 0);
    stage.list.is_open = true;
    assert_int_equal(net_self_test(stage.server, &fault), STATUS_REFUSED);
    assert_non_null(strstr(fault.text, stage.endpoint));
    end(&stage);
}

TESTS(RUN(a_known_key_is_let_in_and_every_message_carries_its_role_and_node),
      RUN(a_stranger_is_refused_and_told_so),
      RUN(where_nobody_listens_the_connection_fails_at_once),
      RUN(a_stranger_that_became_known_gets_in_on_a_link_made_anew),
      RUN(a_server_with_another_key_is_not_talked_to), RUN(a_connection_without_curve_is_refused),
      RUN(a_revoked_key_is_not_heard_from_the_next_message_on), RUN(plain_is_for_loopback_alone),
      RUN(who_has_proved_nothing_is_shut_after_a_few_kilobytes),
      RUN(a_client_may_send_a_large_message_at_once),
      RUN(who_comes_again_and_again_without_a_key_is_not_taken_any_more),
      RUN(a_socket_for_a_group_without_a_role_is_private),
      RUN(a_known_key_of_too_low_a_role_is_a_stranger), RUN(tcp_without_keys_is_refused),
      RUN(an_endpoint_that_makes_no_sense_is_invalid),
      RUN(over_ipc_our_own_user_is_a_peer_and_the_socket_is_private),
      RUN(a_socket_in_a_directory_of_our_group_is_open_to_the_group),
      RUN(a_message_above_the_limit_never_arrives_and_others_still_do),
      RUN(a_message_of_several_frames_is_dropped_whole),
      RUN(a_peer_that_chooses_its_routing_id_is_not_heard),
      RUN(a_link_comes_back_when_its_peer_does),
      RUN(an_answer_to_a_peer_that_is_gone_is_unreachable),
      RUN(a_peer_that_does_not_read_makes_its_link_busy), RUN(ready_sockets_take_turns),
      RUN(a_disconnected_link_is_free_for_another_connection),
      RUN(a_net_that_no_longer_listens_keeps_its_connections_and_takes_no_new_ones),
      RUN(an_address_in_use_is_an_error), RUN(the_self_test_finds_a_door_that_lets_strangers_in))
