// An order has every key of a memtable once, ascending, with what was written last.
#include "unit/unit.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/random.h"
#include "lsm/memory/order.h"

#include <stdio.h>

enum { SEED = 5 };

static void add(struct memtable *memtable, const char *key, const char *value)
{
    struct bytes bytes = bytes_of_text(key);
    struct entry entry = {.key = bytes, .is_deleted = !value};
    if (value)
        entry.value = bytes_of_text(value);
    memtable_add(memtable, hash64_seeded(bytes, SEED), &entry);
}

static void check_ascending(const struct order *order, const struct memtable *memtable)
{
    for (size_t i = 1; i < order->count; i++)
        assert_true(bytes_compare(order_entry(order, memtable, i - 1).key,
                                  order_entry(order, memtable, i).key) < 0);
}

static void check_order(const struct order *order, const struct memtable *memtable)
{
    assert_int_equal(order->count, memtable->key_count);
    check_ascending(order, memtable);
    for (size_t i = 0; i < order->count; i++) {
        struct entry entry = order_entry(order, memtable, i);
        struct entry newest;
        memtable_find(memtable, hash64_seeded(entry.key, SEED), entry.key, &newest);
        assert_true(bytes_equal(entry.value, newest.value));
        assert_int_equal(order_find(order, memtable, entry.key), i);
    }
}

// Adds `count` keys made by `make` and checks their order.
static void check_keys(unsigned count, size_t (*make)(struct random *, unsigned, uint8_t *))
{
    struct memtable *memtable = memtable_new(4 << 20, SEED, SIZE_MAX, NULL);
    struct random random;
    random_init(&random, 9);
    for (unsigned i = 0; i < count; i++) {
        uint8_t key[64];
        struct bytes bytes = bytes_of(key, make(&random, i, key));
        memtable_add(memtable, hash64_seeded(bytes, SEED),
                     &(struct entry){.key = bytes, .value = bytes_of(&i, sizeof i)});
    }
    struct order *order = order_new(memtable, MEMTABLE_START, memtable->used);
    check_order(order, memtable);
    order_release(order);
    memtable_release(memtable);
}

// Prefixes of each other, zeros, long equal beginnings.
static size_t make_hard(struct random *random, unsigned i, uint8_t *key)
{
    (void)i;
    memcpy(key, "shared prefix", 13);
    size_t size = 13 + random_below(random, 20);
    for (size_t at = 13; at < size; at++)
        key[at] = (uint8_t)random_below(random, 2);
    return size;
}

static size_t make_binary(struct random *random, unsigned i, uint8_t *key)
{
    (void)i;
    for (size_t at = 0; at < 16; at++)
        key[at] = (uint8_t)random_below(random, 256);
    return 16;
}

static size_t make_decimal(struct random *random, unsigned i, uint8_t *key)
{
    (void)i;
    return (size_t)snprintf((char *)key, 64, "%016u", (unsigned)random_below(random, 5000));
}

static size_t make_ascending(struct random *random, unsigned i, uint8_t *key)
{
    (void)random;
    return (size_t)snprintf((char *)key, 64, "key %08u", i);
}

static size_t make_descending(struct random *random, unsigned i, uint8_t *key)
{
    return make_ascending(random, 99999999 - i, key);
}

// All but a few alike in the eight bytes that are sorted on.
static size_t make_crowded(struct random *random, unsigned i, uint8_t *key)
{
    key[0] = (uint8_t)(i % 100 == 0 ? random_below(random, 256) : 'c');
    memset(key + 1, 'x', 10);
    return 11 + (size_t)snprintf((char *)key + 11, 40, "%u", (unsigned)random_below(random, 9999));
}

static size_t make_few(struct random *random, unsigned i, uint8_t *key)
{
    (void)i;
    key[0] = (uint8_t)random_below(random, 3);
    return 1;
}

TEST(an_order_has_every_key_once_and_ascending)
{
    static size_t (*const makes[])(struct random *, unsigned, uint8_t *) = {
        make_hard,       make_binary,  make_decimal, make_ascending,
        make_descending, make_crowded, make_few,
    };
    static const unsigned counts[] = {0, 1, 2, 95, 96, 97, 500, 9000};
    for (size_t m = 0; m < sizeof makes / sizeof makes[0]; m++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            check_keys(counts[c], makes[m]);
}

TEST(orders_stay_few_and_cover_everything)
{
    struct memtable *memtable = memtable_new(1 << 20, SEED, SIZE_MAX, NULL);
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
    struct memtable *memtable = memtable_new(4096, SEED, SIZE_MAX, NULL);
    add(memtable, "a", "old");
    struct order *order = order_new(memtable, MEMTABLE_START, memtable->used);
    add(memtable, "a", "new");
    assert_int_equal(order->count, 1);
    assert_true(bytes_equal(order_entry(order, memtable, 0).value, bytes_of_text("old")));
    order_release(order);
    memtable_release(memtable);
}
