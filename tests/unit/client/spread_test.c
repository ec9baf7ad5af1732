// At which endpoint requests begin.
#include "fixture/nodes.h"
#include "ring/ring_text.h"
#include "unit/client/talk.h"
#include "wire/client.h"

enum { KEYS = 3000 };

static struct bytes keyspace(void)
{
    return bytes_of_text("default");
}

static uint32_t of_key(const struct spread *spread, unsigned number)
{
    char key[16];
    snprintf(key, sizeof key, "%u", number);
    return spread_of_key(spread, keyspace(), bytes_of_text(key));
}

static struct spread spread_of(const enum spread_kind *kinds, unsigned count)
{
    struct spread spread = {0};
    for (unsigned i = 0; i < count; i++)
        spread_add(&spread, kinds[i]);
    return spread;
}

TEST(each_machine_has_its_share_of_the_keys)
{
    static const enum spread_kind kinds[] = {SPREAD_FAR, SPREAD_FAR, SPREAD_FAR, SPREAD_FAR};
    struct spread spread = spread_of(kinds, 4);
    unsigned counts[4] = {0};
    for (unsigned k = 0; k < KEYS; k++)
        counts[of_key(&spread, k)]++;
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(counts[i], KEYS * 22 / 100, KEYS * 28 / 100);
}

TEST(what_is_on_this_machine_is_nearer_and_the_first_of_it_has_all)
{
    static const enum spread_kind kinds[][4] = {
        {SPREAD_FAR, SPREAD_LOOPBACK, SPREAD_FAR, SPREAD_LOOPBACK},
        {SPREAD_LOOPBACK, SPREAD_IPC, SPREAD_FAR, SPREAD_IPC},
    };
    for (unsigned i = 0; i < 2; i++) {
        struct spread spread = spread_of(kinds[i], 4);
        assert_false(spread_is_choice(&spread));
        for (unsigned k = 0; k < KEYS; k++)
            assert_int_equal(of_key(&spread, k), 1);
    }
}

TEST(a_key_has_one_endpoint_in_every_client_with_the_same_list)
{
    static const enum spread_kind kinds[] = {SPREAD_FAR, SPREAD_FAR, SPREAD_FAR};
    struct spread spread = spread_of(kinds, 3), other = spread_of(kinds, 3);
    for (unsigned k = 0; k < KEYS; k++)
        assert_int_equal(of_key(&spread, k), of_key(&other, k));
    assert_int_not_equal(spread_of_partition(&spread, keyspace(), 1),
                         spread_of_partition(&spread, keyspace(), 2));
}

TEST(once_the_ring_is_known_a_key_begins_where_its_first_owner_listens)
{
    static const enum spread_kind kinds[] = {SPREAD_FAR, SPREAD_FAR, SPREAD_FAR};
    struct spread spread = spread_of(kinds, 3);
    struct ring ring = make_ring(3, 64, 0, 0), copy = make_ring(3, 64, 0, 0);
    spread_set_ring_take(&spread, &copy);
    spread_on_node(&spread, 0, ring.nodes[0].id);
    spread_on_node(&spread, 1, ring.nodes[2].id);
    const uint32_t endpoint_of_node[] = {0, UINT32_MAX, 1}; // the third has not said who it is
    struct spread hashed = spread_of(kinds, 3);
    for (uint32_t partition = 0; partition < 64; partition++) {
        uint16_t owners[RING_OWNERS_MAX];
        ring_owners(&ring, partition, &ring.keyspaces[0], owners);
        uint32_t expected = endpoint_of_node[owners[0]];
        if (expected == UINT32_MAX)
            expected = spread_of_partition(&hashed, keyspace(), partition);
        assert_int_equal(spread_of_partition(&spread, keyspace(), partition), expected);
    }
    for (unsigned k = 0; k < KEYS; k++) {
        char key[16];
        uint16_t owners[RING_OWNERS_MAX];
        snprintf(key, sizeof key, "%u", k);
        uint64_t token = ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(key));
        ring_owners(&ring, ring_partition(&ring, token), &ring.keyspaces[0], owners);
        uint32_t expected = endpoint_of_node[owners[0]];
        assert_int_equal(of_key(&spread, k),
                         expected == UINT32_MAX ? of_key(&hashed, k) : expected);
    }
    ring_release(&ring);
    spread_release(&spread);
}

// ---- a conversation that spreads ---------------------------------------------------

// A key that begins there.
static const char *key_at(uint32_t endpoint)
{
    static char key[16];
    unsigned number = 0;
    do
        snprintf(key, sizeof key, "%u", number++);
    while (spread_of_key(&talk.spread, keyspace(), bytes_of_text(key)) != endpoint);
    return key;
}

static void lose(uint32_t endpoint)
{
    conversation_on_lost(&talk, endpoint, STATUS_UNREACHABLE, (struct bytes){0}, now_ms);
}

