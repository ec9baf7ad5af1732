// The bytes of a record: they come back, keep to their rules, and stay readable.
#include "base/hash.h"
#include "base/section.h"
#include "unit/causal/record_model.h"

#include "base/hash.h"
#include "unit/causal/golden.h"

static void build_example(struct record *record)
{
    struct record_write write = {.dot = {0xa1, 5},
                                 .hlc = 0x0001020304050607u,
                                 .expires_ms = 1700000000000,
                                 .request = request(1),
                                 .value = bytes_of_text("hello")};
    record_clear(record);
    clock_add(&record->clock, (struct interval){0xa1, 2, 3});
    clock_add(&record->clock, (struct interval){0xc3, 1, 200});
    record_update(record, &write, false);
    write = (struct record_write){.dot = {0xb2, 300},
                                  .hlc = 0x0001020304050608u,
                                  .request = request(2),
                                  .flags = SIBLING_TOMBSTONE,
                                  .keep_siblings = true};
    record_update(record, &write, false);
}

static void assert_sibling_equal(const struct sibling *a, const struct sibling *b)
{
    assert_true(dot_equal(a->dot, b->dot));
    assert_true(a->hlc == b->hlc && a->expires_ms == b->expires_ms && a->flags == b->flags);
    assert_true(request_id_equal(&a->request, &b->request));
    assert_true(a->value_size == b->value_size);
    assert_true(sibling_value_hash(a) == sibling_value_hash(b));
}

// Decodes as the record (or its head) and encodes to the same bytes.
static void assert_comes_back(const struct record *record, struct bytes encoded, bool head)
{
    struct record back = {0};
    struct buf again = {0};
    assert_int_equal(record_decode(&back, key(), encoded), STATUS_OK);
    assert_int_equal(back.head, head);
    assert_true(record_same_versions(record, &back));
    for (uint32_t i = 0; i < record->count; i++) {
        assert_sibling_equal(&record->siblings[i], &back.siblings[i]);
        if (!head)
            assert_true(bytes_equal(record->siblings[i].value, back.siblings[i].value));
    }
    if (head)
        record_encode_head(&back, key(), &again);
    else
        record_encode(&back, key(), &again);
    assert_true(bytes_equal(encoded, buf_bytes(&again)));
    record_release(&back);
    buf_release(&again);
}

TEST(a_record_and_its_head_come_back_from_their_bytes)
{
    struct random random;
    random_init(&random, 6);
    struct record record = {0};
    struct buf buf = {0};
    for (int round = 0; round < 500; round++) {
        struct model model = random_model(&random);
        build(&record, &model);
        buf_clear(&buf);
        record_encode(&record, key(), &buf);
        assert_comes_back(&record, buf_bytes(&buf), false);
        buf_clear(&buf);
        record_encode_head(&record, key(), &buf);
        assert_comes_back(&record, buf_bytes(&buf), true);
    }
    record_release(&record);
    buf_release(&buf);
}

static void assert_refused(struct record *record, struct bytes key, struct bytes encoded)
{
    assert_int_equal(record_decode(record, key, encoded), STATUS_CORRUPT);
    assert_true(record_is_empty(record) && !record->head);
}

