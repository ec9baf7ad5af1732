#include "peer/peers.h"

#include "fixture/ring.h"
#include "unit/unit.h"
#include "wire/hello.h"

static link_id link_of(uint32_t number)
{
    return number;
}

// Of three nodes, whose ids are 1, 2 and 3, this is the first.
struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct peers peers;
    struct link *link; // to the store of the second
    struct outbox outbox;
};

static struct moment at(uint64_t mono_ms)
{
    return (struct moment){.mono_ms = 10000 + mono_ms};
}

static void init(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    assert_int_equal(make_cluster(&bench->ring, 3), STATUS_OK);
    bench->snapshot = snapshot_of(&bench->ring);
    struct link_terms terms = {.ping_interval_ms = 200, .down_after_ms = 1000, .self = 1};
    peers_init(&bench->peers, &terms, SERVICE_ROUTER,
               service_bit(SERVICE_STORE) | service_bit(SERVICE_ROUTER), link_of);
    peers_adopt(&bench->peers, &bench->snapshot, at(0));
    bench->link = peers_link_of(&bench->peers, 1, SERVICE_STORE);
}

static void release(struct bench *bench)
{
    peers_release(&bench->peers);
    outbox_release(&bench->outbox);
    ring_release(&bench->ring);
}

static enum link_change hear(struct bench *bench, uint64_t boot, uint64_t mono_ms)
{
    struct message_header header = {.boot = boot};
    return link_on_message(bench->link, &bench->peers.terms, &header, at(mono_ms));
}

static struct message_header right_header(const struct bench *bench)
{
    return (struct message_header){.epoch = bench->ring.epoch,
                                   .ring_hash = (uint32_t)bench->snapshot.hash};
}

static struct op_welcome right_welcome(void)
{
    return (struct op_welcome){.version_min = 1,
                               .version_max = MESSAGE_VERSION + 1,
                               .cluster = CLUSTER,
                               .node = 2,
                               .actor = 5,
                               .software = bytes_of_text("1.0")};
}

static void come_up(struct bench *bench, uint64_t boot, uint64_t mono_ms)
{
    struct message_header header = right_header(bench);
    struct op_welcome welcome = right_welcome();
    hear(bench, boot, mono_ms);
    assert_int_equal(link_on_welcome(bench->link, &bench->peers.terms, 2, &header, &welcome),
                     LINK_WENT_UP);
}

// The type of the message that a tick sends on link 1, 0 if none.
static unsigned tick(struct bench *bench, uint64_t mono_ms)
{
    outbox_clear(&bench->outbox);
    peers_begin_tick(&bench->peers, at(mono_ms));
    peers_on_tick(&bench->peers, peers_number(&bench->peers, 1, SERVICE_STORE), at(mono_ms),
                  &bench->outbox);
    return bench->outbox.count ? bench->outbox.messages[0].type : 0;
}

TEST(a_link_that_is_down_says_hello_now_and_then)
{
    struct bench bench;
    init(&bench);
    assert_int_equal(tick(&bench, 0), MESSAGE_HELLO);
    assert_int_equal(tick(&bench, 50), 0);
    assert_int_equal(tick(&bench, 100), MESSAGE_HELLO);
    release(&bench);
}

TEST(a_hello_says_whose_dots_this_process_mints)
{
    struct bench bench;
    struct op_hello hello;
    struct message_header header;
    struct reader body;
    init(&bench);
    bench.peers.terms.actor = 77;
    assert_int_equal(tick(&bench, 0), MESSAGE_HELLO);
    outbox_finish(&bench.outbox);
    assert_int_equal(
        message_header_decode(&header, buf_bytes(&bench.outbox.messages[0].bytes), &body),
        STATUS_OK);
    assert_int_equal(op_decode_hello(&hello, &body), STATUS_OK);
    assert_int_equal(hello.actor, 77);
    release(&bench);
}

TEST(a_welcome_brings_it_up)
{
    struct bench bench;
    init(&bench);
    assert_false(link_can_ask(bench.link));
    come_up(&bench, 1, 0);
    assert_true(link_can_ask(bench.link));
    assert_int_equal(bench.link->actor, 5);
    release(&bench);
}

