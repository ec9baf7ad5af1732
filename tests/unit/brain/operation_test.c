// UPDATE, MERGE and FIND at a store: what its routers hear, and what it learns for the next one.
#include "dkv-store/convergence.h"
#include "dkv-store/loss.h"
#include "unit/brain/store_bench.h"
#include "wire/replica.h"

TEST(an_update_is_obeyed_only_while_it_is_young)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    bench.age_ms = op.young_ms + 1;
    assert_int_equal(bench_update(&bench, &op).status, STATUS_LATE);
    bench.age_ms = (uint64_t)1 << 50; // it was sent to another life of this store
    assert_int_equal(bench_update(&bench, &op).status, STATUS_LATE);
    bench.age_ms = op.young_ms;
    struct op_updated updated = bench_update(&bench, &op);
    assert_int_equal(updated.status, STATUS_OK);
    bench.age_ms = op.young_ms + 1; // known: whatever its age, it is the same write
    assert_true(dot_equal(bench_update(&bench, &op).dot, updated.dot));
    assert_int_equal(bench.store.counts.late, 2);
    bench_release(&bench);
}

static struct op_found find(struct bench *bench, const struct op_update *op, uint64_t try)
{
    struct buf body = {0};
    struct op_found found;
    struct op_find find = {.request = op->request, .try = try, .keyspace = 1, .key = op->key};
    op_encode_find(&find, &body);
    bench_tell(bench, MESSAGE_FIND, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_FOUND);
    assert_int_equal(op_decode_found(&found, &reader), STATUS_OK);
    return found;
}

TEST(the_try_that_asked_last_for_an_unknown_request_is_the_only_one_that_may_mint_it)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    op.try = 1;
    assert_int_equal(find(&bench, &op, 2).status, STATUS_NOT_FOUND);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_LATE);
    assert_int_equal(find(&bench, &op, 3).status, STATUS_NOT_FOUND);
    op.try = 2;
    assert_int_equal(bench_update(&bench, &op).status, STATUS_LATE);
    op.try = 3;
    struct dot dot = bench_update(&bench, &op).dot;
    struct op_found found = find(&bench, &op, 4);
    assert_int_equal(found.status, STATUS_OK);
    assert_int_equal(found.state, FIND_LIVE);
    assert_true(dot_equal(found.dot, dot));
    struct op_update other = bench_update_of(&bench, 2, "another");
    assert_int_equal(bench_update(&bench, &other).status, STATUS_OK);
    assert_int_equal(find(&bench, &op, 5).state, FIND_SUPERSEDED);
    bench_release(&bench);
}

TEST(a_store_says_since_when_it_would_know_a_request)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    bench.now.mono_ms += 5000;
    assert_int_equal(find(&bench, &op, 1).remembers_ms, 5000);
    bench.now.mono_ms += 2 * bench.options.request_memory_ms;
    assert_int_equal(find(&bench, &op, 1).remembers_ms, bench.options.request_memory_ms);
    bench_lose_power(&bench, 101); // with what was not durable
    bench.now.mono_ms += 700;
    assert_int_equal(find(&bench, &op, 1).remembers_ms, 700);
    loss_found_everywhere(&bench.store, "a test");
    assert_int_equal(loss_settle(&bench.store, bench.now), STATUS_OK);
    bench_sync_log(&bench);
    assert_int_equal(find(&bench, &op, 1).status, STATUS_LOST);
    for (uint32_t i = 0; i < bench.ring.partition_count; i++)
        (void)!convergence_accept_loss(&bench.store, RING_DEFAULT_KEYSPACE, i, bench.now);
    bench.now.mono_ms += 30;
    assert_int_equal(find(&bench, &op, 1).remembers_ms, 30);
    bench_release(&bench);
}

