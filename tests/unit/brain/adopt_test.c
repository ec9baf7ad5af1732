// A new ring document reaches a router that runs: what is in flight goes on.
#include "dkv-router/dispatch.h"
#include "unit/brain/router_ops.h"
#include "wire/replica.h"

static void adopt_take(struct bench *bench, struct ring_snapshot *document)
{
    outbox_clear(&bench->outbox);
    dispatch_adopt(&bench->router, document, bench->now, &bench->outbox);
    ring_snapshot_drop(document);
}

// Of the first message of this type for a store.
static struct message_header header_of(struct bench *bench, link_id link, enum message_type type)
{
    struct message_header header = {0};
    struct reader body;
    dispatch_on_turn_end(&bench->router, bench->now, &bench->outbox);
    outbox_finish(&bench->outbox);
    for (uint32_t i = 0; i < bench->outbox.count; i++) {
        const struct outbox_message *message = &bench->outbox.messages[i];
        if (message->link == link && message->type == type)
            assert_int_equal(message_header_decode(&header, buf_bytes(&message->bytes), &body),
                             STATUS_OK);
    }
    return header;
}

TEST(a_put_in_flight_goes_on_by_the_ring_that_it_began_with)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS);
    uint32_t store = (uint32_t)asked(&bench, MESSAGE_UPDATE, &id);
    adopt_take(&bench, moved_document(&bench.ring));
    struct buf body = {0};
    op_encode_updated(&(struct op_updated){.id = id, .dot = {9, 1}}, &body);
    tell(&bench, store, MESSAGE_UPDATED, &body);
    uint32_t other = (store + 1) % NODES;
    struct message_header header = header_of(&bench, other, MESSAGE_MERGE);
    assert_int_equal(header.epoch, 1);
    assert_true(header.ring_hash == (uint32_t)bench.snapshot.hash);
    merged(&bench, other, &(struct op_merged){.id = id});
    durable(&bench, store, id);
    assert_true(put_done(&bench, STATUS_OK));
    release(&bench);
}

TEST(what_begins_then_works_by_the_new_ring)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS);
    int first = asked(&bench, MESSAGE_UPDATE, &id);
    adopt_take(&bench, moved_document(&bench.ring));
    put(&bench, PUT_KEEP_SIBLINGS);
    int second = asked(&bench, MESSAGE_UPDATE, &id);
    assert_int_not_equal(first, second); // the first two owners changed places
    struct message_header header = header_of(&bench, (link_id)second, MESSAGE_UPDATE);
    assert_int_equal(header.epoch, 2);
    assert_int_equal(header.since, 2);
    release(&bench);
}

TEST(links_stay_as_they_are)
{
    struct bench bench;
    init(&bench, 3);
    adopt_take(&bench, next_document(&bench.ring));
    struct reader body;
    for (uint32_t i = 0; i < NODES; i++)
        assert_false(said(&bench, i, MESSAGE_HELLO, &body));
    uint64_t id = 0;
    begin_put(&bench, &id); // all are still up
    release(&bench);
}

// The ring without its last node; what that owned is its neighbour's now.
static struct ring_snapshot *without_last_node(const struct ring *before)
{
    struct ring ring = {0};
    assert_int_equal(make_cluster(&ring, before->node_count - 1), STATUS_OK);
    return document_take(&ring, before);
}

TEST(a_node_that_left_is_not_waited_for)
{
    struct bench bench;
    struct reader body;
    uint64_t id = 0;
    init(&bench, 3);
    get(&bench);
    asked(&bench, MESSAGE_FETCH, &id);
    bool is_asked[NODES];
    for (uint32_t i = 0; i < NODES; i++)
        is_asked[i] = said(&bench, i, MESSAGE_FETCH, &body);
    adopt_take(&bench, without_last_node(&bench.ring));
    for (uint32_t i = 0; i < NODES; i++) // another one is asked instead of one that left
        is_asked[i] |= said(&bench, i, MESSAGE_FETCH, &body);
    for (uint32_t i = 0; i < NODES - 1; i++) {
        if (is_asked[i])
            fetched(&bench, i, id, STATUS_NOT_FOUND);
    }
    assert_true(said(&bench, CLIENT, MESSAGE_GOT, &body));
    release(&bench);
}

TEST(a_node_that_comes_gets_links_with_numbers_of_its_own)
{
    struct bench bench;
    init(&bench, 3);
    struct ring ring = {0};
    assert_int_equal(make_cluster(&ring, 4), STATUS_OK);
    adopt_take(&bench, document_take(&ring, &bench.ring));
    bench.now.mono_ms += 200;
    outbox_clear(&bench.outbox);
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    struct reader body;
    assert_true(said(&bench, 3, MESSAGE_HELLO, &body));
    assert_true(said(&bench, OTHER + 3, MESSAGE_HELLO, &body));
    welcome(&bench, 3);
    assert_true(peers_link_of(&bench.router.peers, 3, SERVICE_STORE)->up);
    release(&bench);
}

TEST(the_row_of_a_node_that_left_is_nobodys_until_all_that_it_was_asked_is_over)
{
    struct bench bench;
    init(&bench, 3);
    struct peers *peers = &bench.router.peers;
    adopt_take(&bench, without_last_node(&bench.ring));
    assert_null(peers_link(peers, 2 * SERVICE_COUNT + SERVICE_STORE));
    struct ring ring = copy_of(&bench.ring);
    ring.nodes[2].id = 4; // node 3 left, node 4 is new
    ring.nodes[2].number = 4;
    ring.number_max = 4;
    struct ring next = copy_of(&ring);
    struct ring_snapshot *second = document_take(&ring, &bench.ring);
    dispatch_adopt(&bench.router, second, bench.now, &bench.outbox);
    assert_int_equal(peers_number(peers, 2, SERVICE_STORE), 3 * SERVICE_COUNT + SERVICE_STORE);
    bench.now.mono_ms += PEERS_KEPT_MS;
    next.nodes[2].id = 9;
    next.nodes[2].number = 5;
    next.number_max = 5;
    struct ring_snapshot *third = document_take(&next, &second->ring);
    dispatch_adopt(&bench.router, third, bench.now, &bench.outbox);
    assert_int_equal(peers_number(peers, 2, SERVICE_STORE), 2 * SERVICE_COUNT + SERVICE_STORE);
    ring_snapshot_drop(second);
    ring_snapshot_drop(third);
    release(&bench);
}
