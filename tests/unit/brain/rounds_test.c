// The store's part in rounds of repair: openings, trees, pages of heads, digests, scrubs.
#include "unit/brain/store_bench.h"

#include "base/random.h"
#include "dkv-store/loss.h"
#include "dkv-store/rounds.h"
#include "wire/repair.h"

enum { KEYS = 1500 }; // more than one step of a growth reads

static void begin(struct bench *bench)
{
    bench_init(bench);
    bench->options.lsm.memtable_size = bench->options.lsm.log_segment_size = 8 << 20;
    store_close(&bench->store);
    memory_vfs_release(&bench->disk);
    memory_vfs_init(&bench->disk);
    bench_start(bench, 100);
}

static uint32_t partition_of(const struct bench *bench)
{
    return ring_partition(&bench->ring,
                          ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(bench->key)));
}

// The number-th key of the partition of the first one.
static void choose(struct bench *bench, uint32_t partition, uint32_t *number)
{
    do
        snprintf(bench->key, sizeof bench->key, "k%u", (*number)++);
    while (partition_of(bench) != partition);
}

// Every write is a request of its own.
static void put(struct bench *bench, bool is_delete)
{
    struct op_update update = bench_update_of(bench, 0, is_delete ? "" : "value");
    for (unsigned i = 0; i < sizeof update.request.bytes; i++)
        update.request.bytes[i] = (uint8_t)(bench->now.mono_ms >> (8 * (i % 8)));
    update.flags |= is_delete ? UPDATE_DELETE : 0;
    bench->now.mono_ms++;
    assert_int_equal(bench_update(bench, &update).status, STATUS_OK);
    bench_sync_log(bench);
}

static void turn(struct bench *bench)
{
    outbox_clear(&bench->outbox);
    serve_on_turn_end(&bench->store, bench->now, &bench->outbox);
}

static enum status ask_tree(struct bench *bench, uint32_t partition, unsigned kind, unsigned level,
                            uint16_t node, uint64_t *sum, unsigned *leaf_level)
{
    struct buf nodes = {0}, body = {0};
    struct op_hashes hashes;
    buf_append_u16(&nodes, node);
    struct op_tree op = {.keyspace = RING_DEFAULT_KEYSPACE,
                         .partition = partition,
                         .kind = (uint8_t)kind,
                         .level = (uint8_t)level,
                         .nodes = buf_bytes(&nodes)};
    op_encode_tree(&op, &body);
    bench_tell(bench, MESSAGE_TREE, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_HASHES);
    assert_int_equal(op_decode_hashes(&hashes, &reader), STATUS_OK);
    struct reader sums = reader_of(hashes.hashes);
    *sum = 0;
    while (reader_left(&sums))
        *sum += reader_u64(&sums);
    *leaf_level = hashes.leaf_level;
    buf_release(&nodes);
    return (enum status)hashes.status;
}

static void assert_is_root(struct bench *bench, uint32_t partition)
{
    const struct ledger_shard *shard =
        ledger_find(&bench->store.ledger, RING_DEFAULT_KEYSPACE, partition);
    uint64_t sum;
    unsigned level;
    assert_int_equal(ask_tree(bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level), STATUS_OK);
    assert_true(sum == shard->live_root);
    assert_int_equal(ask_tree(bench, partition, TREE_OF_DELETIONS, 0, 0, &sum, &level), STATUS_OK);
    assert_true(sum == shard->deleted_root);
}

// The key at which the growth goes on: it is not in yet.
static void put_next(struct bench *bench, uint32_t partition, uint32_t number)
{
    uint64_t next = trees_find(&bench->store.ledger.trees, partition)->next_token;
    for (uint32_t i = 0; i < number; i++) {
        snprintf(bench->key, sizeof bench->key, "k%u", i);
        if (ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(bench->key)) == next)
            put(bench, false);
    }
}