TEST(a_condition_that_was_not_met_is_not_met_by_a_copy_that_comes_later)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update value = bench_update_of(&bench, 1, "value");
    struct op_update op = bench_update_of(&bench, 2, "if absent"), delete = value;
    op.flags |= UPDATE_CONDITIONAL;
    op.try = 7;
    assert_int_equal(bench_update(&bench, &value).status, STATUS_OK);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_PRECONDITION);
    delete.request = (struct request_id){{3}};
    delete.flags = UPDATE_DELETE | UPDATE_BLIND;
    delete.value = (struct bytes){0};
    assert_int_equal(bench_update(&bench, &delete).status, STATUS_OK);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_LATE);
    op.try = 8; // the client asks again
    assert_int_equal(find(&bench, &op, op.try).status, STATUS_NOT_FOUND);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    bench_release(&bench);
}

TEST(an_update_tells_what_it_superseded)
{
    struct bench bench;
    struct superseded superseded;
    bench_init(&bench);
    struct op_update first = bench_update_of(&bench, 1, "first");
    struct op_update second = bench_update_of(&bench, 2, "second");
    struct dot dot = bench_update(&bench, &first).dot;
    struct op_updated updated = bench_update(&bench, &second);
    struct reader reader = reader_of(updated.requests);
    assert_true(superseded_next(&reader, &superseded));
    assert_true(dot_equal(superseded.dot, dot));
    assert_true(request_id_equal(&superseded.request, &first.request));
    assert_false(superseded_next(&reader, &superseded));
    bench_release(&bench);
}

// A record of one write of another store, on top of `clock`.
static void make_foreign(struct record *record, struct dot dot, uint8_t request)
{
    struct record_write write = {.dot = dot, .hlc = 50, .value = bytes_of_text("foreign")};
    memset(write.request.bytes, request, sizeof write.request.bytes);
    record_update(record, &write, false);
}

static struct op_merged validate(struct bench *bench, const struct record *record, struct dot dot,
                                 struct bytes requests)
{
    struct buf body = {0}, encoded = {0};
    struct op_merged merged;
    record_encode(record, bytes_of_text(bench->key), &encoded);
    struct op_merge op = {.keyspace = RING_DEFAULT_KEYSPACE,
                          .dot = dot,
                          .key = bytes_of_text(bench->key),
                          .requests = requests,
                          .record = buf_bytes(&encoded)};
    op_encode_merge(&op, &body);
    bench_tell(bench, MESSAGE_MERGE, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_MERGED);
    assert_int_equal(op_decode_merged(&merged, &reader), STATUS_OK);
    buf_release(&encoded);
    return merged;
}

TEST(a_merge_tells_what_was_here_that_the_write_has_not_seen)
{
    struct bench bench;
    struct record record = {0};
    struct clock told = {0};
    struct dot foreign = {7, 1};
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "here");
    struct op_updated updated = bench_update(&bench, &op);
    struct dot here = updated.dot;
    uint64_t hlc = updated.hlc;
    make_foreign(&record, foreign, 9);
    for (int time = 0; time < 2; time++) { // the second one finds both
        struct op_merged merged = validate(&bench, &record, foreign, (struct bytes){0});
        struct reader reader = reader_of(merged.told);
        assert_int_equal(clock_decode(&told, &reader), STATUS_OK);
        assert_true(clock_covers(&told, here));
        assert_int_equal(clock_covers(&told, foreign), time);
        assert_true(merged.hlc_told == hlc);
    }
    // One that is not to be validated, and one that covers what is here, hear nothing.
    assert_int_equal(validate(&bench, &record, (struct dot){0}, (struct bytes){0}).told.size, 0);
    clock_add(&record.clock, (struct interval){here.actor, here.counter, here.counter});
    assert_int_equal(validate(&bench, &record, foreign, (struct bytes){0}).told.size, 0);
    clock_release(&told);
    record_release(&record);
    bench_release(&bench);
}

