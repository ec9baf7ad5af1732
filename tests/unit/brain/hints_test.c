// What a router asks of fallbacks, and what it makes of their replies.
#include "unit/brain/router_ops.h"

#include "dkv-router/dispatch.h"
#include "wire/hint.h"

enum { FIVE = 5 };

// A cluster of five, all of whose hintds answer, and the owners of "key" in it.
struct five {
    struct bench bench;
    struct ring_route route; // three owners, then both fallbacks
};

static void start_five(struct five *five)
{
    init_of(&five->bench, FIVE, 0);
    struct ring *ring = &five->bench.ring;
    const struct ring_keyspace *keyspace = ring_keyspace(ring, RING_DEFAULT_KEYSPACE);
    uint64_t token = ring_token(keyspace->id, bytes_of_text("key"));
    ring_route(&five->route, ring, keyspace, ring_partition(ring, token));
    ring_route_add_fallbacks(&five->route, ring, FIVE);
    assert_int_equal(five->route.count, FIVE);
    for (uint32_t i = 0; i < FIVE; i++)
        welcome(&five->bench, HINTD + i);
}

static link_id store_of(const struct five *five, unsigned owner)
{
    return five->route.nodes[owner];
}

static link_id hintd_of(const struct five *five, unsigned fallback)
{
    return HINTD + five->route.nodes[3 + fallback];
}

static uint64_t node_of(const struct five *five, unsigned owner)
{
    return five->bench.ring.nodes[five->route.nodes[owner]].id;
}

static void lose(struct five *five, link_id link)
{
    outbox_clear(&five->bench.outbox);
    dispatch_on_lost(&five->bench.router, link, five->bench.now, &five->bench.outbox);
}

static void pass(struct five *five, uint64_t ms)
{
    five->bench.now.mono_ms += ms;
    outbox_clear(&five->bench.outbox);
    dispatch_on_tick(&five->bench.router, five->bench.now, &five->bench.outbox);
}

static bool said_hint(const struct five *five, unsigned fallback, struct op_hint *hint)
{
    struct reader body;
    if (!said(&five->bench, hintd_of(five, fallback), MESSAGE_HINT, &body))
        return false;
    assert_int_equal(op_decode_hint(hint, &body), STATUS_OK);
    return true;
}

static void hinted(struct five *five, unsigned fallback, const struct op_hinted *op)
{
    struct buf body = {0};
    op_encode_hinted(op, &body);
    tell(&five->bench, hintd_of(five, fallback), MESSAGE_HINTED, &body);
}

// What a coordinator, of whatever service, minted for a put of `value`.
static void updated(struct five *five, link_id link, uint64_t id, struct dot dot, const char *value,
                    bool is_head)
{
    struct buf body = {0}, encoded = {0};
    struct record record = {0};
    struct record_write one = {
        .dot = dot, .hlc = 10, .request = {{1}}, .value = bytes_of_text(value)};
    record_update(&record, &one, false);
    if (is_head)
        record_encode_head(&record, bytes_of_text("key"), &encoded);
    else
        record_encode(&record, bytes_of_text("key"), &encoded);
    struct op_updated op = {
        .id = id, .dot = dot, .hlc = 10, .record = buf_bytes(&encoded), .is_head = is_head};
    op_encode_updated(&op, &body);
    tell(&five->bench, link, MESSAGE_UPDATED, &body);
    buf_release(&encoded);
    record_release(&record);
}

static uint64_t id_of_update(const struct five *five, link_id store)
{
    struct reader body;
    struct op_update update;
    assert_true(said(&five->bench, store, MESSAGE_UPDATE, &body));
    assert_int_equal(op_decode_update(&update, &body), STATUS_OK);
    return update.id;
}

static void assert_is_record_of(struct bytes encoded, const char *value)
{
    struct record record = {0};
    assert_int_equal(record_decode(&record, bytes_of_text("key"), encoded), STATUS_OK);
    assert_false(record.head);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text(value)));
    record_release(&record);
}

