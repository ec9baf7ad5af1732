// Who is let in, and as whom.
#include "unit/net/stage.h"

#include <sys/stat.h>

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

static mode_t socket_mode(const struct stage *stage)
{
    struct stat facts;
    assert_int_equal(stat(stage->endpoint + strlen("ipc://"), &facts), 0);
    return facts.st_mode & 0777;
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
    assert_int_equal(socket_mode(&stage), 0700);
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
    assert_int_equal(socket_mode(&stage), 0770);
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
    assert_int_equal(socket_mode(&stage), 0700);
    end(&stage);
}

TEST(the_self_test_finds_a_listener_that_lets_strangers_in)
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
