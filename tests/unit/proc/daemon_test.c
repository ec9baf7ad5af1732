// The shell of a daemon, with a brain that answers every message and a client beside it.
#include "unit/unit.h"

#include "os/clock.h"
#include "proc/daemon.h"
#include "proc/log.h"
#include "wire/hello.h"
#include "wire/replica.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { TICK_MS = 5, PATIENCE_TICKS = 1000, JOB_TICKS = 40 };

// A brain: each message is answered by PONG at once and by MERGED once the log is durable
// up to it. A job makes the log durable up to the end that it was given.
struct stage {
    struct brain brain;
    struct net *net, *client;
    char directory[64], endpoint[128];
    unsigned sent, messages, ticks, reloads, losts, unsents, drain_asked, answers;
    uint8_t order[8]; // types of the answers that the client got
    uint64_t log_end, durable;
    uint64_t job; // gate that is being made durable, 0 = none
    enum status job_status;
    unsigned described;
    void (*script)(struct stage *stage, struct outbox *outbox); // at every tick
};

// What the stage told systemd, one behind the other. It is heard at every tick: the kernel keeps
// few datagrams that nobody reads, and refuses more.
static struct {
    int fd; // 0 = systemd is not there
    size_t size;
    char text[2048];
} heard;

static void hear_as_systemd(void)
{
    ssize_t got;
    while (heard.fd && heard.size < sizeof heard.text - 100 &&
           (got = recv(heard.fd, heard.text + heard.size, 99, 0)) > 0)
        heard.size += (size_t)got;
}

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    (void)message;
    assert_int_equal(arrival->role, ROLE_PEER);
    assert_true(now.mono_ms > 0 && now.wall_ms > 0);
    stage->messages++;
    struct op_durable done = {.id = 1};
    op_encode_durable(&done, outbox_add(outbox, arrival->link, MESSAGE_MERGED, ++stage->log_end));
    struct op_ping pong = {.id = 1};
    op_encode_ping(&pong, outbox_add(outbox, arrival->link, MESSAGE_PING, 0));
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    (void)now;
    stage->ticks++;
    hear_as_systemd();
    struct arrival arrival;
    struct bytes message;
    assert_int_equal(net_wait(stage->client, NULL, 0, 0), STATUS_OK);
    while (net_receive(stage->client, &arrival, &message)) {
        struct message_header header;
        struct reader body;
        assert_int_equal(message_header_decode(&header, message, &body), STATUS_OK);
        if (stage->answers < sizeof stage->order)
            stage->order[stage->answers++] = header.type;
    }
    stage->script(stage, outbox);
    if (stage->ticks > PATIENCE_TICKS)
        raise(SIGTERM);
}

static void on_lost(void *self, link_id link, struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    (void)now;
    stage->losts++;
    outbox_reset_link(outbox, link);
}

static void on_unsent(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    struct message_header header;
    struct reader body;
    (void)now;
    (void)outbox;
    assert_true(link == net_link(5));
    assert_int_equal(why, STATUS_UNREACHABLE);
    assert_int_equal(message_header_decode(&header, message, &body), STATUS_OK);
    assert_int_equal(header.type, MESSAGE_PING);
    stage->unsents++;
}

static void *next_job(void *self, unsigned worker)
{
    struct stage *stage = self;
    if (worker != 0 || stage->job || stage->durable == stage->log_end || stage->ticks < JOB_TICKS)
        return NULL;
    stage->job = stage->log_end;
    return stage;
}

static void run_job(void *job)
{
    assert_non_null(job);
}

static enum status on_job_done(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox, struct fault *fault)
{
    struct stage *stage = self;
    (void)now;
    (void)outbox;
    assert_int_equal(worker, 0);
    assert_ptr_equal(job, stage);
    if (stage->job_status)
        return fault_set(fault, stage->job_status, "the disk is on fire");
    stage->durable = stage->job;
    stage->job = 0;
    return STATUS_OK;
}

static uint64_t durable(void *self)
{
    return ((struct stage *)self)->durable;
}

static void on_reload(void *self)
{
    ((struct stage *)self)->reloads++;
}

static bool is_drained(void *self)
{
    return ++((struct stage *)self)->drain_asked > 10;
}

static void describe(void *self, struct buf *out)
{
    ((struct stage *)self)->described++;
    buf_append_text(out, "serving; all\nis well");
}