TEST(trees_grow_while_the_store_serves_and_follow_every_write)
{
    struct bench bench;
    uint32_t number = 0;
    uint64_t sum;
    unsigned level, steps = 0;
    begin(&bench);
    uint32_t partition = partition_of(&bench);
    for (unsigned i = 0; i < KEYS; i++) {
        choose(&bench, partition, &number);
        put(&bench, i % 5 == 0);
    }
    while (ask_tree(&bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level) == STATUS_BUSY) {
        uint32_t again = steps * 7;
        for (unsigned i = 0; i < 20; i++) { // of those that are in and of those that are not
            choose(&bench, partition, &again);
            put(&bench, i % 3 == 0);
        }
        choose(&bench, partition, &number);
        put(&bench, false);
        turn(&bench);
        put_next(&bench, partition, number);
        steps++;
    }
    assert_in_range(steps, 3, 10);
    assert_int_equal(level, 12);
    assert_is_root(&bench, partition);
    for (unsigned i = 0; i < 50; i++) {
        choose(&bench, partition, &number);
        put(&bench, i % 2);
    }
    assert_is_root(&bench, partition);
    bench_release(&bench);
}

static void grow(struct bench *bench, uint32_t partition)
{
    uint64_t sum;
    unsigned level;
    while (ask_tree(bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level) == STATUS_BUSY)
        turn(bench);
}

TEST(the_hash_of_a_node_is_that_of_its_children)
{
    struct bench bench;
    uint32_t number = 0;
    uint64_t all = 0, sum;
    unsigned level;
    begin(&bench);
    uint32_t partition = partition_of(&bench);
    for (unsigned i = 0; i < 100; i++) {
        choose(&bench, partition, &number);
        put(&bench, false);
    }
    grow(&bench, partition);
    for (uint16_t node = 0; node < TREE_CHILDREN; node++) {
        assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 4, node, &sum, &level),
                         STATUS_OK);
        all += sum;
    }
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level), STATUS_OK);
    assert_true(all == sum);
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 4, 16, &sum, &level),
                     STATUS_INVALID);
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 8, 0, &sum, &level),
                     STATUS_INVALID);
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 3, 0, &sum, &level),
                     STATUS_INVALID);
    assert_int_equal(ask_tree(&bench, partition, 2, 0, 0, &sum, &level), STATUS_INVALID);
    bench_release(&bench);
}

TEST(records_that_are_not_those_that_were_written_are_damage)
{
    struct bench bench;
    uint64_t sum;
    unsigned level;
    begin(&bench);
    uint32_t partition = partition_of(&bench);
    put(&bench, false);
    ledger_shard(&bench.store.ledger, RING_DEFAULT_KEYSPACE, partition)->live_root++;
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level), STATUS_BUSY);
    turn(&bench);
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level),
                     STATUS_CORRUPT);
    assert_int_equal(bench.store.counts.damaged_reads, 1);
    bench_release(&bench);
}

TEST(what_is_lost_is_read_again_before_it_is_compared)
{
    struct bench bench;
    uint64_t sum;
    unsigned level;
    begin(&bench);
    uint32_t partition = partition_of(&bench);
    put(&bench, false);
    (void)!ask_tree(&bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level);
    turn(&bench);
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level), STATUS_OK);
    loss_found(&bench.store, partition, "damaged");
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level), STATUS_BUSY);
    loss_found(&bench.store, partition, "while it is read");
    turn(&bench);
    assert_int_equal(ask_tree(&bench, partition, TREE_OF_VALUES, 0, 0, &sum, &level), STATUS_OK);
    bench_release(&bench);
}

// ---- pages -------------------------------------------------------------------------------

static struct op_listed list(struct bench *bench, uint32_t partition, struct bytes ranges,
                             struct bytes after, uint32_t size_max)
{
    struct buf body = {0};
    struct op_listed listed;
    struct op_leaves op = {.keyspace = RING_DEFAULT_KEYSPACE,
                           .partition = partition,
                           .size_max = size_max,
                           .after = after,
                           .ranges = ranges};
    op_encode_leaves(&op, &body);
    bench_tell(bench, MESSAGE_LEAVES, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_LISTED);
    assert_int_equal(op_decode_listed(&listed, &reader), STATUS_OK);
    return listed;
}

