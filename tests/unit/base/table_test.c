// The hash table against an array that remembers what must be in it.
#include "unit/unit.h"

#include "base/random.h"
#include "base/table.h"

TEST(a_key_is_found_with_its_value_until_it_is_removed)
{
    struct table table;
    table_init(&table, 7);
    struct bytes key = bytes_of_text("a key that is longer than a slot");
    assert_null(table_find(&table, key));
    assert_false(table_remove(&table, key));
    union table_value *value = table_add(&table, key);
    assert_null(value->pointer);
    value->number = 5;
    assert_int_equal(table_add(&table, key)->number, 5);
    assert_int_equal(table_find(&table, key)->number, 5);
    assert_int_equal(table.count, 1);
    assert_true(table_remove(&table, key));
    assert_null(table_find(&table, key));
    assert_int_equal(table_add(&table, key)->number, 0);
    table_release(&table);
    assert_int_equal(table.count, 0);
    table_release(&table);
}

TEST(keys_are_copied_and_compared_by_bytes_and_size)
{
    struct table table = {0};
    char key[40];
    for (size_t size = 0; size <= sizeof key; size++) { // across the size that fits in a slot
        memset(key, 'x', sizeof key);
        table_add(&table, bytes_of(key, size))->number = size;
    }
    memset(key, 'y', sizeof key);
    assert_null(table_find(&table, bytes_of(key, 3)));
    memset(key, 'x', sizeof key);
    for (size_t size = 0; size <= sizeof key; size++)
        assert_int_equal(table_find(&table, bytes_of(key, size))->number, size);
    table_clear(&table);
    assert_null(table_find(&table, bytes_of(key, 3)));
    table_release(&table);
}

// Few keys in a small table: long runs that wrap around the end.
TEST(adding_and_removing_in_any_order_loses_nothing)
{
    enum { KEYS = 400 };
    static const uint64_t ranges[] = {12, 100, KEYS};
    struct random random;
    random_init(&random, 9);
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct table table;
        uint64_t expected[KEYS] = {0}, count = 0;
        table_init(&table, seed);
        for (uint64_t step = 1; step < 5000; step++) {
            uint64_t key = random_below(&random, ranges[seed % 3]);
            if (random_below(&random, 2)) {
                count += expected[key] == 0;
                table_add(&table, table_key(&key))->number = expected[key] = step;
            } else {
                assert_int_equal(table_remove(&table, table_key(&key)), expected[key] != 0);
                count -= expected[key] != 0;
                expected[key] = 0;
            }
            assert_int_equal(table.count, count);
        }
        for (uint64_t key = 0; key < KEYS; key++) {
            union table_value *value = table_find(&table, table_key(&key));
            assert_true(value ? value->number == expected[key] : expected[key] == 0);
        }
        table_release(&table);
    }
}

TEST(iteration_gives_every_key_once)
{
    struct table table;
    bool met[1000] = {0};
    table_init(&table, 3);
    for (uint64_t i = 0; i < 1000; i++)
        table_add(&table, table_key(&i))->number = 2 * i;
    size_t position = 0, count = 0;
    struct bytes key;
    union table_value *value;
    while (table_next(&table, &position, &key, &value)) {
        uint64_t number;
        assert_int_equal(key.size, sizeof number);
        memcpy(&number, key.data, sizeof number);
        assert_int_equal(value->number, 2 * number);
        assert_false(met[number]);
        met[number] = true;
        count++;
    }
    assert_int_equal(count, 1000);
    table_release(&table);
}
