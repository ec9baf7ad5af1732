#include "merkle/tree.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

void tree_init(struct tree *tree, unsigned level)
{
    assert(level >= TREE_LEVEL_MIN && level <= TREE_LEVEL_MAX && level % TREE_STEP == 0);
    tree->level = level;
    tree->leaves = xcalloc((size_t)1 << level, sizeof *tree->leaves);
}

void tree_release(struct tree *tree)
{
    free(tree->leaves);
    *tree = (struct tree){0};
}

void tree_add(struct tree *tree, uint64_t place, uint64_t hash)
{
    tree->leaves[tree_index(tree->level, place)] += hash;
}

uint64_t tree_sum(const struct tree *tree, unsigned level, uint32_t index)
{
    assert(level <= tree->level && index >> level == 0);
    unsigned below = tree->level - level;
    const uint64_t *leaf = tree->leaves + ((size_t)index << below);
    const uint64_t *end = leaf + ((size_t)1 << below);
    uint64_t sum = 0;
    while (leaf < end)
        sum += *leaf++;
    return sum;
}

unsigned tree_level_for(uint64_t record_count, uint64_t tree_count, uint64_t leaves_max)
{
    unsigned level = TREE_LEVEL_MIN;
    while (level < TREE_LEVEL_MAX && record_count > (uint64_t)1 << level &&
           tree_count << (level + TREE_STEP) <= leaves_max)
        level += TREE_STEP;
    return level;
}
