// What arrives on a link, and what a sender is told.
#include "unit/net/stage.h"

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