static void open_stage(struct stage *stage, void (*script)(struct stage *, struct outbox *))
{
    *stage = (struct stage){.script = script,
                            .brain = {.self = stage,
                                      .on_message = on_message,
                                      .on_tick = on_tick,
                                      .on_lost = on_lost,
                                      .on_unsent = on_unsent,
                                      .worker_count = 1,
                                      .next_job = next_job,
                                      .run_job = run_job,
                                      .on_job_done = on_job_done,
                                      .durable = durable,
                                      .on_reload = on_reload}};
    log_init("test", LOG_LEVEL_ERROR);
    snprintf(stage->directory, sizeof stage->directory, "/tmp/dkv-daemon-test-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    snprintf(stage->endpoint, sizeof stage->endpoint, "ipc://%s/s", stage->directory);
    struct net_options options = {.message_size_max = 4096};
    assert_int_equal(net_open(&stage->net, &options, NULL), STATUS_OK);
    assert_int_equal(net_open(&stage->client, &options, NULL), STATUS_OK);
    assert_int_equal(net_connect(stage->client, 0, stage->endpoint, NULL, NULL), STATUS_OK);
}

static int run(struct stage *stage)
{
    const struct net_listener listener = {.endpoint = stage->endpoint, .message_size_max = 4096};
    struct daemon_options options = {
        .name = "test", .tick_ms = TICK_MS, .listeners = &listener, .listener_count = 1};
    daemon_init();
    return daemon_run(&options, &stage->brain, stage->net);
}

static void close_stage(struct stage *stage)
{
    net_close(stage->client);
    net_close(stage->net);
    unlink(stage->endpoint + 6);
    assert_int_equal(rmdir(stage->directory), 0);
}

// Sends the first `count` pings as soon as it can: the daemon decides when it is connected.
static void send_pings(struct stage *stage, unsigned count)
{
    uint8_t message[MESSAGE_HEADER_SIZE];
    message_header_encode(&(struct message_header){.type = MESSAGE_PING}, message);
    while (stage->sent < count &&
           !net_send(stage->client, net_link(0), bytes_of(message, sizeof message)))
        stage->sent++;
}

static void ask_once_and_stop_when_answered(struct stage *stage, struct outbox *outbox)
{
    (void)outbox;
    send_pings(stage, 1);
    if (stage->ticks == JOB_TICKS - 1)
        assert_int_equal(stage->answers, 1); // the gate is closed
    if (stage->answers == 2)
        raise(SIGTERM);
}

TEST(a_message_with_a_gate_waits_until_the_log_is_durable_and_others_do_not)
{
    struct stage stage;
    open_stage(&stage, ask_once_and_stop_when_answered);
    assert_int_equal(run(&stage), 0);
    assert_int_equal(stage.messages, 1);
    assert_int_equal(stage.answers, 2);
    assert_int_equal(stage.order[0], MESSAGE_PING);
    assert_int_equal(stage.order[1], MESSAGE_MERGED);
    close_stage(&stage);
}

TEST(a_job_that_failed_ends_the_daemon)
{
    struct stage stage;
    open_stage(&stage, ask_once_and_stop_when_answered);
    stage.job_status = STATUS_IO;
    log_init("test", (enum log_level)0); // quiet
    assert_int_equal(run(&stage), 1);
    assert_int_equal(stage.answers, 1); // nothing was promised
    close_stage(&stage);
}

static void say_to_nobody(struct stage *stage, struct outbox *outbox)
{
    if (stage->ticks == 1)
        op_encode_ping(&(struct op_ping){.id = 3},
                       outbox_add(outbox, net_link(5), MESSAGE_PING, 0));
    if (stage->unsents)
        raise(SIGTERM);
}

TEST(the_brain_is_told_what_could_not_be_sent)
{
    struct stage stage;
    open_stage(&stage, say_to_nobody);
    assert_int_equal(run(&stage), 0);
    assert_int_equal(stage.unsents, 1);
    close_stage(&stage);
}

static void reload_and_stop(struct stage *stage, struct outbox *outbox)
{
    (void)outbox;
    if (stage->ticks == 1)
        raise(SIGHUP);
    if (stage->reloads)
        raise(SIGINT);
}

TEST(a_hangup_reloads_and_an_interrupt_stops)
{
    struct stage stage;
    open_stage(&stage, reload_and_stop);
    assert_int_equal(run(&stage), 0);
    assert_int_equal(stage.reloads, 1);
    close_stage(&stage);
}

static void stop_and_ask(struct stage *stage, struct outbox *outbox)
{
    (void)outbox;
    send_pings(stage, stage->drain_asked < 2 ? 1 : 2);
    if (stage->messages == 1 && stage->drain_asked == 0)
        raise(SIGTERM);
}

TEST(a_stopping_daemon_drains_and_reads_no_more_requests)
{
    struct stage stage;
    open_stage(&stage, stop_and_ask);
    stage.brain.is_drained = is_drained;
    assert_int_equal(run(&stage), 0);
    assert_int_equal(stage.sent, 2);
    assert_int_equal(stage.messages, 1);
    assert_int_equal(stage.drain_asked, 11);
    assert_int_equal(stage.durable, stage.log_end); // all that was held has left
    close_stage(&stage);
}

TEST(an_address_that_may_come_ends_with_1_and_one_that_never_will_with_2)
{
    struct stage stage;
    open_stage(&stage, say_to_nobody);
    snprintf(stage.endpoint, sizeof stage.endpoint, "ipc:///nonexistent/s");
    log_init("test", (enum log_level)0);
    assert_int_equal(run(&stage), 1);
    snprintf(stage.endpoint, sizeof stage.endpoint, "tcp://127.0.0.1");
    assert_int_equal(run(&stage), 2);
    snprintf(stage.endpoint, sizeof stage.endpoint, "ipc://%s/s", stage.directory);
    close_stage(&stage);
}

static void stop_after_a_while(struct stage *stage, struct outbox *outbox)
{
    (void)outbox;
    if (stage->ticks == 30)
        raise(SIGTERM);
}

// Knows nobody, and takes long to say so the first time.
static bool find_slowly(void *context, const char *public_key, enum role *role, uint64_t *node)
{
    unsigned *count = context;
    (void)public_key, (void)role, (void)node;
    if ((*count)++ == 0)
        usleep((NET_SELF_TEST_MS + 100) * 1000);
    return false;
}

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

TEST(a_machine_that_takes_long_to_refuse_a_stranger_serves_nevertheless)
{
    struct stage stage;
    unsigned count = 0;
    open_stage(&stage, stop_after_a_while);
    net_close(stage.net);
    struct net_options options = {.message_size_max = 4096, .directory = {&count, find_slowly}};
    net_keys_generate(&options.keys);
    assert_int_equal(net_open(&stage.net, &options, NULL), STATUS_OK);
    snprintf(stage.endpoint, sizeof stage.endpoint, "tcp://127.0.0.1:%u", free_port());
    assert_int_equal(run(&stage), 0);
    assert_in_range(stage.ticks, 30, PATIENCE_TICKS);
    snprintf(stage.endpoint, sizeof stage.endpoint, "ipc://%s/s", stage.directory);
    close_stage(&stage);
}

static bool is_ready(void *self, struct moment now)
{
    assert_true(now.mono_ms > 0);
    return ((struct stage *)self)->ticks >= JOB_TICKS;
}

static void look_for_the_socket(struct stage *stage, struct outbox *outbox)
{
    (void)outbox;
    bool is_there = access(stage->endpoint + 6, F_OK) == 0;
    assert_true(!is_there || stage->ticks >= JOB_TICKS);
    if (is_there)
        raise(SIGTERM);
}

TEST(a_brain_that_is_not_ready_turns_but_nobody_can_come_in)
{
    struct stage stage;
    open_stage(&stage, look_for_the_socket);
    stage.brain.is_ready = is_ready;
    assert_int_equal(run(&stage), 0);
    assert_true(stage.ticks < PATIENCE_TICKS);
    close_stage(&stage);
}

static void lose_a_link(struct stage *stage, struct outbox *outbox)
{
    (void)outbox;
    static struct net *server;
    static char endpoint[140];
    struct net_options options = {.message_size_max = 4096};
    if (stage->ticks == 1) {
        snprintf(endpoint, sizeof endpoint, "%s2", stage->endpoint);
        assert_int_equal(net_open(&server, &options, NULL), STATUS_OK);
        const struct net_listener listener = {.endpoint = endpoint, .message_size_max = 4096};
        assert_int_equal(net_listen(server, &listener, NULL), STATUS_OK);
        assert_int_equal(net_connect(stage->net, 1, endpoint, NULL, NULL), STATUS_OK);
    }
    if (server)
        assert_int_equal(net_wait(server, NULL, 0, 0), STATUS_OK); // its doorkeeper
    if (stage->ticks == 30) {
        net_close(server);
        server = NULL;
        unlink(endpoint + 6);
    }
    if (stage->losts)
        raise(SIGTERM);
}

TEST(a_lost_link_is_told_and_made_anew)
{
    struct stage stage;
    open_stage(&stage, lose_a_link);
    assert_int_equal(run(&stage), 0);
    assert_true(stage.losts >= 1);
    assert_in_range(stage.ticks, 30, PATIENCE_TICKS);
    close_stage(&stage);
}

// Runs the stage and gives all that it told systemd.
static const char *listen_as_systemd(struct stage *stage)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/n", stage->directory);
    memset(&heard, 0, sizeof heard);
    heard.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(heard.fd, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    setenv("WATCHDOG_USEC", "40000", 1);
    assert_int_equal(run(stage), 0);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    hear_as_systemd();
    close(heard.fd);
    heard.fd = 0;
    unlink(address.sun_path);
    return heard.text;
}

TEST(systemd_is_told_ready_watchdog_and_stopping)
{
    struct stage stage;
    open_stage(&stage, stop_after_a_while);
    const char *text = listen_as_systemd(&stage);
    assert_true(!strncmp(text, "READY=1WATCHDOG=1WATCHDOG=1", 27) ||
                !strncmp(text, "WATCHDOG=1READY=1", 17));
    assert_non_null(strstr(text, "STOPPING=1"));
    close_stage(&stage);
}

static void hang_up_and_stop(struct stage *stage, struct outbox *outbox)
{
    (void)outbox;
    if (stage->ticks == 5)
        raise(SIGHUP); // brings the chores forward
    if (stage->described == 2)
        raise(SIGTERM);
}

TEST(systemd_is_told_how_it_goes_in_one_line_and_only_when_that_changed)
{
    struct stage stage;
    open_stage(&stage, hang_up_and_stop);
    stage.brain.describe = describe;
    const char *first = strstr(listen_as_systemd(&stage), "STATUS=serving; all\\nis well");
    assert_non_null(first);
    assert_null(strstr(first + 1, "STATUS=serving"));
    assert_in_range(stage.described, 2, 3);
    close_stage(&stage);
}
