// What dkv-repair does at once because a store says something with PONG.
#include "dkv-repair/post.h"

#include "fixture/ring.h"
#include "unit/unit.h"
#include "wire/hello.h"

enum { INTERVAL_MS = 3600 * 1000, SELF = 1, OTHER = 2, START = 1000 };

static struct ring ring;
static struct ring_snapshot snapshot;
static struct repair repair;
static struct moment now;
static struct outbox outbox;

static link_id link_of(uint32_t number)
{
    return number + 1;
}

static uint32_t number_of(link_id link)
{
    return (uint32_t)link - 1;
}

static uint32_t store_of(uint64_t node)
{
    return peers_number(&repair.peers, (uint32_t)ring_find_node(&ring, node), SERVICE_STORE);
}

static void tell(uint64_t node, enum message_type type, struct buf *body)
{
    struct buf message = {0};
    struct message_header header = {.type = (uint8_t)type,
                                    .count = 1,
                                    .body_size = (uint32_t)body->size,
                                    .epoch = ring.epoch,
                                    .boot = 7,
                                    .ring_hash = (uint32_t)snapshot.hash};
    struct arrival arrival = {.link = link_of(store_of(node)), .role = ROLE_PEER};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    buf_append(&message, buf_bytes(body));
    post_on_message(&repair, &arrival, buf_bytes(&message), now, &outbox);
    buf_release(&message);
    buf_release(body);
}

static void welcome(uint64_t node)
{
    struct buf body = {0};
    struct actor actor = {.node = (uint16_t)node, .start = START};
    op_encode_welcome(&(struct op_welcome){.version_min = MESSAGE_VERSION,
                                           .version_max = MESSAGE_VERSION,
                                           .cluster = CLUSTER,
                                           .node = node,
                                           .actor = actor_make(actor)},
                      &body);
    tell(node, MESSAGE_WELCOME, &body);
}

static void pong(uint64_t node, uint64_t losses, uint32_t store_start)
{
    struct buf body = {0}, numbers = {0};
    struct metrics metrics = {0};
    struct actor actor = {.node = (uint16_t)node, .start = START};
    metrics.values[METRIC_LOSSES] = losses;
    metrics_encode(&metrics, &numbers);
    op_encode_pong(&(struct op_pong){.actor = actor_make(actor),
                                     .metrics = buf_bytes(&numbers),
                                     .store_start = store_start},
                   &body);
    tell(node, MESSAGE_PONG, &body);
    buf_release(&numbers);
}

// All rounds were done just now: none is due for an interval.
static void settle(void)
{
    for (uint32_t i = 0; i < repair.pulls.count; i++)
        repair.pulls.items[i].due_ms = now.mono_ms + INTERVAL_MS;
}

static uint32_t due(uint64_t node) // 0: of any
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < repair.pulls.count; i++) {
        const struct pull *pull = &repair.pulls.items[i];
        count += pull->due_ms <= now.mono_ms && (!node || pull->node == node);
    }
    return count;
}

static int begin(void **state)
{
    (void)state;
    struct repair_options options = {.node = SELF,
                                     .boot = 5,
                                     .ping_interval_ms = 200,
                                     .down_after_ms = 600,
                                     .interval_ms = INTERVAL_MS,
                                     .scrub_ms = INTERVAL_MS,
                                     .rate = 1 << 20,
                                     .link_of = link_of,
                                     .number_of = number_of};
    now = (struct moment){.mono_ms = 1000};
    assert_int_equal(make_cluster(&ring, 3), STATUS_OK);
    snapshot = snapshot_of(&ring);
    options.ring = &snapshot;
    assert_int_equal(repair_init(&repair, &options, now, NULL), STATUS_OK);
    welcome(SELF);
    welcome(OTHER);
    settle();
    return 0;
}

static int end(void **state)
{
    (void)state;
    repair_release(&repair);
    outbox_release(&outbox);
    ring_release(&ring);
    return 0;
}

AROUND_EACH(begin, end)

TEST(what_our_store_lost_is_pulled_at_once_from_everybody)
{
    pong(SELF, 0, 0);
    pong(OTHER, 3, 0); // its own repair does it
    assert_int_equal(due(0), 0);
    pong(SELF, 1, 0);
    assert_int_equal(due(0), repair.pulls.count);
    settle();
    pong(SELF, 1, 0); // known
    assert_int_equal(due(0), 0);
    pong(SELF, 2, 0);
    assert_int_equal(due(0), repair.pulls.count);
}

TEST(losses_are_counted_anew_by_the_next_life_of_our_store)
{
    pong(SELF, 1, 0);
    post_on_lost(&repair, link_of(store_of(SELF)), now);
    welcome(SELF);
    settle();
    pong(SELF, 1, 0);
    assert_int_equal(due(0), repair.pulls.count);
}

TEST(a_store_that_heard_of_a_later_start_of_ours_is_met_at_once)
{
    pong(OTHER, 0, START);
    assert_int_equal(due(0), 0);
    pong(OTHER, 0, START + 1);
    assert_int_equal(due(0), due(OTHER));
    assert_true(due(OTHER) > 0);
    settle();
    pong(OTHER, 0, START + 1); // once
    assert_int_equal(due(0), 0);
}
