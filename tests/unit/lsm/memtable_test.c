// A memtable answers with what was written last, and its orders with what was there then.
#include "unit/unit.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/random.h"
#include "lsm/order.h"

#include <stdio.h>

enum { SEED = 5 };

static void add(struct memtable *memtable, const char *key, const char *value)
{
    struct bytes bytes = bytes_of_text(key);
    memtable_add(memtable, hash64_seeded(bytes, SEED), bytes,
                 value ? bytes_of_text(value) : (struct bytes){0}, !value);
}

static enum memtable_result find(const struct memtable *memtable, const char *key,
                                 struct bytes *value)
{
    struct bytes bytes = bytes_of_text(key);
    return memtable_find(memtable, hash64_seeded(bytes, SEED), bytes, value);
}

TEST(the_last_write_of_a_key_is_found)
{
    struct memtable *memtable = memtable_new(4096, SEED);
    struct bytes value;
    assert_int_equal(find(memtable, "a", &value), MEMTABLE_ABSENT);
    add(memtable, "a", "1");
    add(memtable, "b", "2");
    add(memtable, "a", "3");
    assert_int_equal(find(memtable, "a", &value), MEMTABLE_FOUND);
    assert_true(bytes_equal(value, bytes_of_text("3")));
    assert_int_equal(memtable->key_count, 2);
    add(memtable, "a", NULL);
    assert_int_equal(find(memtable, "a", &value), MEMTABLE_DELETED);
    assert_int_equal(find(memtable, "c", &value), MEMTABLE_ABSENT);
    memtable_release(memtable);
}

TEST(the_index_grows_with_small_entries)
{
    struct memtable *memtable = memtable_new(256 << 10, SEED);
    struct bytes value;
    char key[16];
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%u", i);
        add(memtable, key, key);
    }
    assert_int_equal(memtable->key_count, 10000);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%u", i);
        assert_int_equal(find(memtable, key, &value), MEMTABLE_FOUND);
        assert_true(bytes_equal(value, bytes_of_text(key)));
    }
    memtable_release(memtable);
}

static void check_ascending(const struct order *order, const struct memtable *memtable)
{
    for (size_t i = 1; i < order->count; i++)
        assert_true(bytes_compare(order_entry(order, memtable, i - 1).key,
                                  order_entry(order, memtable, i).key) < 0);
}

// Keys that are hard on a sort by heads: prefixes of each other, zeros, long equal beginnings.
TEST(an_order_has_every_key_once_and_ascending)
{
    struct memtable *memtable = memtable_new(1 << 20, SEED);
    struct random random;
    random_init(&random, 9);
    for (unsigned i = 0; i < 4000; i++) {
        uint8_t key[40] = "shared prefix";
        size_t size = 13 + random_below(&random, 20);
        for (size_t b = 13; b < size; b++)
            key[b] = (uint8_t)random_below(&random, 2);
        struct bytes bytes = bytes_of(key, size);
        memtable_add(memtable, hash64_seeded(bytes, SEED), bytes, bytes_of(&i, sizeof i), false);
    }
    struct order *order = order_new(memtable, MEMTABLE_START, memtable->used);
    assert_int_equal(order->count, memtable->key_count);
    check_ascending(order, memtable);
    for (size_t i = 0; i < order->count; i++) {
        struct entry entry = order_entry(order, memtable, i);
        struct bytes newest;
        memtable_find(memtable, hash64_seeded(entry.key, SEED), entry.key, &newest);
        assert_true(bytes_equal(entry.value, newest));
        assert_int_equal(order_find(order, memtable, entry.key), i);
    }
    order_release(order);
    memtable_release(memtable);
}

TEST(orders_stay_few_and_cover_everything)
{
    struct memtable *memtable = memtable_new(1 << 20, SEED);
    struct orders orders = {0};
    char key[16];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "%u", i * 7919 % 1000);
        add(memtable, key, key);
        orders_update(&orders, memtable);
        assert_true(orders.count <= 12);
    }
    size_t count = 0;
    for (size_t i = 0; i < orders.count; i++) {
        check_ascending(orders.orders[i], memtable);
        count += orders.orders[i]->count;
    }
    assert_true(count >= 1000 && count < 2000);
    assert_int_equal(orders.end, memtable->used);
    orders_release(&orders);
    memtable_release(memtable);
}

TEST(an_order_does_not_see_what_came_later)
{
    struct memtable *memtable = memtable_new(4096, SEED);
    add(memtable, "a", "old");
    struct order *order = order_new(memtable, MEMTABLE_START, memtable->used);
    add(memtable, "a", "new");
    assert_int_equal(order->count, 1);
    assert_true(bytes_equal(order_entry(order, memtable, 0).value, bytes_of_text("old")));
    order_release(order);
    memtable_release(memtable);
}

TESTS(RUN(the_last_write_of_a_key_is_found), RUN(the_index_grows_with_small_entries),
      RUN(an_order_has_every_key_once_and_ascending), RUN(orders_stay_few_and_cover_everything),
      RUN(an_order_does_not_see_what_came_later))
