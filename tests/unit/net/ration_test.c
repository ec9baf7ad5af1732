// How much is read from whom, before and after may_go_on() was asked.
#include "unit/net/stage.h"

#include "net/ration.h"

#include <errno.h>
#include <sys/socket.h>

enum { SENT_SIZE = 5 * RATION_SIZE };

// A connection over tcp, of which the test is both ends. A net is open besides: it sees to it
// that there are rations.
struct pair {
    struct stage stage;
    struct ration_port port;
    unsigned asked_count;
    bool may;
    int there, here;
};

static bool may_go_on(void *context, int fd)
{
    struct pair *pair = context;
    assert_int_equal(fd, pair->here);
    pair->asked_count++;
    return pair->may;
}

static void connect_pair(struct pair *pair, bool has_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    pair->port = (struct ration_port){ntohs(address.sin_port), may_go_on, pair, NULL};
    if (has_port)
        ration_open(&pair->port);
    pair->there = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair->there, (struct sockaddr *)&address, size), 0);
    pair->here = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(pair->here >= 0);
    close(listener);
}

static void send_all(int fd)
{
    static const char bytes[SENT_SIZE];
    assert_int_equal(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
    shutdown(fd, SHUT_WR);
}

static void open_pair(struct pair *pair, bool has_port)
{
    *pair = (struct pair){.may = false};
    prepare(&pair->stage, true);
    open_server(&pair->stage, false);
    connect_pair(pair, has_port);
    send_all(pair->there);
}

static void close_pair(struct pair *pair)
{
    ration_shut(&pair->port);
    close(pair->there);
    close(pair->here);
    end(&pair->stage);
}

// What is read until the end, or until an error, which is the last that `failure` has.
static size_t read_all(int fd, int *failure)
{
    char bytes[1500];
    size_t size = 0;
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0)
        size += (size_t)got;
    *failure = got < 0 ? errno : 0;
    return size;
}

TEST(a_stranger_is_read_its_ration_and_no_more)
{
    struct pair pair;
    int failure;
    open_pair(&pair, true);
    assert_int_equal(read_all(pair.here, &failure), RATION_SIZE);
    assert_int_equal(failure, ECONNRESET);
    assert_int_equal(read_all(pair.here, &failure), 0);
    assert_int_equal(pair.asked_count, 2);
    close_pair(&pair);
}

TEST(who_may_go_on_is_read_to_the_end_and_not_asked_for_again)
{
    struct pair pair;
    int failure;
    open_pair(&pair, true);
    pair.may = true;
    assert_int_equal(read_all(pair.here, &failure), SENT_SIZE);
    assert_int_equal(failure, 0);
    assert_int_equal(pair.asked_count, 1);
    close_pair(&pair);
}

TEST(without_a_port_everything_is_read)
{
    struct pair pair;
    int failure;
    open_pair(&pair, false);
    assert_int_equal(read_all(pair.here, &failure), SENT_SIZE);
    assert_int_equal(pair.asked_count, 0);
    close_pair(&pair);
    open_pair(&pair, true);
    ration_shut(&pair.port);
    assert_int_equal(read_all(pair.here, &failure), SENT_SIZE);
    assert_int_equal(pair.asked_count, 0);
    close_pair(&pair);
}

TEST(a_connection_that_we_make_has_no_ration_even_if_its_descriptor_was_a_strangers)
{
    struct pair pair, other;
    int failure;
    open_pair(&pair, true);
    connect_pair(&other, false);
    assert_int_equal(dup2(other.there, pair.here), pair.here);
    send_all(other.here);
    assert_int_equal(read_all(pair.here, &failure), SENT_SIZE);
    assert_int_equal(pair.asked_count, 0);
    close(other.there);
    close(other.here);
    close_pair(&pair);
}