TEST(a_welcome_of_somebody_else_does_not_bring_it_up_and_says_why)
{
    struct bench bench;
    init(&bench);
    struct message_header header = right_header(&bench);
    struct op_welcome welcome = right_welcome();
    welcome.cluster = CLUSTER + 1;
    assert_int_equal(link_on_welcome(bench.link, &bench.peers.terms, 2, &header, &welcome),
                     LINK_UNCHANGED);
    assert_int_equal(link_state(bench.link), LINK_OTHER_CLUSTER);
    welcome = right_welcome();
    welcome.node = 3;
    assert_int_equal(link_on_welcome(bench.link, &bench.peers.terms, 2, &header, &welcome),
                     LINK_UNCHANGED);
    assert_int_equal(link_state(bench.link), LINK_OTHER_NODE);
    welcome = right_welcome();
    welcome.version_max = MESSAGE_VERSION - 1;
    assert_int_equal(link_on_welcome(bench.link, &bench.peers.terms, 2, &header, &welcome),
                     LINK_UNCHANGED);
    assert_int_equal(link_state(bench.link), LINK_OTHER_VERSION);
    welcome = right_welcome();
    header.ring_hash++;
    assert_int_equal(link_on_welcome(bench.link, &bench.peers.terms, 2, &header, &welcome),
                     LINK_UNCHANGED);
    assert_int_equal(link_state(bench.link), LINK_OTHER_RING);
    header = right_header(&bench);
    welcome.capabilities = CAPABILITY_TWIN;
    assert_int_equal(link_on_welcome(bench.link, &bench.peers.terms, 2, &header, &welcome),
                     LINK_UNCHANGED);
    assert_int_equal(link_state(bench.link), LINK_TWIN);
    assert_false(link_can_ask(bench.link));
    come_up(&bench, 1, 0);
    assert_int_equal(link_state(bench.link), LINK_WELL);
    release(&bench);
}

TEST(a_store_that_asks_others_first_is_not_up_for_those_that_need_its_answers)
{
    struct bench bench;
    init(&bench);
    struct message_header header = right_header(&bench);
    struct op_welcome welcome = right_welcome();
    welcome.is_asking = true;
    bench.peers.terms.needs_answers = true;
    assert_int_equal(link_on_welcome(bench.link, &bench.peers.terms, 2, &header, &welcome),
                     LINK_UNCHANGED);
    assert_int_equal(link_state(bench.link), LINK_ASKING);
    bench.peers.terms.needs_answers = false;
    assert_int_equal(link_on_welcome(bench.link, &bench.peers.terms, 2, &header, &welcome),
                     LINK_WENT_UP);
    release(&bench);
}

TEST(silence_takes_it_down_and_any_message_prevents_that)
{
    struct bench bench;
    init(&bench);
    come_up(&bench, 1, 0);
    for (uint64_t ms = 0; ms <= 2000; ms += 100) {
        tick(&bench, ms);
        hear(&bench, 1, ms);
    }
    assert_true(link_can_ask(bench.link));
    for (uint64_t ms = 2100; ms <= 3100; ms += 100)
        tick(&bench, ms);
    assert_false(link_can_ask(bench.link));
    release(&bench);
}

TEST(silence_is_answered_with_a_ping)
{
    struct bench bench;
    init(&bench);
    come_up(&bench, 1, 0);
    bench.link->pinged_ms = at(0).mono_ms;
    assert_int_equal(tick(&bench, 100), 0);
    assert_int_equal(tick(&bench, 200), MESSAGE_PING);
    release(&bench);
}

// All links come up, and nobody wants anything.
static void rest(struct bench *bench, uint64_t mono_ms)
{
    struct message_header header = right_header(bench);
    struct op_welcome welcome = right_welcome();
    bench->peers.terms.is_idle = true;
    for (uint32_t number = UINT32_MAX; peers_next(&bench->peers, &number);) {
        struct link *link = peers_link(&bench->peers, number);
        welcome.node = peers_at(&bench->peers, number)->node;
        link_on_message(link, &bench->peers.terms, &header, at(mono_ms));
        link_on_welcome(link, &bench->peers.terms, welcome.node, &header, &welcome);
        link->pinged_ms = at(mono_ms).mono_ms;
    }
}

TEST(while_nobody_wants_anything_all_pings_of_a_machine_leave_at_once)
{
    struct bench bench;
    init(&bench);
    rest(&bench, 700);
    assert_int_equal(tick(&bench, 4999), 0);
    assert_int_equal(tick(&bench, 5000), MESSAGE_PING);
    hear(&bench, 0, 5001);
    assert_int_equal(tick(&bench, 9999), 0);
    assert_int_equal(tick(&bench, 10030), MESSAGE_PING); // late, but the next one will not be
    hear(&bench, 0, 10031);
    assert_int_equal(tick(&bench, 14999), 0);
    assert_int_equal(tick(&bench, 15000), MESSAGE_PING);
    release(&bench);
}

TEST(then_nothing_is_due_before_the_next_pings_but_a_look_at_who_answered)
{
    struct bench bench;
    init(&bench);
    rest(&bench, 700);
    tick(&bench, 800);
    assert_int_equal(peers_tick_within_ms(&bench.peers), 4200);
    tick(&bench, 5000);
    assert_int_equal(peers_tick_within_ms(&bench.peers), 1000);
    hear(&bench, 0, 5001);
    assert_int_equal(peers_tick_within_ms(&bench.peers), 5000);
    bench.peers.terms.is_idle = false;
    assert_int_equal(peers_tick_within_ms(&bench.peers), 101);
    release(&bench);
}