TEST(the_id_of_a_superseded_write_that_never_came_here_is_known_from_its_superseder)
{
    struct bench bench;
    struct record record = {0};
    struct buf requests = {0};
    struct superseded superseded = {.dot = {7, 1}};
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 3, "repeated");
    superseded.request = op.request;
    superseded_append(&superseded, &requests);
    make_foreign(&record, (struct dot){7, 2}, 9);
    clock_add(&record.clock, (struct interval){7, 1, 1});
    validate(&bench, &record, (struct dot){7, 2}, buf_bytes(&requests));
    struct op_found found = find(&bench, &op, 1);
    assert_int_equal(found.state, FIND_SUPERSEDED);
    assert_true(dot_equal(found.dot, superseded.dot));
    buf_release(&requests);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_clock_that_names_dots_which_this_store_has_not_given_out_is_refused)
{
    struct bench bench;
    struct record record = {0};
    struct clock context = {0};
    struct buf encoded = {0};
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    uint64_t actor = bench_update(&bench, &op).dot.actor;
    clock_add(&context, (struct interval){actor, 1, (uint64_t)1 << 62});
    clock_encode(&context, &encoded);
    struct op_update forged = bench_update_of(&bench, 2, "forged");
    forged.flags = UPDATE_KEEP_SIBLINGS;
    forged.context = buf_bytes(&encoded);
    assert_int_equal(bench_update(&bench, &forged).status, STATUS_INVALID);
    make_foreign(&record, (struct dot){7, 1}, 9);
    clock_add(&record.clock, (struct interval){actor, 2, 2}); // its next one
    assert_int_equal(bench_merge(&bench, &record), STATUS_INVALID);
    assert_int_equal(bench.store.counts.forged, 2);
    struct op_update next = bench_update_of(&bench, 3, "next");
    assert_int_equal(bench_update(&bench, &next).status, STATUS_OK);
    bench_fetch(&bench, &record);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("next")));
    clock_release(&context);
    buf_release(&encoded);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_request_id_names_another_request_on_another_key)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update one = bench_update_of(&bench, 1, "one"),
                     two = bench_update_of(&bench, 2, "two");
    struct dot dot = bench_update(&bench, &one).dot;
    bench_update(&bench, &two); // the first is remembered as superseded
    assert_true(dot_equal(bench_update(&bench, &one).dot, dot));
    bench_choose_key(&bench, bench.store.node_index, true);
    struct op_update there = bench_update_of(&bench, 3, "there");
    one = bench_update_of(&bench, 1, "one");
    bench_update(&bench, &there);
    assert_int_equal(find(&bench, &one, 0).status, STATUS_NOT_FOUND);
    assert_int_equal(bench_update(&bench, &one).status, STATUS_OK);
    assert_int_equal(find(&bench, &one, 0).state, FIND_LIVE);
    bench_release(&bench);
}

TEST(a_request_that_comes_again_is_answered_with_the_record_and_writes_nothing)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    struct op_updated updated = bench_update(&bench, &op);
    struct dot dot = updated.dot;
    uint64_t hlc = updated.hlc, written = lsm_written(bench.store.lsm);
    updated = bench_update(&bench, &op);
    assert_true(dot_equal(updated.dot, dot) && updated.hlc == hlc);
    assert_int_equal(updated.requests.size, 0);
    struct record record = {0};
    assert_int_equal(record_decode(&record, op.key, updated.record), STATUS_OK);
    assert_non_null(record_find_dot(&record, dot));
    assert_int_equal(lsm_written(bench.store.lsm), written);
    assert_int_equal(bench.store.counts.repeated, 1);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_record_that_comes_again_writes_nothing)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    make_foreign(&record, (struct dot){7, 1}, 9);
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK);
    uint64_t written = lsm_written(bench.store.lsm);
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK);
    assert_int_equal(lsm_written(bench.store.lsm), written);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_merge_that_is_refused_tells_nevertheless)
{
    struct bench bench;
    struct record record = {0};
    static const char value[1000];
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "here");
    bench_update(&bench, &op);
    for (unsigned i = 1; i < 18; i++) {
        struct record_write write = {
            .dot = {7, i}, .keep_siblings = true, .value = bytes_of(value, sizeof value)};
        record_update(&record, &write, true);
    }
    struct op_merged merged = validate(&bench, &record, (struct dot){7, 17}, (struct bytes){0});
    assert_int_equal(merged.status, STATUS_TOO_LARGE);
    assert_true(merged.told.size > 0);
    assert_int_equal(bench.store.counts.told, 1);
    record_release(&record);
    bench_release(&bench);
}

