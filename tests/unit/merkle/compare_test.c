// Two trees, and what a comparison of them finds and costs.
#include "merkle/compare.h"

#include "base/buf.h"
#include "base/hash.h"
#include "unit/unit.h"

#include <string.h>

struct duel {
    struct tree trees[COMPARE_SIDES];
    struct compare compare;
    size_t hash_count; // that were asked for, of one side
};

static uint64_t place_of(uint64_t number)
{
    return hash_mix(number, 1);
}

static void add(struct duel *duel, enum compare_side side, uint64_t number)
{
    tree_add(&duel->trees[side], place_of(number), hash_mix(number, 2));
}

// Both have the numbers up to `count`.
static void begin(struct duel *duel, unsigned ours, unsigned theirs, uint64_t count)
{
    *duel = (struct duel){0};
    tree_init(&duel->trees[COMPARE_OURS], ours);
    tree_init(&duel->trees[COMPARE_THEIRS], theirs);
    for (uint64_t i = 0; i < count; i++) {
        add(duel, COMPARE_OURS, i);
        add(duel, COMPARE_THEIRS, i);
    }
}

static void end(struct duel *duel)
{
    tree_release(&duel->trees[COMPARE_OURS]);
    tree_release(&duel->trees[COMPARE_THEIRS]);
    compare_release(&duel->compare);
}

static enum status answer(struct duel *duel, enum compare_side side)
{
    const struct tree *tree = &duel->trees[side];
    const struct compare *compare = &duel->compare;
    struct buf hashes = {0};
    for (uint32_t i = 0; i < compare->count; i++) {
        for (uint32_t child = 0; child < TREE_CHILDREN; child++)
            buf_append_u64(&hashes, tree_sum(tree, compare->level + TREE_STEP,
                                             (uint32_t)compare->nodes[i] << TREE_STEP | child));
    }
    enum status status = compare_on_hashes(&duel->compare, side, tree->level, buf_bytes(&hashes));
    buf_release(&hashes);
    return status;
}

static void run(struct duel *duel)
{
    while (!compare_is_done(&duel->compare)) {
        duel->hash_count += duel->compare.count * (size_t)TREE_CHILDREN;
        assert_int_equal(answer(duel, COMPARE_OURS), STATUS_OK);
        assert_int_equal(answer(duel, COMPARE_THEIRS), STATUS_OK);
    }
}

static bool found(const struct duel *duel, uint64_t number)
{
    const struct compare *compare = &duel->compare;
    for (uint32_t i = 0; i < compare->count; i++) {
        if (compare->nodes[i] == tree_index(compare->level, place_of(number)))
            return true;
    }
    return false;
}

TEST(the_hash_of_every_node_is_the_sum_of_those_below_it)
{
    struct duel duel;
    begin(&duel, TREE_LEVEL_MAX, TREE_LEVEL_MIN, 3000);
    for (unsigned level = 0; level < TREE_LEVEL_MAX; level++) {
        for (uint32_t i = 0; i < 1u << level; i++)
            assert_true(tree_sum(&duel.trees[0], level, i) ==
                        tree_sum(&duel.trees[0], level + 1, 2 * i) +
                            tree_sum(&duel.trees[0], level + 1, 2 * i + 1));
    }
    assert_true(tree_sum(&duel.trees[0], 3, 5) == tree_sum(&duel.trees[1], 3, 5));
    end(&duel);
}

TEST(what_is_taken_away_again_leaves_no_trace)
{
    struct duel duel;
    begin(&duel, 8, 8, 100);
    tree_add(&duel.trees[0], 77, 12345);
    tree_add(&duel.trees[0], 77, (uint64_t)-12345);
    compare_begin(&duel.compare);
    run(&duel);
    assert_int_equal(duel.compare.count, 0);
    end(&duel);
}

TEST(nodes_cover_every_place_once)
{
    assert_int_equal(tree_index(0, UINT64_MAX), 0);
    assert_true(tree_last(0, 0) == UINT64_MAX);
    assert_true(tree_last(4, 15) == UINT64_MAX);
    assert_true(tree_first(4, 1) == tree_last(4, 0) + 1);
    assert_int_equal(tree_index(12, tree_last(12, 4095)), 4095);
    assert_int_equal(tree_index(12, tree_first(12, 4095) - 1), 4094);
}

