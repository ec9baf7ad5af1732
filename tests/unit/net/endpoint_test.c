// What is an endpoint, and which addresses no network leads to.
#include "unit/unit.h"

#include "net/endpoint.h"

#include <string.h>

static enum status parse(const char *text, struct endpoint *endpoint)
{
    struct fault fault;
    return endpoint_parse(text, endpoint, &fault);
}

TEST(an_endpoint_is_a_path_or_a_host_and_a_port)
{
    struct endpoint endpoint;
    assert_int_equal(parse("ipc:///run/dkv/router.sock", &endpoint), STATUS_OK);
    assert_true(endpoint.ipc);
    assert_string_equal(endpoint.path, "/run/dkv/router.sock");
    assert_int_equal(parse("tcp://db1.example:7400", &endpoint), STATUS_OK);
    assert_false(endpoint.ipc || endpoint.ipv6 || endpoint.loopback);
    assert_int_equal(parse("tcp://[fd00::1]:7400", &endpoint), STATUS_OK);
    assert_true(endpoint.ipv6);
    assert_int_equal(endpoint.port, 7400);
}

TEST(what_is_no_endpoint_is_refused)
{
    static const char *const wrong[] = {
        "",          "nonsense",         "ipc://",          "ipc://@abstract",
        "tcp://",    "tcp://host",       "tcp://:7400",     "tcp://host:0",
        "tcp://h:x", "tcp://host:65536", "tcp://::1:7400",  "udp://host:7400",
        "tcp://h:",  "tcp://h:7400 ",    "TCP://host:7400", "tcp//host:7400",
    };
    struct endpoint endpoint;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(parse(wrong[i], &endpoint), STATUS_INVALID);
    char path[300] = "ipc://";
    memset(path + 6, 'p', sizeof path - 7);
    path[sizeof path - 1] = 0;
    assert_int_equal(parse(path, &endpoint), STATUS_INVALID);
}

TEST(only_numbers_are_loopback_addresses)
{
    static const char *const inside[] = {"tcp://127.0.0.1:1", "tcp://127.3.2.1:1", "tcp://[::1]:1",
                                         "tcp://[::ffff:127.0.0.1]:1"};
    static const char *const outside[] = {"tcp://localhost:1", "tcp://127.example.org:1",
                                          "tcp://128.0.0.1:1", "tcp://[::2]:1", "tcp://0.0.0.0:1"};
    struct endpoint endpoint;
    for (unsigned i = 0; i < sizeof inside / sizeof *inside; i++) {
        assert_int_equal(parse(inside[i], &endpoint), STATUS_OK);
        assert_true(endpoint.loopback);
    }
    for (unsigned i = 0; i < sizeof outside / sizeof *outside; i++) {
        assert_int_equal(parse(outside[i], &endpoint), STATUS_OK);
        assert_false(endpoint.loopback);
    }
}

TEST(an_address_and_a_port_make_an_endpoint)
{
    char text[ENDPOINT_SIZE];
    struct endpoint endpoint;
    assert_string_equal(endpoint_of_tcp("10.0.0.1", 7400, text), "tcp://10.0.0.1:7400");
    assert_string_equal(endpoint_of_tcp("db1.example", 7400, text), "tcp://db1.example:7400");
    assert_string_equal(endpoint_of_tcp("fd00::1", 7400, text), "tcp://[fd00::1]:7400");
    assert_int_equal(parse(text, &endpoint), STATUS_OK);
}
