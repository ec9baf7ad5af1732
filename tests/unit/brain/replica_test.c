// What a store mints and merges: one try at a time, validated, and nothing forged.
#include "unit/brain/store_bench.h"

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

TEST(who_asks_last_for_an_unknown_request_is_the_only_one_that_may_mint_it)
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

TEST(a_second_dot_covers_what_its_context_says_and_is_minted_once)
{
    struct bench bench;
    struct record record = {0};
    struct clock context = {0};
    struct buf encoded = {0};
    struct dot foreign = {7, 1}, other = {8, 1};
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "mine");
    struct dot first = bench_update(&bench, &op).dot;
    make_foreign(&record, foreign, 9);
    bench_merge(&bench, &record);
    record_clear(&record);
    make_foreign(&record, other, 10);
    bench_merge(&bench, &record);
    clock_add(&context, (struct interval){foreign.actor, 1, 1});
    clock_add(&context, (struct interval){first.actor, first.counter, first.counter});
    clock_encode(&context, &encoded);
    op.flags = UPDATE_AGAIN;
    op.context = buf_bytes(&encoded);
    struct op_updated again = bench_update(&bench, &op);
    assert_int_equal(again.status, STATUS_OK);
    struct dot second = again.dot;
    assert_false(dot_equal(second, first));
    assert_true(dot_equal(bench_update(&bench, &op).dot, second)); // it came twice
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 2); // `other` was written at the same time
    assert_non_null(record_find_dot(&record, second));
    assert_non_null(record_find_dot(&record, other));
    // Once it is superseded, there is nothing to follow up.
    struct op_update later = bench_update_of(&bench, 2, "later");
    bench_update(&bench, &later);
    bench_update(&bench, &op);
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("later")));
    clock_release(&context);
    buf_release(&encoded);
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

// Two tries of one request were obeyed: `mine` here, and another one elsewhere.
static struct dot make_twin(struct bench *bench, struct op_update *mine)
{
    *mine = bench_update_of(bench, 3, "twin");
    return bench_update(bench, mine).dot;
}

TEST(who_has_seen_one_try_of_a_write_replaces_what_another_one_left_here)
{
    struct bench bench;
    struct record record = {0};
    struct clock context = {0};
    struct buf encoded = {0};
    struct op_update twin;
    bench_init(&bench);
    make_twin(&bench, &twin);
    clock_add(&context, (struct interval){7, 1, 1}); // what it has seen was made elsewhere
    clock_encode(&context, &encoded);
    struct op_update next = bench_update_of(&bench, 4, "next");
    next.flags = UPDATE_KEEP_SIBLINGS;
    next.context = buf_bytes(&encoded);
    next.seen = bytes_of(twin.request.bytes, sizeof twin.request.bytes);
    bench_update(&bench, &next);
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("next")));
    clock_release(&context);
    buf_release(&encoded);
    record_release(&record);
    bench_release(&bench);
}

// A write that another owner alone has, as its second dot: the context names the first one.
TEST(what_a_context_has_seen_is_superseded_where_its_coordinator_never_had_it)
{
    struct bench bench;
    struct record record = {0};
    struct clock context = {0};
    struct buf encoded = {0}, requests = {0};
    struct superseded told;
    bench_init(&bench);
    struct op_update seen = bench_update_of(&bench, 3, "seen");
    struct op_update next = bench_update_of(&bench, 4, "next");
    clock_add(&context, (struct interval){7, 1, 1});
    clock_encode(&context, &encoded);
    next.flags = UPDATE_KEEP_SIBLINGS;
    next.context = buf_bytes(&encoded);
    next.seen = bytes_of(seen.request.bytes, sizeof seen.request.bytes);
    struct op_updated updated = bench_update(&bench, &next);
    buf_set(&requests, updated.requests);
    struct reader list = reader_of(buf_bytes(&requests));
    assert_true(superseded_next(&list, &told));
    assert_true(request_id_equal(&told.request, &seen.request));
    assert_int_equal(told.dot.counter, 0);
    assert_false(superseded_next(&list, &told));
    assert_int_equal(find(&bench, &seen, 1).state, FIND_SUPERSEDED); // here it is known from now on
    // And there, where it is live.
    bench_choose_key(&bench, bench.store.node_index, true);
    seen = bench_update_of(&bench, 3, "seen");
    bench_update(&bench, &seen);
    make_foreign(&record, (struct dot){7, 2}, 9);
    record.siblings[0].hlc = UINT64_MAX / 2;
    validate(&bench, &record, (struct dot){0}, buf_bytes(&requests));
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("foreign")));
    clock_release(&context);
    buf_release(&encoded);
    buf_release(&requests);
    record_release(&record);
    bench_release(&bench);
}