TEST(where_the_last_write_wins_a_router_that_asks_hears_that_its_write_lost)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    bench.ring.keyspaces[0].conflict = RING_CONFLICT_LWW;
    struct op_update op = bench_update_of(&bench, 1, "lost");
    bench_update(&bench, &op);
    make_foreign(&record, (struct dot){7, 1}, 9);
    record.siblings[0].hlc = (bench.now.wall_ms + 1000) << 16;
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK);
    assert_int_equal(find(&bench, &op, op.try).state, FIND_BEATEN);
    assert_int_equal(bench.store.counts.lww_dropped, 1);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_stamp_of_another_store_is_followed_by_the_next_write_of_any_key)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    make_foreign(&record, (struct dot){7, 1}, 9);
    record.siblings[0].hlc = (bench.now.wall_ms + 1000) << 16;
    bench_merge(&bench, &record);
    bench_choose_key(&bench, bench.store.node_index, true);
    struct op_update op = bench_update_of(&bench, 1, "other key");
    assert_true(bench_update(&bench, &op).hlc > record.siblings[0].hlc);
    record_release(&record);
    bench_release(&bench);
}

TEST(the_shard_has_seen_every_dot_of_a_record_that_came)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    for (unsigned i = 1; i < 40; i++) {
        struct record_write write = {.dot = {7, i}, .keep_siblings = true};
        record_update(&record, &write, true);
    }
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK);
    const struct ledger_shard *shard = bench.store.holding.shard;
    assert_int_equal(seen_base(&shard->seen, 7), 39);
    record_release(&record);
    bench_release(&bench);
}

// What an UPDATE with a value of this size is answered with.
static bool is_answered_by_head(struct bench *bench, struct op_update *op, size_t size)
{
    struct buf value = {0};
    memset(buf_grow(&value, size), 'v', size);
    op->value = buf_bytes(&value);
    struct op_updated updated = bench_update(bench, op);
    struct record record = {0};
    assert_int_equal(updated.status, STATUS_OK);
    assert_int_equal(record_decode(&record, op->key, updated.record), STATUS_OK);
    assert_int_equal(record.head, updated.is_head);
    record_release(&record);
    buf_release(&value);
    return updated.is_head;
}

TEST(a_router_gets_no_large_value_back_that_it_has)
{
    struct bench bench;
    bench_init(&bench);
    bench.store.options.value_size_max = 2 * UPDATED_HEAD_VALUE_MIN;
    struct op_update op = bench_update_of(&bench, 1, "");
    op.flags |= UPDATE_TAKES_HEAD;
    assert_true(is_answered_by_head(&bench, &op, UPDATED_HEAD_VALUE_MIN));
    assert_false(is_answered_by_head(&bench, &op, UPDATED_HEAD_VALUE_MIN)); // a second time
    op = bench_update_of(&bench, 2, "");
    op.flags |= UPDATE_TAKES_HEAD;
    assert_false(is_answered_by_head(&bench, &op, UPDATED_HEAD_VALUE_MIN - 1));
    op = bench_update_of(&bench, 4, ""); // of a router that is older
    assert_false(is_answered_by_head(&bench, &op, UPDATED_HEAD_VALUE_MIN));
    op = bench_update_of(&bench, 3, "");
    op.flags =
        UPDATE_KEEP_SIBLINGS | UPDATE_TAKES_HEAD; // there is another value that it does not have
    assert_false(is_answered_by_head(&bench, &op, UPDATED_HEAD_VALUE_MIN));
    bench_release(&bench);
}