TEST(every_truncation_and_every_flipped_bit_is_refused)
{
    struct record record = {0}, back = {0};
    struct buf buf = {0};
    build_example(&record);
    for (int head = 0; head < 2; head++) {
        buf_clear(&buf);
        if (head)
            record_encode_head(&record, key(), &buf);
        else
            record_encode(&record, key(), &buf);
        for (size_t size = 0; size < buf.size; size++)
            assert_refused(&back, key(), bytes_of(buf.data, size));
        for (size_t bit = 0; bit < 8 * buf.size; bit++) {
            buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_refused(&back, key(), buf_bytes(&buf));
            buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_comes_back(&record, buf_bytes(&buf), head);
    }
    record_release(&record);
    record_release(&back);
    buf_release(&buf);
}

TEST(a_record_of_another_key_is_refused)
{
    struct record record = {0};
    struct buf buf = {0};
    build_example(&record);
    record_encode(&record, key(), &buf);
    assert_refused(&record, bytes_of_text("greetings"), buf_bytes(&buf));
    record_release(&record);
    buf_release(&buf);
}

// Encode writes what it is given; none of these may come back.
TEST(a_record_that_breaks_its_rules_is_refused_whatever_its_checksum)
{
    struct record record = {0}, back = {0};
    struct buf buf = {0};
    for (int rule = 0; rule < 5; rule++) {
        build_example(&record);
        struct sibling *siblings = record.siblings;
        if (rule == 0) // a dot that the clock does not cover
            siblings[0].dot.counter++;
        if (rule == 1) // no order
            siblings[1] = siblings[0];
        if (rule == 2) // an unknown flag
            siblings[0].flags = 2;
        if (rule == 3) // a tombstone with a value
            siblings[0].flags = SIBLING_TOMBSTONE;
        if (rule == 4) // a value of another size
            siblings[0].value_size++;
        buf_clear(&buf);
        record_encode(&record, key(), &buf);
        assert_refused(&back, key(), buf_bytes(&buf));
    }
    record_release(&record);
    record_release(&back);
    buf_release(&buf);
}

TEST(a_section_that_may_be_skipped_is_and_any_other_is_refused)
{
    struct record record = {0}, back = {0};
    struct buf buf = {0};
    build_example(&record);
    for (int may_be_skipped = 0; may_be_skipped < 2; may_be_skipped++) {
        buf_clear(&buf);
        record_encode(&record, key(), &buf);
        buf.size -= 8;
        size_t begin = section_begin(&buf, may_be_skipped ? 1 | SECTION_MAY_BE_SKIPPED : 1);
        buf_append(&buf, bytes_of_text("what a later version says of this key"));
        section_end(&buf, begin);
        buf_append_u64(&buf, hash64_seeded(buf_bytes(&buf), hash64(key())));
        if (!may_be_skipped) {
            assert_refused(&back, key(), buf_bytes(&buf));
            continue;
        }
        assert_int_equal(record_decode(&back, key(), buf_bytes(&buf)), STATUS_OK);
        assert_true(record_same_versions(&back, &record));
    }
    record_release(&record);
    record_release(&back);
    buf_release(&buf);
}

TEST(the_leaf_hash_tells_keys_and_dots_apart_but_not_clocks)
{
    struct record record = {0}, other = {0};
    struct record_leaf leaf = record_leaf(&record, hash64(key()));
    assert_true(leaf.values == 0 && leaf.tombstones == 0 && !record_has_value(&record));
    build_example(&record);
    build_example(&other);
    leaf = record_leaf(&record, hash64(key()));
    struct record_leaf same = record_leaf(&other, hash64(key()));
    assert_true(leaf.values != 0 && leaf.values == same.values);
    assert_true(leaf.tombstones == same.tombstones);
    assert_true(leaf.values != record_leaf(&record, hash64(bytes_of_text("other"))).values);
    clock_add(&other.clock, (struct interval){7, 7, 7});
    assert_true(leaf.values == record_leaf(&other, hash64(key())).values);
    other.siblings[0].flags ^= SIBLING_TOMBSTONE;
    assert_true(leaf.values != record_leaf(&other, hash64(key())).values);
    assert_true(leaf.tombstones != record_leaf(&other, hash64(key())).tombstones);
    record_release(&record);
    record_release(&other);
}

TEST(format_1_stays_readable)
{
    struct record record = {0};
    struct buf buf = {0};
    build_example(&record);
    record_encode(&record, key(), &buf);
    assert_golden("record", buf_bytes(&buf));
    assert_comes_back(&record, buf_bytes(&buf), false);
    buf_clear(&buf);
    record_encode_head(&record, key(), &buf);
    assert_golden("head", buf_bytes(&buf));
    assert_comes_back(&record, buf_bytes(&buf), true);
    record_clear(&record);
    buf_clear(&buf);
    record_encode(&record, key(), &buf);
    assert_golden("empty", buf_bytes(&buf));
    assert_comes_back(&record, buf_bytes(&buf), false);
    record_release(&record);
    buf_release(&buf);
}