TEST(owners_that_are_down_get_hints_and_the_answer_counts_them)
{
    struct five five;
    struct op_hint hints[2];
    start_five(&five);
    welcome(&five.bench, store_of(&five, 1));
    put(&five.bench, 0);
    uint64_t id = id_of_update(&five, store_of(&five, 1));
    updated(&five, store_of(&five, 1), id, (struct dot){9, 1}, "value", false);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(said_hint(&five, i, &hints[i]));
        assert_is_record_of(hints[i].record, "value");
        assert_int_equal(hints[i].dot.counter, 1); // to be validated
    }
    assert_true(hints[0].target == node_of(&five, 0) && hints[1].target == node_of(&five, 2));
    durable(&five.bench, (uint32_t)store_of(&five, 1), id);
    hinted(&five, 1, &(struct op_hinted){.id = hints[1].id, .target = 77});
    assert_int_equal(five.bench.outbox.count, 0); // for no owner of this key
    hinted(&five, 1, &(struct op_hinted){.id = hints[1].id, .target = hints[1].target});
    struct op_put_done done = put_answer(&five.bench);
    assert_int_equal(done.status, STATUS_OK);
    assert_int_equal(done.acked, 2);
    assert_int_equal(done.hinted, 1);
    release(&five.bench);
}

TEST(a_put_with_all_owners_asks_no_fallback)
{
    struct five five;
    struct op_hint hint;
    start_five(&five);
    for (unsigned i = 0; i < 3; i++)
        welcome(&five.bench, store_of(&five, i));
    put(&five.bench, 0);
    uint64_t id = id_of_update(&five, store_of(&five, 0));
    updated(&five, store_of(&five, 0), id, (struct dot){9, 1}, "value", false);
    assert_false(said_hint(&five, 0, &hint) || said_hint(&five, 1, &hint));
    durable(&five.bench, (uint32_t)store_of(&five, 0), id);
    merged(&five.bench, (uint32_t)store_of(&five, 1), &(struct op_merged){.id = id});
    assert_true(put_done(&five.bench, STATUS_OK));
    assert_int_equal(five.bench.router.counts.hints, 0);
    release(&five.bench);
}

TEST(an_owner_that_is_late_gets_a_hint_after_the_answer_of_the_whole_record)
{
    struct five five;
    struct op_hint hint;
    start_five(&five);
    for (unsigned i = 0; i < 3; i++)
        welcome(&five.bench, store_of(&five, i));
    put(&five.bench, PUT_KEEP_SIBLINGS);
    uint64_t id = id_of_update(&five, store_of(&five, 0));
    updated(&five, store_of(&five, 0), id, (struct dot){9, 1}, "value", true); // its head
    durable(&five.bench, (uint32_t)store_of(&five, 0), id);
    merged(&five.bench, (uint32_t)store_of(&five, 1), &(struct op_merged){.id = id});
    assert_true(put_done(&five.bench, STATUS_OK));
    pass(&five, 200);
    assert_false(said_hint(&five, 0, &hint));
    pass(&five, 60); // half of the time that the client gave: 500 ms
    assert_true(said_hint(&five, 0, &hint));
    assert_int_equal(hint.target, node_of(&five, 2));
    assert_is_record_of(hint.record, "value");
    assert_int_equal(five.bench.router.flights.count, 1);
    hinted(&five, 0, &(struct op_hinted){.id = id, .target = hint.target});
    merged(&five.bench, (uint32_t)store_of(&five, 2), &(struct op_merged){.id = id});
    assert_int_equal(five.bench.router.flights.count, 0);
    release(&five.bench);
}

TEST(a_hintd_that_is_lost_or_full_is_followed_by_another)
{
    struct five five;
    struct op_hint hint;
    start_five(&five);
    welcome(&five.bench, store_of(&five, 0));
    welcome(&five.bench, store_of(&five, 1));
    put(&five.bench, PUT_KEEP_SIBLINGS);
    uint64_t id = id_of_update(&five, store_of(&five, 0));
    updated(&five, store_of(&five, 0), id, (struct dot){9, 1}, "value", false);
    assert_true(said_hint(&five, 0, &hint));
    lose(&five, hintd_of(&five, 0));
    assert_true(said_hint(&five, 1, &hint));
    durable(&five.bench, (uint32_t)store_of(&five, 0), id);
    hinted(&five, 1,
           &(struct op_hinted){.id = id, .target = hint.target, .status = STATUS_DISK_FULL});
    assert_int_equal(five.bench.outbox.count, 0);
    merged(&five.bench, (uint32_t)store_of(&five, 1), &(struct op_merged){.id = id});
    assert_true(put_done(&five.bench, STATUS_OK));
    release(&five.bench);
}