TEST(what_a_merged_write_superseded_goes_here_as_well_if_another_try_made_it)
{
    struct bench bench;
    struct record record = {0};
    struct buf requests = {0};
    struct op_update twin;
    bench_init(&bench);
    struct dot mine = make_twin(&bench, &twin);
    superseded_append(&(struct superseded){{7, 1}, twin.request}, &requests);
    make_foreign(&record, (struct dot){7, 2}, 9);
    record.siblings[0].hlc = UINT64_MAX / 2; // later than what it superseded
    clock_add(&record.clock, (struct interval){7, 1, 1});
    struct op_merged merged = validate(&bench, &record, (struct dot){7, 2}, buf_bytes(&requests));
    assert_true(merged.told.size > 0); // so that the others hear of it, too
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(clock_covers(&record.clock, mine));
    // A second dot supersedes the first of its own request: that one comes again and stays.
    bench_choose_key(&bench, bench.store.node_index, true);
    record_clear(&record);
    make_foreign(&record, (struct dot){7, 2}, 3);
    clock_add(&record.clock, (struct interval){7, 1, 1});
    for (int time = 0; time < 2; time++)
        validate(&bench, &record, (struct dot){0}, buf_bytes(&requests));
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    buf_release(&requests);
    record_release(&record);
    bench_release(&bench);
}

// A try of each of two writes superseded one of the other: {mine} is here, which superseded a try
// of theirs; theirs comes, which superseded one of mine. The greater one stays.
static void supersede_one_another(bool is_mine_greater)
{
    struct bench bench;
    struct record record = {0};
    struct buf requests = {0};
    struct op_update theirs, mine, never;
    bench_init(&bench);
    make_twin(&bench, &theirs);
    mine = bench_update_of(&bench, 4, "mine");
    never = bench_update_of(&bench, 5, "never came here");
    bench_update(&bench, &mine);
    superseded_append(&(struct superseded){{7, 1}, never.request}, &requests);
    superseded_append(&(struct superseded){{7, 2}, mine.request}, &requests);
    struct record_write other_try = {.dot = {7, 3},
                                     .hlc = is_mine_greater ? 50 : UINT64_MAX / 2,
                                     .request = theirs.request,
                                     .value = bytes_of_text("theirs")};
    record_update(&record, &other_try, false);
    clock_add(&record.clock, (struct interval){7, 1, 2});
    validate(&bench, &record, other_try.dot, buf_bytes(&requests));
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(
        bytes_equal(record.siblings[0].value, bytes_of_text(is_mine_greater ? "mine" : "theirs")));
    assert_int_equal(find(&bench, &never, 1).state, FIND_SUPERSEDED);
    assert_int_equal(find(&bench, &mine, 1).state, is_mine_greater ? FIND_LIVE : FIND_SUPERSEDED);
    buf_release(&requests);
    record_release(&record);
    bench_release(&bench);
}

TEST(of_writes_whose_tries_superseded_one_another_the_greater_one_stays)
{
    supersede_one_another(true);
    supersede_one_another(false);
}

// A reader has met both and repairs: beside what is here stands another try of what that
// superseded.
TEST(another_try_of_a_superseded_write_goes_also_if_it_comes_with_its_superseder)
{
    struct bench bench;
    struct record record = {0};
    struct op_update twin;
    bench_init(&bench);
    make_twin(&bench, &twin);
    struct op_update later = bench_update_of(&bench, 4, "later");
    bench_update(&bench, &later);
    bench_fetch(&bench, &record);
    struct record_write other_try = {.dot = {7, 3},
                                     .hlc = 50,
                                     .keep_siblings = true,
                                     .request = twin.request,
                                     .value = bytes_of_text("another try")};
    record_update(&record, &other_try, false);
    assert_int_equal(record.count, 2);
    bench_merge(&bench, &record);
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("later")));
    assert_true(clock_covers(&record.clock, other_try.dot));
    record_release(&record);
    bench_release(&bench);
}

// Adds siblings of 1 KB to the record.
static void add_siblings(struct record *record, uint64_t actor, unsigned count)
{
    static const char value[1000];
    for (unsigned i = 0; i < count; i++) {
        struct record_write write = {.dot = {actor, i + 1},
                                     .hlc = i,
                                     .keep_siblings = true,
                                     .value = bytes_of(value, sizeof value)};
        record_update(record, &write, true);
    }
}

