// Records: the join, writes and what they supersede, last-writer-wins, what is seen.
#include "unit/causal/record_model.h"

#include "base/hash.h"
#include "causal/hlc.h"

static const struct dot a1 = {1, 1}, a2 = {1, 2}, b1 = {2, 1}, c1 = {3, 1};

static void assert_siblings(const struct record *record, size_t count, struct dot first,
                            struct dot second)
{
    assert_int_equal(record->count, count);
    if (count > 0)
        assert_true(dot_equal(record->siblings[0].dot, first));
    if (count > 1)
        assert_true(dot_equal(record->siblings[1].dot, second));
}

// ---- join ----------------------------------------------------------------------------

static void assert_is(const struct record *record, const struct model *model)
{
    uint32_t live = 0;
    for (int i = 0; i < DOTS; i++) {
        const struct sibling *sibling = record_find_dot(record, dot_at(i));
        assert_int_equal(sibling != NULL, model->fates[i] == LIVE);
        assert_int_equal(clock_covers(&record->clock, dot_at(i)), model->fates[i] != UNKNOWN);
        if (sibling)
            assert_int_equal(sibling->value.data[0], "0123456789abcde"[i]);
        live += sibling != NULL;
    }
    assert_int_equal(record->count, live);
    for (uint32_t i = 1; i < record->count; i++)
        assert_true(dot_compare(record->siblings[i - 1].dot, record->siblings[i].dot) < 0);
}

TEST(join_is_commutative_associative_and_idempotent)
{
    struct random random;
    random_init(&random, 1);
    struct record a = {0}, b = {0}, c = {0}, left = {0}, right = {0};
    for (int round = 0; round < 3000; round++) {
        struct model x = random_model(&random), y = random_model(&random);
        struct model z = random_model(&random), xy = join(&x, &y), xyz = join(&xy, &z);
        build(&a, &x);
        build(&b, &y);
        build(&c, &z);

        record_copy(&left, &a);
        record_join(&left, &b);
        assert_is(&left, &xy);
        record_copy(&right, &b);
        record_join(&right, &a);
        assert_true(record_same_versions(&left, &right));

        record_join(&left, &c); // (a b) c
        assert_is(&left, &xyz);
        record_join(&c, &b); // a (c b)
        record_join(&a, &c);
        assert_true(record_same_versions(&left, &a));
        record_join(&left, &left);
        record_join(&left, &b);
        assert_is(&left, &xyz);
    }
    record_release(&a);
    record_release(&b);
    record_release(&c);
    record_release(&left);
    record_release(&right);
    record_release(&right);
}

TEST(a_record_includes_another_if_joining_it_changes_nothing)
{
    struct random random;
    random_init(&random, 2);
    struct record a = {0}, b = {0}, both = {0};
    int included = 0;
    for (int round = 0; round < 4000; round++) {
        struct model x = random_model(&random), y = random_model(&random);
        if (round % 2)
            x = join(&x, &y);
        build(&a, &x);
        build(&b, &y);
        record_copy(&both, &a);
        record_join(&both, &b);
        assert_int_equal(record_includes(&a, &b), record_same_versions(&a, &both));
        included += record_includes(&a, &b);
    }
    assert_true(included >= 2000);
    record_release(&a);
    record_release(&b);
    record_release(&both);
}

TEST(joining_with_nothing_changes_nothing)
{
    struct record record = {0}, empty = {0};
    assert_true(record_is_empty(&empty));
    struct record_write write = blind(a1);
    record_update(&record, &write, false);
    record_join(&record, &empty);
    assert_siblings(&record, 1, a1, a1);
    record_join(&empty, &record);
    assert_true(record_same_versions(&record, &empty));
    record_release(&record);
    record_release(&empty);
}

// ---- writes --------------------------------------------------------------------------

static void write_concurrently(struct record *record) // {a1, b1}
{
    struct record_write write = blind(a1);
    record_update(record, &write, false);
    write = blind(b1);
    write.keep_siblings = true;
    record_update(record, &write, false);
    assert_siblings(record, 2, a1, b1);
}

TEST(a_blind_write_supersedes_all_that_the_record_holds)
{
    struct record record = {0};
    write_concurrently(&record);
    struct record_write write = blind(a2);
    record_update(&record, &write, true);
    assert_siblings(&record, 1, a2, a2);
    assert_true(clock_covers(&record.clock, a1) && clock_covers(&record.clock, b1));
    record_release(&record);
}

TEST(a_write_with_a_context_supersedes_what_the_context_covers)
{
    struct record record = {0};
    struct clock context = {0};
    write_concurrently(&record);
    clock_add(&context, (struct interval){2, 1, 1});
    struct record_write write = blind(c1);
    write.context = &context;
    record_update(&record, &write, true);
    assert_siblings(&record, 2, a1, c1);
    record_release(&record);
    clock_release(&context);
}

TEST(an_empty_context_supersedes_nothing)
{
    struct record record = {0};
    struct clock context = {0};
    write_concurrently(&record);
    struct record_write write = blind(c1);
    write.context = &context;
    record_update(&record, &write, true);
    assert_int_equal(record.count, 3);
    record_release(&record);
}

