// What peers cost that prove nothing, say too much, or what our own sockets never say.
#include "unit/net/stage.h"

#include <sys/resource.h>
#include <zmq.h>

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

// A connection to the stage's listener that says whatever a test likes; over IPv4 from
// 127.0.0.`from`.
static int dial_from(const struct stage *stage, uint8_t from)
{
    uint16_t port = htons((uint16_t)atoi(strrchr(stage->endpoint, ':') + 1));
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    bool is_v6 = strchr(stage->endpoint, '[') != NULL;
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET};
    here.sin_addr.s_addr = htonl(0x7f000000u + from);
    if (!is_v6 && bind(fd, (struct sockaddr *)&here, sizeof here)) {
        close(fd);
        return -1;
    }
    struct timeval patience = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int failed = is_v6 ? connect(fd, (struct sockaddr *)&v6, sizeof v6)
                       : connect(fd, (struct sockaddr *)&v4, sizeof v4);
    return failed ? -1 : fd;
}

static int dial(const struct stage *stage)
{
    return dial_from(stage, 1);
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

enum { HUGE_SIZE = 256 << 20 };

// A server that takes huge messages, and a stranger who begins one. False if the machine has no
// such address.
static bool flood(struct stage *stage)
{
    struct net_options options = {.keys = stage->server_keys, .directory = {&stage->list, find}};
    struct net_listener listener = listener_at(stage->endpoint);
    listener.message_size_max = 2 * HUGE_SIZE;
    assert_int_equal(net_open(&stage->server, &options, NULL), STATUS_OK);
    if (net_listen(stage->server, &listener, NULL))
        return false;
    int fd = dial(stage);
    greet(fd);
    static const uint8_t frame[9] = {2, [5] = 0x1f}; // of 520 MiB
    assert_int_equal(send(fd, frame, sizeof frame, MSG_NOSIGNAL), sizeof frame);
    assert_true(push(fd, HUGE_SIZE) < HUGE_SIZE);
    close(fd);
    return true;
}

TEST(who_has_proved_nothing_is_shut_after_a_few_kilobytes)
{
    struct stage stage;
    prepare(&stage, true);
    assert_true(flood(&stage));
    struct net_refusals refusals = net_refusals(stage.server);
    assert_int_equal(refusals.shut, 1);
    assert_string_equal(refusals.crowder, "127.0.0.1");
    open_client(&stage, false); // who knows a key is not held to that
    struct arrival arrival;
    assert_int_equal(send_soon(&stage, "hello", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "hello", &arrival);
    end(&stage);
}

TEST(an_address_of_ipv6_is_not_taken_for_a_local_user)
{
    struct stage stage;
    prepare(&stage, true);
    snprintf(stage.endpoint, sizeof stage.endpoint, "tcp://[::1]:%u", free_port());
    bool is_there = flood(&stage);
    struct net_refusals refusals = net_refusals(stage.server);
    if (is_there)
        assert_string_equal(refusals.crowder, "::");
    end(&stage);
    if (!is_there)
        skip();
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

// Nobody tells the guard who has proved a key.
TEST(who_has_proved_a_key_stays_when_strangers_are_too_many)
{
    enum { COUNT = 440, ADDRESSES = 8 };
    struct rlimit files = {2048, 2048};
    setrlimit(RLIMIT_NOFILE, &files);
    int fds[COUNT];
    struct arrival arrival;
    struct stage stage;
    prepare(&stage, true);
    open_server(&stage, false);
    open_client(&stage, false);
    assert_int_equal(send_soon(&stage, "before", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "before", &arrival);
    for (unsigned i = 0; i < COUNT; i++) // of 127.0.0.1, where the client is, the most
        fds[i] = dial_from(&stage, (uint8_t)(i < 100 ? 1 : 2 + i % ADDRESSES));
    uint64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;
    while (!net_refusals(stage.server).shut && clock_mono_ms() < deadline_ms)
        serve(&stage);
    assert_true(net_refusals(stage.server).shut > 0);
    uint32_t number;
    expect_silence(&stage, stage.server);
    assert_false(net_next_lost(stage.client, &number));
    assert_int_equal(send_soon(&stage, "after", PATIENCE_MS), STATUS_OK);
    expect(&stage, stage.server, "after", &arrival);
    for (unsigned i = 0; i < COUNT; i++)
        close(fds[i]);
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
