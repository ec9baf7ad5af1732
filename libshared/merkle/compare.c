#include "merkle/compare.h"

#include "base/endian.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void drop_hashes(struct compare *compare)
{
    for (unsigned side = 0; side < COMPARE_SIDES; side++) {
        free(compare->hashes[side]);
        compare->hashes[side] = NULL;
    }
}

void compare_release(struct compare *compare)
{
    drop_hashes(compare);
    free(compare->nodes);
    free(compare->kept);
    *compare = (struct compare){0};
}

static void ask(struct compare *compare, unsigned level, uint32_t count)
{
    compare->level = level;
    compare->count = count;
    compare->is_done = !count;
    memset(compare->has, 0, sizeof compare->has);
    drop_hashes(compare);
}

void compare_begin(struct compare *compare)
{
    compare->is_again = false;
    compare->leaf_level = TREE_LEVEL_MAX;
    compare->nodes = xrealloc(compare->nodes, sizeof *compare->nodes);
    compare->nodes[0] = 0;
    ask(compare, 0, 1);
}

void compare_begin_again(struct compare *compare)
{
    assert(compare->is_done);
    uint32_t parents = 0;
    compare->is_again = true;
    free(compare->kept);
    compare->kept = compare->nodes;
    compare->kept_count = compare->count;
    compare->nodes = xmalloc((compare->count + 1) * sizeof *compare->nodes);
    for (uint32_t i = 0; i < compare->kept_count; i++) {
        uint16_t parent = compare->kept[i] >> TREE_STEP;
        if (!parents || compare->nodes[parents - 1] != parent)
            compare->nodes[parents++] = parent;
    }
    ask(compare, parents ? compare->level - TREE_STEP : compare->level, parents);
}

void compare_skip(struct compare *compare)
{
    ask(compare, TREE_LEVEL_MIN, 0);
}

static bool was_kept(const struct compare *compare, uint16_t node, uint32_t *at)
{
    while (*at < compare->kept_count && compare->kept[*at] < node)
        (*at)++;
    return *at < compare->kept_count && compare->kept[*at] == node;
}

// Both have answered: goes on with the children that differ.
static void descend(struct compare *compare)
{
    uint16_t parents[TREE_PARENTS_MAX];
    uint32_t parent_count = compare->count, count = 0, at = 0;
    const uint64_t *ours = compare->hashes[COMPARE_OURS];
    const uint64_t *theirs = compare->hashes[COMPARE_THEIRS];
    memcpy(parents, compare->nodes, parent_count * sizeof *parents);
    compare->nodes = xrealloc(compare->nodes, parent_count * TREE_CHILDREN * sizeof *parents);
    for (uint32_t i = 0; i < parent_count * TREE_CHILDREN; i++) {
        uint32_t node = (uint32_t)parents[i / TREE_CHILDREN] << TREE_STEP | i % TREE_CHILDREN;
        if (ours[i] != theirs[i] && (!compare->is_again || was_kept(compare, (uint16_t)node, &at)))
            compare->nodes[count++] = (uint16_t)node;
    }
    compare->nodes = xrealloc(compare->nodes, (count + 1) * sizeof *parents);
    ask(compare, compare->level + TREE_STEP, count);
    compare->is_done |= compare->is_again || compare->level == compare->leaf_level;
}

enum status compare_on_hashes(struct compare *compare, enum compare_side side, unsigned leaf_level,
                              struct bytes hashes)
{
    size_t count = (size_t)compare->count * TREE_CHILDREN;
    if (compare->is_done || compare->has[side] || hashes.size != count * sizeof(uint64_t) ||
        leaf_level > TREE_LEVEL_MAX || leaf_level % TREE_STEP || leaf_level <= compare->level)
        return STATUS_INVALID;
    if (leaf_level < compare->leaf_level)
        compare->leaf_level = leaf_level;
    compare->hashes[side] = xrealloc(compare->hashes[side], hashes.size);
    for (size_t i = 0; i < count; i++)
        compare->hashes[side][i] = load_u64(hashes.data + i * sizeof(uint64_t));
    compare->has[side] = true;
    if (compare->has[COMPARE_OURS] && compare->has[COMPARE_THEIRS])
        descend(compare);
    return STATUS_OK;
}
