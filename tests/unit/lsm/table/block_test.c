// A block gives back its entries, finds every key and its place, and notices damage.
#include "unit/unit.h"

#include "base/random.h"
#include "lsm/table/block.h"

#include <stdio.h>

static void add(struct block_builder *builder, struct bytes key, struct bytes value,
                bool is_deleted)
{
    struct entry entry = {.key = key, .value = value, .is_deleted = is_deleted};
    block_builder_add(builder, &entry);
}

static const struct block_place place = {11, 22, 33};

static void make_key(char key[64], unsigned i)
{
    snprintf(key, 64, i % 3 ? "user:%04u" : "user:%04u:with a longer tail", i);
}

// Entries 0, 2, 4 ... of make_key.
static struct block *make(unsigned count, size_t value_size)
{
    struct block_builder builder = {0};
    static uint8_t value[100000];
    for (unsigned i = 0; i < count; i++) {
        char key[64];
        make_key(key, 2 * i);
        memset(value, (int)i, value_size);
        add(&builder, bytes_of_text(key), bytes_of(value, value_size), i % 5 == 0);
    }
    struct buf stored = {0};
    struct block *block = NULL;
    block_store(&stored, block_builder_finish(&builder), place);
    assert_true(block_decode(&block, buf_bytes(&stored), place));
    buf_release(&stored);
    block_builder_release(&builder);
    return block;
}

TEST(every_entry_comes_back)
{
    for (unsigned count = 1; count < 60; count += 7) {
        struct block *block = make(count, 40);
        struct buf key = {0};
        assert_int_equal(block->count, count);
        for (unsigned i = 0; i < count; i++) {
            char wanted[64];
            make_key(wanted, 2 * i);
            block_key(block, i, &key);
            assert_true(bytes_equal(buf_bytes(&key), bytes_of_text(wanted)));
            assert_int_equal(block_value(block, i).size, 40);
            assert_int_equal(block_value(block, i).data[39], i);
            assert_int_equal(block_is_deleted(block, i), i % 5 == 0);
        }
        buf_release(&key);
        block_release(block);
    }
}

TEST(a_search_finds_the_key_or_where_it_would_be)
{
    struct block *block = make(50, 3);
    for (unsigned i = 0; i < 100; i++) {
        char key[64];
        bool is_equal;
        make_key(key, i);
        uint32_t index = block_find(block, bytes_of_text(key), &is_equal);
        assert_int_equal(is_equal, i % 2 == 0);
        assert_int_equal(index, (i + 1) / 2);
    }
    bool is_equal;
    assert_int_equal(block_find(block, bytes_of_text("user"), &is_equal), 0);
    assert_int_equal(block_find(block, bytes_of_text("v"), &is_equal), 50);
    assert_int_equal(block_find(block, (struct bytes){0}, &is_equal), 0);
    block_release(block);
}

TEST(a_key_that_others_begin_with_is_told_apart)
{
    struct block_builder builder = {0};
    static const uint8_t bytes[12] = {'p', 0};
    for (size_t size = 1; size <= 12; size++)
        add(&builder, bytes_of(bytes, size), bytes_of(&size, 1), false);
    struct buf stored = {0};
    struct block *block = NULL;
    block_store(&stored, block_builder_finish(&builder), place);
    assert_true(block_decode(&block, buf_bytes(&stored), place));
    for (size_t size = 1; size <= 12; size++) {
        bool is_equal;
        assert_int_equal(block_find(block, bytes_of(bytes, size), &is_equal), size - 1);
        assert_true(is_equal);
    }
    block_release(block);
    buf_release(&stored);
    block_builder_release(&builder);
}

TEST(large_values_and_incompressible_ones_are_kept)
{
    struct block *block = make(3, 100000);
    assert_int_equal(block_value(block, 2).size, 100000);
    block_release(block);

    struct random random;
    struct buf value = {0}, stored = {0}, raw = {0};
    random_init(&random, 3);
    for (unsigned i = 0; i < 1000; i++)
        buf_append_u64(&value, random_u64(&random));
    block_store(&stored, buf_bytes(&value), place);
    assert_int_equal(stored.size, value.size + BLOCK_TRAILER_SIZE);
    assert_true(block_load(&raw, buf_bytes(&stored), place));
    assert_true(bytes_equal(buf_bytes(&raw), buf_bytes(&value)));
    buf_release(&value);
    buf_release(&stored);
    buf_release(&raw);
}

