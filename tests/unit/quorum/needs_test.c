#include "quorum/needs.h"

#include "unit/unit.h"

// Five nodes: 0 and 2 in "a", 1, 3 and 4 in "b".
static struct ring_node nodes[5];
static const struct ring ring = {.nodes = nodes, .node_count = 5};
static const uint16_t all[5] = {0, 1, 2, 3, 4};

static void place(void)
{
    for (unsigned i = 0; i < 5; i++)
        nodes[i].dc[0] = i == 0 || i == 2 ? 'a' : 'b';
}

static struct needs level(uint8_t level, uint8_t n, const char *dc)
{
    struct needs needs;
    place();
    assert_true(needs_of_level(&needs, &ring, level, all, n, dc));
    return needs;
}

TEST(a_number_a_quorum_and_all_count_every_owner)
{
    struct needs needs = level(2, 5, "a");
    assert_false(needs_met(&needs, 1));
    assert_true(needs_met(&needs, 3) && needs_met(&needs, 24));
    needs = level(RING_LEVEL_QUORUM, 5, "a");
    assert_true(needs_met(&needs, 7) && !needs_met(&needs, 24));
    needs = level(RING_LEVEL_ALL, 3, "a");
    assert_true(needs_met(&needs, 7) && !needs_met(&needs, 6));
}

TEST(a_level_beyond_the_owners_is_refused)
{
    struct needs needs;
    assert_false(needs_of_level(&needs, &ring, 4, all, 3, "a"));
}

TEST(a_local_quorum_counts_one_datacenter)
{
    struct needs needs = level(RING_LEVEL_LOCAL_QUORUM, 5, "b"); // two of 1, 3, 4
    assert_true(needs_met(&needs, 10) && needs_met(&needs, 24));
    assert_false(needs_met(&needs, 5 | 2));
    needs = level(RING_LEVEL_LOCAL_QUORUM, 5, "elsewhere"); // nobody is local: all count
    assert_true(needs_met(&needs, 7) && !needs_met(&needs, 3));
}

TEST(each_quorum_counts_every_datacenter_for_itself)
{
    struct needs needs = level(RING_LEVEL_EACH_QUORUM, 5, "a");
    assert_int_equal(needs.count, 2);
    assert_true(needs_met(&needs, 5 | 10));
    assert_false(needs_met(&needs, 31 & ~1u)); // one of two in "a" is no majority
    assert_false(needs_met(&needs, 5 | 2));
}

TEST(an_owner_helps_if_a_need_of_it_is_not_met)
{
    struct needs needs = level(RING_LEVEL_LOCAL_QUORUM, 5, "a");
    assert_true(needs_help_of(&needs, 0, 0));
    assert_false(needs_help_of(&needs, 0, 1)); // elsewhere
    assert_false(needs_help_of(&needs, 1, 0)); // was asked
    assert_false(needs_help_of(&needs, 5, 2)); // enough
}