TEST(where_no_owner_answers_a_fallback_mints_for_all_of_them)
{
    struct five five;
    struct reader body;
    struct op_hint_update update;
    struct op_hint hint;
    start_five(&five);
    put(&five.bench, 0);
    assert_true(said(&five.bench, hintd_of(&five, 0), MESSAGE_HINT_UPDATE, &body));
    assert_int_equal(op_decode_hint_update(&update, &body), STATUS_OK);
    assert_int_equal(update.targets.size, 3 * sizeof(uint64_t));
    for (unsigned i = 0; i < 3; i++) {
        uint64_t owner = node_of(&five, i);
        assert_memory_equal(update.targets.data + i * sizeof owner, &owner, sizeof owner);
    }
    assert_int_equal(update.update.flags & UPDATE_BLIND, UPDATE_BLIND);
    uint64_t id = update.update.id;
    updated(&five, hintd_of(&five, 0), id, (struct dot){9, 1}, "value", false);
    assert_true(said_hint(&five, 1, &hint));
    durable(&five.bench, (uint32_t)hintd_of(&five, 0), id);
    // What the second one holds for that owner is superseded before the answer.
    struct clock clock = {0};
    struct buf told = {0};
    clock_add(&clock, (struct interval){7, 3, 3});
    clock_encode(&clock, &told);
    hinted(&five, 1,
           &(struct op_hinted){
               .id = id, .target = hint.target, .hlc_told = 99, .told = buf_bytes(&told)});
    assert_true(said(&five.bench, hintd_of(&five, 0), MESSAGE_HINT_UPDATE, &body));
    assert_int_equal(op_decode_hint_update(&update, &body), STATUS_OK);
    assert_int_equal(update.update.flags & UPDATE_AGAIN, UPDATE_AGAIN);
    assert_true(update.update.hlc_floor == 100);
    // On top of what was told, and of its own first record, which it may have lost.
    struct reader context = reader_of(update.update.context);
    assert_int_equal(clock_decode(&clock, &context), STATUS_OK);
    assert_true(clock_covers(&clock, (struct dot){7, 3}) &&
                clock_covers(&clock, (struct dot){9, 1}));
    id = update.update.id;
    updated(&five, hintd_of(&five, 0), id, (struct dot){9, 2}, "value", false);
    assert_true(said_hint(&five, 1, &hint));
    assert_true(hint.id == id);
    durable(&five.bench, (uint32_t)hintd_of(&five, 0), id);
    hinted(&five, 1, &(struct op_hinted){.id = id, .target = hint.target});
    struct op_put_done done = put_answer(&five.bench);
    assert_int_equal(done.status, STATUS_OK);
    assert_true(done.acked == 2 && done.hinted == 2);
    buf_release(&told);
    clock_release(&clock);
    release(&five.bench);
}

TEST(a_fallback_is_not_asked_to_judge_a_condition)
{
    struct five five;
    start_five(&five);
    put(&five.bench, PUT_CONDITIONAL);
    assert_true(put_done(&five.bench, STATUS_UNAVAILABLE));
    release(&five.bench);
}

TEST(a_put_that_too_few_nodes_can_take_is_refused_and_says_who_did_not_answer)
{
    struct five five;
    char why[200] = {0};
    start_five(&five);
    lose(&five, hintd_of(&five, 0));
    put(&five.bench, 0);
    struct op_put_done done = put_answer(&five.bench);
    assert_int_equal(done.status, STATUS_UNAVAILABLE);
    memcpy(why, done.text.data, done.text.size < sizeof why ? done.text.size : sizeof why - 1);
    assert_non_null(strstr(why, "(does not answer); or hints with n"));
    put(&five.bench, PUT_STRICT);
    done = put_answer(&five.bench);
    assert_int_equal(done.status, STATUS_UNAVAILABLE);
    memset(why, 0, sizeof why);
    memcpy(why, done.text.data, done.text.size < sizeof why ? done.text.size : sizeof why - 1);
    assert_null(strstr(why, "hints"));
    release(&five.bench);
}