// Walks all pages; each key is in a range, and behind the one before it. Returns how many.
static unsigned walk(struct bench *bench, uint32_t partition, struct bytes ranges,
                     uint32_t size_max)
{
    struct buf after = {0};
    struct record record = {0};
    uint64_t last = 0;
    unsigned count = 0;
    for (bool is_done = false; !is_done;) {
        struct op_listed listed = list(bench, partition, ranges, buf_bytes(&after), size_max);
        struct reader items = reader_of(listed.items);
        assert_int_equal(listed.status, STATUS_OK);
        is_done = listed.is_done;
        while (reader_left(&items)) {
            struct bytes key = reader_short(&items);
            struct reader in = reader_of(ranges);
            struct token_range range;
            uint64_t token = ring_token(RING_DEFAULT_KEYSPACE, key);
            bool is_in = false;
            while (token_range_next(&in, &range))
                is_in |= token >= range.first && token <= range.last;
            assert_true(is_in);
            assert_true(token > last);
            assert_int_equal(record_decode(&record, key, reader_sized(&items)), STATUS_OK);
            assert_true(record.head);
            last = token;
            count++;
        }
        buf_set(&after, listed.last);
    }
    buf_release(&after);
    record_release(&record);
    return count;
}

TEST(pages_have_every_record_of_the_ranges_once)
{
    struct bench bench;
    struct buf ranges = {0};
    uint32_t number = 0;
    unsigned wanted = 0;
    begin(&bench);
    uint32_t partition = partition_of(&bench);
    uint64_t begin_token = ring_partition_begin(bench.ring.partition_count, partition);
    uint64_t part = UINT64_MAX / bench.ring.partition_count / 8;
    token_range_append((struct token_range){begin_token + part, begin_token + 2 * part}, &ranges);
    token_range_append((struct token_range){begin_token + 5 * part, begin_token + 7 * part},
                       &ranges);
    for (unsigned i = 0; i < 400; i++) {
        choose(&bench, partition, &number);
        put(&bench, i % 4 == 0);
        uint64_t at = ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(bench.key)) - begin_token;
        wanted += (at >= part && at <= 2 * part) || (at >= 5 * part && at <= 7 * part);
    }
    assert_true(wanted > 50);
    assert_int_equal(walk(&bench, partition, buf_bytes(&ranges), 64 << 10), wanted);
    assert_int_equal(walk(&bench, partition, buf_bytes(&ranges), 500), wanted);
    assert_int_equal(walk(&bench, partition, buf_bytes(&ranges), 1), wanted);
    bench_release(&bench);
    buf_release(&ranges);
}

TEST(ranges_that_are_none_are_refused_and_no_damage)
{
    struct bench bench;
    struct buf ranges = {0};
    begin(&bench);
    token_range_append((struct token_range){2, 1}, &ranges);
    assert_int_equal(
        list(&bench, partition_of(&bench), buf_bytes(&ranges), (struct bytes){0}, 100).status,
        STATUS_INVALID);
    assert_int_equal(bench.store.counts.damaged_reads, 0);
    bench_release(&bench);
    buf_release(&ranges);
}

TEST(other_owners_are_not_served_a_shard_that_is_elsewhere_in_their_ring_and_that_is_no_damage)
{
    struct bench bench;
    begin(&bench);
    bench.other_ring = 1;
    assert_int_equal(
        list(&bench, partition_of(&bench), (struct bytes){0}, (struct bytes){0}, 100).status,
        STATUS_STALE);
    assert_int_equal(bench.store.counts.damaged_reads, 0);
    bench_release(&bench);
}

// ---- openings, digests, scrubs -----------------------------------------------------------