TEST(one_that_does_not_answer_the_last_ping_is_found_out_before_the_next)
{
    struct bench bench;
    init(&bench);
    rest(&bench, 700);
    tick(&bench, 5000);
    uint64_t next_ms = 5000 + peers_tick_within_ms(&bench.peers);
    tick(&bench, next_ms);
    assert_false(link_can_ask(bench.link));
    assert_int_equal(peers_tick_within_ms(&bench.peers), 101); // it is missed
    bench.peers.terms.ping_interval_ms = 60000;                // greetings do not wait for that
    assert_int_equal(peers_tick_within_ms(&bench.peers), 250);
    release(&bench);
}

TEST(whoever_came_up_or_told_long_ago_is_asked_soon)
{
    struct bench bench;
    init(&bench);
    rest(&bench, 700);
    hear(&bench, 0, 800);
    bench.link->pinged_ms = bench.link->pong_ms = at(800).mono_ms;
    bench.peers.terms.is_idle = false;
    bench.peers.terms.ping_interval_ms = 60000;
    peers_refresh(&bench.peers, 500, at(1300));
    assert_int_equal(tick(&bench, 1301), 0);
    peers_refresh(&bench.peers, 500, at(1302));
    assert_int_equal(peers_tick_within_ms(&bench.peers), 250);
    assert_int_equal(tick(&bench, 1303), MESSAGE_PING);
    release(&bench);
}

TEST(our_own_standstill_is_not_the_others_silence)
{
    struct bench bench;
    init(&bench);
    come_up(&bench, 1, 0);
    tick(&bench, 0);
    tick(&bench, 60000);
    assert_true(link_can_ask(bench.link));
    release(&bench);
}

TEST(another_life_of_the_peer_takes_it_down)
{
    struct bench bench;
    init(&bench);
    come_up(&bench, 1, 0);
    assert_int_equal(hear(&bench, 1, 10), LINK_UNCHANGED);
    assert_int_equal(hear(&bench, 2, 20), LINK_WENT_DOWN);
    come_up(&bench, 2, 30);
    release(&bench);
}

TEST(a_store_whose_disk_hangs_is_not_asked)
{
    struct bench bench;
    init(&bench);
    come_up(&bench, 1, 0);
    link_on_pong(bench.link, &(struct op_pong){.unsynced_age_ms = 2001}, at(1));
    assert_false(link_can_ask(bench.link));
    link_on_pong(bench.link, &(struct op_pong){.unsynced_age_ms = 3}, at(2));
    assert_true(link_can_ask(bench.link));
    release(&bench);
}

TEST(a_clock_is_believed_if_its_pong_came_soon)
{
    struct bench bench;
    init(&bench);
    come_up(&bench, 1, 0);
    struct moment now = {.mono_ms = 20000, .wall_ms = 1000000};
    link_on_pong(bench.link, &(struct op_pong){.id = 20000 - 501, .wall_ms = 900000}, now);
    assert_false(bench.link->is_wall_known);
    link_on_pong(bench.link, &(struct op_pong){.id = 20000 - 100, .wall_ms = 1003600}, now);
    assert_true(bench.link->is_wall_known);
    assert_int_equal(bench.link->wall_ahead_ms, 3650); // it was looked at half-way
    link_on_pong(bench.link, &(struct op_pong){.id = 20000 - 100}, now); // it does not say
    assert_int_equal(bench.link->wall_ahead_ms, 3650);
    release(&bench);
}

TEST(a_dead_connection_is_made_anew)
{
    struct bench bench;
    init(&bench);
    tick(&bench, 0);
    come_up(&bench, 1, 0);
    link_on_lost(bench.link, at(0));
    for (uint64_t ms = 100; ms < 2000; ms += 100) {
        tick(&bench, ms);
        assert_int_equal(bench.outbox.reset_count, 0);
    }
    tick(&bench, 2000);
    assert_int_equal(bench.outbox.reset_count, 1);
    release(&bench);
}

TEST(another_document_of_our_epoch_takes_it_down_and_says_why)
{
    struct bench bench;
    init(&bench);
    come_up(&bench, 1, 0);
    struct message_header header = right_header(&bench);
    header.boot = 1;
    assert_int_equal(link_on_message(bench.link, &bench.peers.terms, &header, at(10)),
                     LINK_UNCHANGED);
    header.ring_hash++;
    assert_int_equal(link_on_message(bench.link, &bench.peers.terms, &header, at(20)),
                     LINK_WENT_DOWN);
    assert_int_equal(link_state(bench.link), LINK_OTHER_RING);
    release(&bench);
}
