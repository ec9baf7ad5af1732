// What is written on messages when a turn ends.
#include "peer/stamp.h"

#include "fixture/ring.h"
#include "unit/unit.h"

enum { BOOT = 7000, ROW = SERVICE_COUNT + SERVICE_STORE };

struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct peers peers;
    struct outbox outbox;
};

static const struct moment now = {.mono_ms = 500};

static uint32_t number_of(link_id link)
{
    return link < 100 ? (uint32_t)link : UINT32_MAX;
}

static void init(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    assert_int_equal(make_cluster(&bench->ring, 3), STATUS_OK);
    bench->snapshot = snapshot_of(&bench->ring);
    bench->snapshot.hash = 0x1234567890;
    struct link_terms terms = {.self = 1};
    peers_init(&bench->peers, &terms, SERVICE_ROUTER, service_bit(SERVICE_STORE), NULL);
    peers_adopt(&bench->peers, &bench->snapshot, now);
    struct link *link = peers_link(&bench->peers, ROW);
    link->taken_bytes = 5000;
    link->clock = (struct peer_clock){.is_known = true, .told_ms = 40, .at_ms = now.mono_ms};
    outbox_add(&bench->outbox, ROW, MESSAGE_PING, 0);
    outbox_add(&bench->outbox, 100, MESSAGE_PONG, 0); // to one that connected to us
}

static void release(struct bench *bench)
{
    outbox_release(&bench->outbox);
    peers_release(&bench->peers);
    ring_release(&bench->ring);
}

TEST(every_message_says_by_which_document_who_and_when)
{
    struct bench bench;
    init(&bench);
    stamp_headers(&bench.outbox, &bench.snapshot, BOOT, now);
    const struct message_header *header = &bench.outbox.header;
    assert_int_equal(header->epoch, bench.ring.epoch);
    assert_int_equal(header->ring_hash, 0x34567890);
    assert_int_equal(header->boot, BOOT);
    assert_int_equal(header->sent_ms, BOOT + 500);
    release(&bench);
}

TEST(what_goes_to_a_peer_says_what_is_known_of_its_link)
{
    struct bench bench;
    init(&bench);
    stamp_links(&bench.outbox, &bench.peers, number_of, now);
    assert_int_equal(bench.outbox.messages[0].your_ms, 40);
    assert_int_equal(bench.outbox.messages[0].received_kib, 4);
    assert_int_equal(bench.outbox.messages[1].your_ms, 0);
    assert_int_equal(bench.outbox.messages[1].received_kib, 0);
    assert_true(stamp_link(&bench.outbox.messages[0], &bench.peers, ROW, now));
    assert_false(stamp_link(&bench.outbox.messages[1], &bench.peers, UINT32_MAX, now));
    release(&bench);
}