TEST(a_block_is_decoded_into_the_memory_of_another_that_nobody_else_has)
{
    struct block_builder builder = {0};
    struct buf stored[2] = {{0}};
    struct bytes key = bytes_of_text("key"), value = bytes_of_text("a value, a value, a value");
    for (size_t i = 0; i < 2; i++) {
        add(&builder, bytes_of(key.data, 2 + i), bytes_of(value.data, 25 - i), false);
        block_store(&stored[i], block_builder_finish(&builder), place);
    }
    struct block *block = NULL;
    assert_true(block_decode(&block, buf_bytes(&stored[0]), place));
    struct block *first = block_retain(block);
    assert_true(block_decode(&block, buf_bytes(&stored[0]), place));
    assert_ptr_not_equal(block, first); // which is still referred to
    assert_int_equal(block_value(first, 0).size, 25);
    block_release(first);
    first = block;
    assert_true(block_decode(&block, buf_bytes(&stored[1]), place));
    assert_ptr_equal(block, first);
    assert_int_equal(block_value(block, 0).size, 24);
    stored[0].data[3]++;
    assert_false(block_decode(&block, buf_bytes(&stored[0]), place));
    assert_null(block);
    buf_release(&stored[0]);
    buf_release(&stored[1]);
    block_builder_release(&builder);
}

// More columns than the builder keeps room for, then few again.
TEST(blocks_of_many_small_entries_follow_those_of_few)
{
    static const unsigned counts[] = {1, 3000, 2, 5000, 5000, 1};
    struct block_builder builder = {0};
    struct buf stored = {0}, key = {0};
    struct block *block = NULL;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        char text[64];
        for (unsigned i = 0; i < counts[c]; i++) {
            snprintf(text, sizeof text, "%06u and a tail", i);
            add(&builder, bytes_of_text(text), bytes_of(&i, i % 5), i % 2);
        }
        assert_true(bytes_equal(block_builder_last(&builder), bytes_of_text(text)));
        size_t size = block_builder_size(&builder);
        struct bytes raw = block_builder_finish(&builder);
        assert_true(raw.size <= size + 2 * BLOCK_HEADER_SIZE);
        assert_int_equal(block_builder_size(&builder), 0);
        buf_clear(&stored);
        block_store(&stored, raw, place);
        assert_true(block_decode(&block, buf_bytes(&stored), place));
        assert_int_equal(block->count, counts[c]);
        for (unsigned i = 0; i < counts[c]; i++) {
            snprintf(text, sizeof text, "%06u and a tail", i);
            block_key(block, i, &key);
            assert_true(bytes_equal(buf_bytes(&key), bytes_of_text(text)));
            assert_true(bytes_equal(block_value(block, i), bytes_of(&i, i % 5)));
            assert_int_equal(block_is_deleted(block, i), i % 2);
        }
    }
    block_release(block);
    buf_release(&key);
    buf_release(&stored);
    block_builder_release(&builder);
}

TEST(a_damaged_or_misplaced_block_does_not_load)
{
    struct buf stored = {0}, raw = {0};
    block_store(&stored, bytes_of_text("some bytes of a block, some bytes of a block"), place);
    for (size_t bit = 0; bit < stored.size * 8; bit++) {
        stored.data[bit / 8] = (uint8_t)(stored.data[bit / 8] ^ 1u << bit % 8);
        assert_false(block_load(&raw, buf_bytes(&stored), place));
        stored.data[bit / 8] = (uint8_t)(stored.data[bit / 8] ^ 1u << bit % 8);
    }
    struct block_place other = place;
    other.offset++;
    assert_false(block_load(&raw, buf_bytes(&stored), other));
    assert_true(block_load(&raw, buf_bytes(&stored), place));
    buf_release(&stored);
    buf_release(&raw);
}

TEST(bytes_that_are_no_block_are_refused)
{
    struct random random;
    random_init(&random, 4);
    for (unsigned i = 0; i < 20000; i++) {
        struct buf raw = {0};
        size_t size = random_below(&random, 120);
        buf_append_u32(&raw, (uint32_t)random_below(&random, 6));
        buf_append_u32(&raw, (uint32_t)random_below(&random, 6));
        while (raw.size < size)
            buf_append_u8(&raw, random_below(&random, 3) ? 0 : (uint8_t)random_u64(&random));
        struct buf key = {0}, stored = {0};
        struct block *block = NULL;
        block_store(&stored, buf_bytes(&raw), place);
        block_decode(&block, buf_bytes(&stored), place);
        for (uint32_t e = 0; block && e < block->count; e++) {
            block_key(block, e, &key); // in bounds, says the sanitizer
            assert_true(block_value(block, e).size < 200);
        }
        buf_release(&raw);
        buf_release(&key);
        buf_release(&stored);
        block_release(block);
    }
}