TEST(an_opening_is_told_when_all_that_it_tells_is_durable)
{
    struct bench bench;
    struct buf body = {0};
    struct op_opened opened;
    struct opening_told told;
    begin(&bench);
    put(&bench, false);
    uint64_t written = lsm_written(bench.store.lsm);
    struct op_open op = {.keyspace = RING_DEFAULT_KEYSPACE, .partition = partition_of(&bench)};
    op_encode_open(&op, &body);
    bench_tell(&bench, MESSAGE_OPEN, bench.ring.epoch, 0, &body);
    struct reader reader = bench_said(&bench, 0, MESSAGE_OPENED);
    assert_true(bench.outbox.messages[0].gate >= written);
    assert_int_equal(op_decode_opened(&opened, &reader), STATUS_OK);
    assert_int_equal(opened.status, STATUS_OK);
    assert_int_equal(opening_told_decode(&told, opened.opening), STATUS_OK);
    assert_true(told.actor == bench.store.ledger.actor);
    assert_int_equal(told.live_count, 1);
    bench_release(&bench);
}

TEST(a_digest_has_every_shard_that_the_store_owns)
{
    struct bench bench;
    struct buf body = {0};
    struct op_digested digested;
    struct digest digest;
    uint64_t count = 0, with_keys = 0;
    begin(&bench);
    put(&bench, false);
    struct op_digest op = {.keyspace = RING_DEFAULT_KEYSPACE};
    op_encode_digest(&op, &body);
    bench_tell(&bench, MESSAGE_DIGEST, bench.ring.epoch, 0, &body);
    struct reader reader = bench_said(&bench, 0, MESSAGE_DIGESTED);
    assert_int_equal(op_decode_digested(&digested, &reader), STATUS_OK);
    assert_int_equal(digested.next, 0);
    struct reader items = reader_of(digested.items);
    while (digest_next(&items, &digest)) {
        count++;
        with_keys += digest.live_count;
    }
    assert_int_equal(count, 48); // three of four nodes own each of 64
    assert_int_equal(with_keys, 1);
    bench_release(&bench);
}

static struct op_scrubbed scrub(struct bench *bench, bool is_begin)
{
    struct buf body = {0};
    struct op_scrubbed scrubbed;
    struct op_scrub op = {.partition = partition_of(bench), .is_begin = is_begin};
    op_encode_scrub(&op, &body);
    bench_tell(bench, MESSAGE_SCRUB, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_SCRUBBED);
    assert_int_equal(op_decode_scrubbed(&scrubbed, &reader), STATUS_OK);
    return scrubbed;
}

TEST(a_scrub_reads_everything_again)
{
    struct bench bench;
    begin(&bench);
    put(&bench, false);
    assert_int_equal(scrub(&bench, true).status, STATUS_BUSY);
    turn(&bench);
    struct op_scrubbed first = scrub(&bench, false);
    assert_int_equal(first.status, STATUS_OK);
    assert_int_equal(scrub(&bench, true).status, STATUS_BUSY);
    turn(&bench);
    struct op_scrubbed second = scrub(&bench, false);
    assert_int_equal(second.status, STATUS_OK);
    assert_int_equal(second.record_count, first.record_count + 1);
    bench_release(&bench);
}

TEST(of_a_lost_copy_the_ledger_learns_what_can_be_read)
{
    struct bench bench;
    begin(&bench);
    uint32_t partition = partition_of(&bench);
    put(&bench, false);
    struct ledger_shard *shard =
        ledger_shard(&bench.store.ledger, RING_DEFAULT_KEYSPACE, partition);
    shard->live_root += 77; // of a record that cannot be read
    shard->live_count++;
    shard->is_lost = true;
    grow(&bench, partition);
    assert_int_equal(shard->live_count, 1);
    assert_is_root(&bench, partition);
    bench_sync_log(&bench);
    put(&bench, true);
    assert_is_root(&bench, partition);
    bench_release(&bench);
}