// Router 1 was lost, and router 2 did what it was asked.
static void begin_with_a_loss(void)
{
    begin_spread(3);
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    lose(1);
    steps(STATUS_OK);
    got(2, last_ids[0], STATUS_OK);
    assert_int_equal(ended_count, 1);
    assert_steps("connect 1, hello 1, get 1, close 1, connect 2, hello 2, get 2");
}

TEST(one_request_makes_one_connection)
{
    for (uint32_t i = 0; i < 3; i++) {
        char expected[64];
        begin_spread(3);
        get_key(key_at(i), 0);
        steps(STATUS_OK);
        snprintf(expected, sizeof expected, "connect %u, hello %u, get %u", i, i, i);
        assert_steps(expected);
    }
}

TEST(a_connection_can_be_made_before_the_request_is_ready)
{
    begin_spread(3);
    conversation_prepare(&talk, keyspace(), bytes_of_text(key_at(2)), now_ms);
    steps(STATUS_OK);
    assert_steps("connect 2");
    get_key(key_at(2), 0);
    steps(STATUS_OK);
    assert_steps("hello 2, get 2");
}

TEST(a_question_and_a_read_of_one_replica_begin_at_the_first)
{
    begin_spread(3);
    get_key(key_at(2), GET_LOCAL);
    conversation_ask(&talk, &(struct op_ask){.topic = bytes_of_text("status")}, 0, now_ms, NULL,
                     NULL);
    steps(STATUS_OK);
    assert_steps("connect 0, hello 0, get 0, ask 0");
}

TEST(what_uses_one_router_is_not_spread)
{
    begin_spread(3);
    conversation_use(&talk, 1);
    get_key(key_at(2), 0);
    steps(STATUS_OK);
    assert_steps("connect 1, hello 1, get 1");
}

TEST(nothing_new_goes_to_a_lost_router_while_it_rests)
{
    begin_with_a_loss();
    now_ms += CONNECTION_REST_FIRST_MS - 1;
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    assert_steps("get 2");
}

TEST(after_its_rest_a_lost_router_is_tried_and_nobody_waits_for_it)
{
    begin_with_a_loss();
    now_ms += CONNECTION_REST_FIRST_MS;
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    assert_steps("connect 1, hello 1, get 2");
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    assert_steps("get 2");
    welcome(1);
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    assert_steps("get 1");
}

TEST(a_router_that_is_tried_and_says_nothing_rests_for_twice_as_long)
{
    begin_with_a_loss();
    now_ms += CONNECTION_REST_FIRST_MS;
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    got(2, last_ids[0], STATUS_OK);
    now_ms += CONNECTION_SILENCE_MS;
    steps(STATUS_OK);
    assert_steps("connect 1, hello 1, get 2, close 1");
    now_ms += 2 * CONNECTION_REST_FIRST_MS - 1;
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    assert_null(strstr(said, "connect"));
    *said = 0;
    now_ms += 1;
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    assert_non_null(strstr(said, "connect 1, hello 1"));
}

TEST(the_ring_is_asked_for_once_and_the_first_requests_do_not_wait_for_it)
{
    begin_spread(2);
    conversation_learn_ring(&talk, now_ms);
    conversation_learn_ring(&talk, now_ms);
    assert_int_equal(conversation_in_flight(&talk), 0);
    steps(STATUS_OK);
    assert_steps("connect 0, hello 0, ask 0, connect 1");
    uint64_t ask_id = last_ids[0];
    get_key(key_at(1), 0);
    steps(STATUS_OK);
    assert_steps("hello 1, get 1");
    assert_int_equal(conversation_in_flight(&talk), 1);

    struct ring ring = make_ring(2, 64, 0, 0);
    struct buf text = {0};
    ring_text_format(&ring, &text);
    welcome_of(0, ring.nodes[1].id);
    welcome_of(1, ring.nodes[0].id);
    op_encode_answer(&(struct op_answer){.id = ask_id, .text = buf_bytes(&text)}, begin_message());
    answer(0, MESSAGE_ANSWER);
    conversation_learn_ring(&talk, now_ms);
    uint64_t token = ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text("some key"));
    uint16_t owners[RING_OWNERS_MAX];
    ring_owners(&ring, ring_partition(&ring, token), &ring.keyspaces[0], owners);
    get_key("some key", 0);
    steps(STATUS_OK);
    assert_steps(owners[0] == 1 ? "get 0" : "get 1");
    buf_release(&text);
    ring_release(&ring);
}

TEST(with_one_near_endpoint_nobody_asks_for_the_ring)
{
    begin_spread(1);
    conversation_add_endpoint(&talk, SPREAD_IPC, CONNECT_MS);
    conversation_learn_ring(&talk, now_ms);
    steps(STATUS_OK);
    assert_steps("");
}