TEST(a_write_that_keeps_siblings_supersedes_only_what_its_context_covers)
{
    struct record record = {0};
    struct clock context = {0};
    write_concurrently(&record);
    struct record_write write = blind(c1);
    write.keep_siblings = true;
    record_update(&record, &write, true);
    assert_int_equal(record.count, 3);
    clock_copy(&context, &record.clock);
    write = blind(a2);
    write.keep_siblings = true;
    write.context = &context;
    record_update(&record, &write, true);
    assert_siblings(&record, 1, a2, a2);
    record_release(&record);
    clock_release(&context);
}

TEST(a_context_supersedes_what_the_coordinator_never_held)
{
    struct record here = {0}, there = {0};
    struct record_write write = blind(b1);
    record_update(&there, &write, false);
    write = blind(a1);
    write.context = &there.clock;
    record_update(&here, &write, false);
    record_join(&there, &here);
    assert_siblings(&there, 1, a1, a1);
    record_release(&here);
    record_release(&there);
}

// Counter 2 was given to another key meanwhile, so the longer interval names no write of
// this one; but a coordinator that holds no record cannot know what its older counters
// were, and a replica may hold one of them.
TEST(a_coordinator_extends_its_interval_only_over_a_record_that_it_held)
{
    static const struct dot a3 = {1, 3};
    struct record record = {0}, replica = {0};
    struct record_write write = blind(a1);
    record_update(&record, &write, false);
    record_copy(&replica, &record);
    write = blind(a3);
    record_update(&record, &write, true);
    assert_int_equal(record.clock.count, 1);
    assert_true(clock_covers(&record.clock, a2));

    record_clear(&record);
    record_update(&record, &write, false);
    assert_false(clock_covers(&record.clock, a1));
    record_join(&record, &replica);
    assert_siblings(&record, 2, a1, a3);
    record_release(&record);
    record_release(&replica);
}

TEST(joining_a_head_takes_its_versions_and_keeps_the_values_that_are_here)
{
    struct record record = {0}, head = {0}, newer = {0};
    struct buf buf = {0};
    write_concurrently(&record);
    record_encode_head(&record, key(), &buf);
    assert_int_equal(record_decode(&head, key(), buf_bytes(&buf)), STATUS_OK);
    assert_true(record_leaf(&record, hash64(key())).values ==
                record_leaf(&head, hash64(key())).values);

    record_copy(&newer, &record);
    record_join(&newer, &head); // every value is here
    assert_false(newer.head);
    assert_int_equal(newer.siblings[0].value.size, 1);
    record_copy(&newer, &head);
    record_join(&newer, &record);
    assert_false(newer.head);
    assert_int_equal(newer.siblings[0].value.size, 1);

    record_clear(&newer);
    struct record_write write = blind(c1);
    record_update(&newer, &write, false);
    record_join(&newer, &head); // c1 with its value, a1 and b1 without
    assert_true(newer.head);
    assert_int_equal(newer.count, 3);
    record_clear(&newer);
    write.context = &record.clock;
    record_update(&newer, &write, false);
    record_join(&newer, &head); // which c1 supersedes
    assert_false(newer.head);
    assert_siblings(&newer, 1, c1, c1);
    record_release(&record);
    record_release(&head);
    record_release(&newer);
    buf_release(&buf);
}

// ---- last writer wins ----------------------------------------------------------------

// A store of an lww keyspace writes the value, or takes a record from another store.
static void lww_write(struct record *record, struct dot dot, uint64_t hlc)
{
    struct record_write write = blind(dot);
    write.hlc = hlc;
    record_update(record, &write, record->count > 0);
    record_keep_greatest(record);
}

static void lww_take(struct record *record, const struct record *other)
{
    record_join(record, other);
    record_keep_greatest(record);
}

// y supersedes x with a smaller stamp. Who compares x and z first keeps x until y arrives;
// who compares y and z keeps z. Both know all three dots.
TEST(a_stamp_below_what_it_supersedes_joins_to_an_empty_record)
{
    static const struct dot x = {1, 1}, y = {1, 2}, z = {2, 1};
    for (int follows_rule = 0; follows_rule < 2; follows_rule++) {
        struct record a = {0}, b = {0}, c = {0};
        lww_write(&a, x, 100);
        record_copy(&b, &a);
        lww_write(&a, y, follows_rule ? record_hlc_max(&a) + 1 : 50);
        lww_write(&c, z, 70);
        lww_take(&b, &c);
        lww_take(&b, &a);
        lww_take(&a, &c);
        assert_true(clock_equal(&a.clock, &b.clock));
        lww_take(&a, &b);
        assert_int_equal(a.count, follows_rule ? 1 : 0);
        record_release(&a);
        record_release(&b);
        record_release(&c);
    }
}