TEST(equal_trees_cost_one_question)
{
    struct duel duel;
    begin(&duel, TREE_LEVEL_MAX, TREE_LEVEL_MAX, 10000);
    compare_begin(&duel.compare);
    run(&duel);
    assert_int_equal(duel.compare.count, 0);
    assert_int_equal(duel.hash_count, TREE_CHILDREN);
    end(&duel);
}

TEST(every_leaf_that_differs_is_found_and_no_other)
{
    for (unsigned level = TREE_LEVEL_MIN; level <= TREE_LEVEL_MAX; level += TREE_STEP) {
        struct duel duel;
        begin(&duel, level, TREE_LEVEL_MAX, 5000);
        for (uint64_t i = 0; i < 7; i++)
            add(&duel, i % 2 ? COMPARE_OURS : COMPARE_THEIRS, 1000000 + i);
        compare_begin(&duel.compare);
        run(&duel);
        assert_int_equal(duel.compare.level, level);
        for (uint64_t i = 0; i < 7; i++)
            assert_true(found(&duel, 1000000 + i));
        assert_true(duel.compare.count <= 7);
        end(&duel);
    }
}

TEST(questions_grow_with_the_differences_and_not_with_the_records)
{
    struct duel duel;
    begin(&duel, TREE_LEVEL_MAX, TREE_LEVEL_MAX, 100000);
    for (uint64_t i = 0; i < 10; i++)
        add(&duel, COMPARE_THEIRS, 1000000 + i);
    compare_begin(&duel.compare);
    run(&duel);
    assert_true(duel.hash_count <= TREE_CHILDREN * (1 + 2 * 10));
    end(&duel);
}

TEST(what_differs_only_once_is_no_difference)
{
    struct duel duel;
    begin(&duel, TREE_LEVEL_MAX, TREE_LEVEL_MAX, 1000);
    add(&duel, COMPARE_OURS, 2000000); // on its way to them
    add(&duel, COMPARE_OURS, 2000001);
    compare_begin(&duel.compare);
    run(&duel);
    assert_int_equal(duel.compare.count, 2);
    add(&duel, COMPARE_THEIRS, 2000000);
    add(&duel, COMPARE_THEIRS, 2000003); // on its way to us
    compare_begin_again(&duel.compare);
    run(&duel);
    assert_int_equal(duel.compare.count, 1);
    assert_true(found(&duel, 2000001));
    end(&duel);
}

TEST(nothing_is_asked_again_if_nothing_differed)
{
    struct duel duel;
    begin(&duel, 8, 8, 10);
    compare_begin(&duel.compare);
    run(&duel);
    compare_begin_again(&duel.compare);
    assert_true(compare_is_done(&duel.compare));
    end(&duel);
}

TEST(an_answer_that_is_none_is_refused)
{
    uint8_t bytes[TREE_CHILDREN * 8] = {0};
    struct compare compare = {0};
    compare_begin(&compare);
    assert_int_equal(compare_on_hashes(&compare, COMPARE_OURS, 8, bytes_of(bytes, 8)),
                     STATUS_INVALID);
    assert_int_equal(compare_on_hashes(&compare, COMPARE_OURS, 0, bytes_of(bytes, sizeof bytes)),
                     STATUS_INVALID);
    assert_int_equal(compare_on_hashes(&compare, COMPARE_OURS, 16, bytes_of(bytes, sizeof bytes)),
                     STATUS_INVALID);
    assert_int_equal(compare_on_hashes(&compare, COMPARE_OURS, 8, bytes_of(bytes, sizeof bytes)),
                     STATUS_OK);
    assert_int_equal(compare_on_hashes(&compare, COMPARE_OURS, 8, bytes_of(bytes, sizeof bytes)),
                     STATUS_INVALID);
    compare_release(&compare);
}

TEST(few_records_share_a_leaf_while_memory_allows)
{
    assert_int_equal(tree_level_for(0, 256, 1 << 20), TREE_LEVEL_MIN);
    assert_int_equal(tree_level_for(17, 256, 1 << 20), 8);
    assert_int_equal(tree_level_for(4000, 256, 1 << 20), 12);
    assert_int_equal(tree_level_for(4000, 512, 1 << 20), 8);
    assert_int_equal(tree_level_for(4000000, 65536, 1 << 20), TREE_LEVEL_MIN);
}
