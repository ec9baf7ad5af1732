// A node that is not to come back, and comes back.
#include "dkv-store/access.h"
#include "dkv-store/dropping.h"
#include "dkv-store/frame.h"
#include "dkv-store/joining.h"
#include "ring/ring_move.h"
#include "ring/ring_successor.h"
#include "unit/brain/store_bench.h"

enum { FIRST, READ_OLD, READ_NEW, AFTER, RAISED, RINGS };

static struct bench bench;
static struct ring rings[RINGS];
static struct ring_snapshot snapshots[RINGS];

// The node of this id is declared dead when data begins to move.
static void begin(uint64_t dead)
{
    struct fault fault;
    bench_init(&bench);
    rings[FIRST] = bench.ring;
    snapshots[FIRST] = bench.snapshot;
    for (unsigned i = READ_OLD; i < RINGS; i++) {
        rings[i] = ring_copy(&rings[i - 1]);
        struct ring_node *node = &rings[i].nodes[ring_find_node(&rings[i], dead)];
        if (i == READ_OLD) {
            node->state = RING_NODE_DEAD;
            assert_int_equal(ring_begin_move(&rings[i], &fault), STATUS_OK);
        } else if (i == RAISED) {
            node->state = RING_NODE_UP;
        } else {
            ring_go_on(&rings[i]);
        }
        ring_succeed(&rings[i], &rings[i - 1]);
        snapshots[i] = snapshot_of(&rings[i]);
    }
}

static void use(unsigned ring)
{
    store_adopt(&bench.store, &snapshots[ring]); // lets go of the one before
    bench.ring = rings[ring];
    bench.snapshot = snapshots[ring];
    bench.since = rings[ring].epoch;
    for (unsigned i = 0; i < 200; i++) {
        bench.now.mono_ms += 200;
        outbox_clear(&bench.outbox);
        joining_follow(&bench.store);
        serve_on_tick(&bench.store, bench.now, &bench.outbox);
        serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
        bench_sync_log(&bench);
    }
}

static void end(void)
{
    bench.ring = rings[FIRST];
    bench_release(&bench);
    for (unsigned i = READ_OLD; i < RINGS; i++)
        ring_release(&rings[i]);
}

static uint64_t record_count(void)
{
    return bench.store.ledger.entries;
}

static void write_one(void)
{
    struct op_update op = bench_update_of(&bench, 1, "value");
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    bench_sync_log(&bench);
}

TEST(its_copies_answer_no_reads_from_the_moment_it_hears_of_that)
{
    struct record record = {0};
    begin(1);
    write_one();
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_OK);
    for (unsigned ring = READ_OLD; ring <= READ_NEW; ring++) {
        use(ring);
        assert_int_equal(bench_fetch(&bench, &record).status, STATUS_LOST);
    }
    record_release(&record);
    end();
}

TEST(it_keeps_what_it_owned_until_it_is_a_member_like_others)
{
    begin(1);
    write_one();
    assert_int_equal(record_count(), 1);
    for (unsigned ring = READ_OLD; ring <= AFTER; ring++)
        use(ring);
    assert_int_equal(dropping_count(&bench.store), 0);
    assert_int_equal(record_count(), 1);
    use(RAISED);
    assert_int_equal(record_count(), 0);
    end();
}

TEST(others_do_not_wait_for_it_while_data_moves)
{
    uint16_t numbers[RING_OWNERS_MAX];
    uint32_t partition = 0;
    begin(2);
    uint32_t dead = (uint32_t)ring_find_node(&rings[FIRST], 2);
    uint32_t self = (uint32_t)ring_find_node(&rings[FIRST], 1);
    const struct ring_keyspace *keyspace = &rings[FIRST].keyspaces[0];
    while (!ring_is_owner(&rings[FIRST], partition, keyspace, self) ||
           !ring_is_owner(&rings[FIRST], partition, keyspace, dead))
        partition++;
    assert_int_equal(frame_others(&bench.store, keyspace->id, partition, numbers), 2);
    use(READ_OLD);
    int count = frame_others(&bench.store, keyspace->id, partition, numbers);
    assert_int_equal(count, 2); // the one that comes, and not the dead one
    for (int i = 0; i < count; i++)
        assert_true(numbers[i] != rings[FIRST].nodes[dead].number);
    end();
}