// Three stores whose clocks differ by seconds write and exchange records in any order.
TEST(lww_replicas_converge_to_one_value_when_stamps_follow_the_rule)
{
    enum { STORES = 3 };
    struct random random;
    random_init(&random, 5);
    for (int history = 0; history < 2000; history++) {
        struct record records[STORES] = {0};
        uint64_t hlc[STORES] = {0}, greatest = 0, counter = 0;
        for (int step = 0; step < 12; step++) {
            uint64_t i = random_below(&random, STORES), j = random_below(&random, STORES);
            if (random_below(&random, 2)) {
                lww_take(&records[i], &records[j]);
                continue;
            }
            uint64_t wall_ms = (uint64_t)step * 100 + i * 1000;
            uint64_t stamp = hlc_next(&hlc[i], wall_ms, record_hlc_max(&records[i]) + 1);
            lww_write(&records[i], (struct dot){i + 1, ++counter}, stamp);
            greatest = stamp > greatest ? stamp : greatest;
        }
        for (int i = 0; i < 2 * STORES; i++)
            lww_take(&records[(i + 1) % STORES], &records[i % STORES]);
        for (int i = 0; i < STORES; i++) {
            assert_true(record_same_versions(&records[0], &records[i]));
            assert_int_equal(records[i].count, greatest ? 1 : 0);
            assert_true(record_hlc_max(&records[i]) == greatest);
        }
        for (int i = 0; i < STORES; i++)
            record_release(&records[i]);
    }
}

TEST(the_greatest_is_chosen_by_stamp_tombstone_actor_counter)
{
    struct record record = {0};
    static const struct record_write writes[] = {
        {.dot = {9, 9}, .hlc = 4},
        {.dot = {2, 1}, .hlc = 5},
        {.dot = {2, 2}, .hlc = 5},
        {.dot = {3, 1}, .hlc = 5},
        {.dot = {1, 1}, .hlc = 5, .flags = SIBLING_TOMBSTONE},
    };
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        struct record_write write = writes[i];
        write.keep_siblings = true;
        record_update(&record, &write, false);
        assert_int_equal(record_keep_greatest(&record), i > 0);
        assert_true(dot_equal(record.siblings[0].dot, i ? write.dot : writes[0].dot));
    }
    record_release(&record);
}

// ---- what is seen --------------------------------------------------------------------

TEST(a_reader_sees_neither_tombstones_nor_what_expired)
{
    struct record record = {0};
    const struct sibling *visible[4];
    struct record_write write = blind(a1);
    write.flags = SIBLING_TOMBSTONE;
    write.value = (struct bytes){0};
    record_update(&record, &write, false);
    assert_int_equal(record_visible(&record, 0, visible, 4), 0);
    write = blind(b1);
    write.keep_siblings = true;
    write.expires_ms = 1000;
    record_update(&record, &write, false);
    assert_int_equal(record_visible(&record, 999, visible, 4), 1); // beside the tombstone
    assert_true(dot_equal(visible[0]->dot, b1));
    assert_int_equal(record_visible(&record, 1000, visible, 4), 0);
    record_release(&record);
}

TEST(siblings_of_one_request_are_shown_as_one_value)
{
    struct record record = {0};
    const struct sibling *visible[2];
    static const struct dot dots[] = {{4, 1}, {3, 1}, {2, 1}, {1, 1}};
    static const uint8_t requests[] = {7, 7, 8, 9};
    for (int i = 0; i < 4; i++) {
        struct record_write write = blind(dots[i]);
        write.keep_siblings = true;
        write.request = request(requests[i]);
        record_update(&record, &write, false);
    }
    assert_int_equal(record_visible(&record, 0, visible, 2), 3); // in all; room for 2
    assert_int_equal(visible[1]->dot.actor, 2);
    assert_int_equal(record.count, 4);
    struct request_id seven = request(7), ten = request(10);
    assert_int_equal(record_find_request(&record, &seven)->dot.actor, 3);
    assert_null(record_find_request(&record, &ten));
    record_release(&record);
}

TEST(writes_without_a_request_id_are_never_taken_for_one)
{
    struct record record = {0};
    struct request_id none = {0};
    write_concurrently(&record);
    assert_int_equal(record_visible(&record, 0, NULL, 0), 2);
    assert_null(record_find_request(&record, &none));
    record_release(&record);
}

// ---- what it does not show any more --------------------------------------------------

TEST(what_a_write_superseded_is_listed_with_its_request_and_what_stays_is_not)
{
    struct record record = {0};
    struct superseded_list list = {0};
    write_concurrently(&record); // a1, b1
    record.siblings[0].request = request(7);
    superseded_list_add_shown(&list, &record);
    superseded_list_add(&list, (struct superseded){.dot = c1}); // nobody knows of it
    assert_int_equal(list.count, 3);
    struct clock context = {0};
    clock_add(&context, (struct interval){a1.actor, 1, 1});
    struct record_write write = blind(a2);
    write.context = &context;
    record_update(&record, &write, true);
    superseded_list_keep(&list, &record);
    assert_int_equal(list.count, 1);
    assert_true(dot_equal(list.items[0].dot, a1));
    assert_int_equal(list.items[0].request.bytes[0], 7);
    superseded_list_release(&list);
    clock_release(&context);
    record_release(&record);
}