TEST(a_repeated_put_asks_hintds_for_its_first_try)
{
    struct five five;
    struct reader body;
    start_five(&five);
    for (unsigned i = 0; i < 3; i++)
        welcome(&five.bench, store_of(&five, i));
    put(&five.bench, PUT_RETRY);
    for (unsigned i = 0; i < 2; i++)
        assert_true(said(&five.bench, hintd_of(&five, i), MESSAGE_FIND, &body));
    put(&five.bench, PUT_RETRY | PUT_STRICT);
    assert_false(said(&five.bench, hintd_of(&five, 0), MESSAGE_FIND, &body));
    release(&five.bench);
}

// ---- reads -----------------------------------------------------------------------------

static uint64_t id_of_fetch(const struct five *five, link_id link)
{
    struct reader body;
    struct op_fetch fetch;
    assert_true(said(&five->bench, link, MESSAGE_FETCH, &body));
    assert_int_equal(op_decode_fetch(&fetch, &body), STATUS_OK);
    assert_false(fetch.head);
    return fetch.id;
}

static void get_with(struct five *five, uint8_t flags)
{
    struct buf body = {0};
    op_encode_get(&(struct op_get){.id = 7, .flags = flags, .key = bytes_of_text("key")}, &body);
    tell(&five->bench, CLIENT, MESSAGE_GET, &body);
}

static struct op_got got(const struct five *five)
{
    struct reader body;
    struct op_got got;
    assert_true(said(&five->bench, CLIENT, MESSAGE_GOT, &body));
    assert_int_equal(op_decode_got(&got, &body), STATUS_OK);
    return got;
}

static void fetched_from(struct five *five, link_id link, uint64_t id, const char *value)
{
    struct buf body = {0}, encoded = {0};
    struct record record = {0};
    struct record_write one = {.dot = {9, 1}, .hlc = 10, .value = bytes_of_text(value)};
    record_update(&record, &one, false);
    record_encode(&record, bytes_of_text("key"), &encoded);
    op_encode_fetched(&(struct op_fetched){.id = id, .record = buf_bytes(&encoded)}, &body);
    tell(&five->bench, link, MESSAGE_FETCHED, &body);
    buf_release(&encoded);
    record_release(&record);
}

TEST(a_get_joins_what_hintds_keep_where_owners_are_down_and_repairs_the_owner_that_is_there)
{
    struct five five;
    struct reader body;
    start_five(&five);
    welcome(&five.bench, store_of(&five, 2));
    get_with(&five, 0);
    uint64_t id = id_of_fetch(&five, store_of(&five, 2));
    assert_true(id_of_fetch(&five, hintd_of(&five, 0)) == id);
    assert_true(id_of_fetch(&five, hintd_of(&five, 1)) == id);
    fetched(&five.bench, (uint32_t)store_of(&five, 2), id, STATUS_NOT_FOUND);
    fetched(&five.bench, (uint32_t)hintd_of(&five, 0), id, STATUS_NOT_FOUND);
    assert_int_equal(five.bench.outbox.count, 0);
    fetched_from(&five, hintd_of(&five, 1), id, "value");
    assert_int_equal(got(&five).status, STATUS_OK);
    assert_int_equal(got(&five).replied, 3);
    assert_is_record_of(got(&five).record, "value");
    assert_true(said(&five.bench, store_of(&five, 2), MESSAGE_MERGE, &body));
    assert_false(said(&five.bench, hintd_of(&five, 0), MESSAGE_MERGE, &body));
    release(&five.bench);
}

TEST(a_strict_get_asks_owners_alone)
{
    struct five five;
    struct reader body;
    start_five(&five);
    welcome(&five.bench, store_of(&five, 2));
    get_with(&five, GET_STRICT);
    assert_int_equal(got(&five).status, STATUS_UNAVAILABLE);
    assert_false(said(&five.bench, hintd_of(&five, 0), MESSAGE_FETCH, &body));
    release(&five.bench);
}

TEST(a_get_goes_on_with_hintds_when_its_owners_are_lost)
{
    struct five five;
    start_five(&five);
    welcome(&five.bench, store_of(&five, 0));
    welcome(&five.bench, store_of(&five, 1));
    get_with(&five, 0);
    lose(&five, store_of(&five, 0));
    uint64_t id = id_of_fetch(&five, hintd_of(&five, 0));
    fetched_from(&five, hintd_of(&five, 0), id, "value");
    lose(&five, store_of(&five, 1));
    fetched_from(&five, hintd_of(&five, 1), id, "value");
    assert_int_equal(got(&five).status, STATUS_OK);
    release(&five.bench);
}