TEST(a_merge_that_never_fits_says_so_and_the_key_can_be_read_and_deleted)
{
    struct bench bench;
    struct record record = {0}, other = {0};
    struct buf encoded = {0};
    bench_init(&bench);
    add_siblings(&record, 7, 9);
    add_siblings(&other, 8, 9);
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK);
    assert_int_equal(bench_merge(&bench, &other), STATUS_TOO_LARGE);
    assert_int_equal(validate(&bench, &other, (struct dot){8, 9}, (struct bytes){0}).status,
                     STATUS_TOO_LARGE);
    assert_int_equal(bench.store.counts.told, 1);
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 9);
    record_join(&record, &other); // as a reader sees it, who deletes it
    clock_encode(&record.clock, &encoded);
    struct op_update op = bench_update_of(&bench, 1, "");
    op.flags = UPDATE_DELETE | UPDATE_KEEP_SIBLINGS;
    op.context = buf_bytes(&encoded);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    assert_int_equal(bench_merge(&bench, &other), STATUS_OK);
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    buf_release(&encoded);
    record_release(&record);
    record_release(&other);
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

TEST(where_the_last_write_wins_one_that_lost_is_known_and_its_second_dot_wins)
{
    struct bench bench;
    struct record record = {0};
    struct clock met = {0};
    struct buf context = {0};
    struct dot winner = {7, 1};
    bench_init(&bench);
    bench.ring.keyspaces[0].conflict = RING_CONFLICT_LWW;
    struct op_update op = bench_update_of(&bench, 1, "lost");
    bench_update(&bench, &op);
    make_foreign(&record, winner, 9);
    record.siblings[0].hlc = (bench.now.wall_ms + 1000) << 16;
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK);
    assert_int_equal(find(&bench, &op, op.try).state, FIND_BEATEN);
    clock_add(&met, (struct interval){winner.actor, winner.counter, winner.counter});
    clock_encode(&met, &context);
    op.flags = UPDATE_AGAIN;
    op.context = buf_bytes(&context);
    struct dot second = bench_update(&bench, &op).dot;
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(dot_equal(record.siblings[0].dot, second));
    clock_release(&met);
    buf_release(&context);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_key_takes_no_more_siblings_than_the_limit)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    for (uint64_t i = 1; i < RECORD_SIBLINGS_MAX; i++) {
        struct record_write write = {.dot = {7, i}, .request = {{1}}, .keep_siblings = true};
        record_update(&record, &write, i > 1);
    }
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK);
    struct op_update last = bench_update_of(&bench, 2, "v"), more = bench_update_of(&bench, 3, "v");
    last.flags = more.flags = UPDATE_KEEP_SIBLINGS;
    assert_int_equal(bench_update(&bench, &last).status, STATUS_OK);
    assert_int_equal(bench_update(&bench, &more).status, STATUS_SIBLING_CAP);
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, RECORD_SIBLINGS_MAX);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_stamp_from_far_ahead_moves_its_own_key_alone)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    uint64_t limit = (bench.now.wall_ms + bench.options.clock_refuse_ms) << 16 | 0xffff;
    struct op_update op = bench_update_of(&bench, 1, "value");
    op.hlc_floor = (uint64_t)1 << 61; // of what its context covers
    assert_true(bench_update(&bench, &op).hlc >= op.hlc_floor);
    make_foreign(&record, (struct dot){7, 1}, 9);
    record.siblings[0].hlc = (uint64_t)1 << 62;
    bench_merge(&bench, &record);
    struct op_update over = bench_update_of(&bench, 2, "over");
    assert_true(bench_update(&bench, &over).hlc > (uint64_t)1 << 62); // it won against that
    bench_choose_key(&bench, bench.store.node_index, true);
    struct op_update other = bench_update_of(&bench, 3, "other key");
    assert_true(bench_update(&bench, &other).hlc <= limit + 2);
    record_release(&record);
    bench_release(&bench);
}

TEST(the_coordinator_makes_the_expiry_from_a_duration)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    op.ttl_ms = 5000;
    bench_update(&bench, &op);
    bench_fetch(&bench, &record);
    assert_true(record.siblings[0].expires_ms == bench.now.wall_ms + 5000);
    record_release(&record);
    bench_release(&bench);
}
