#include "quorum/needs.h"

#include "fixture/targets.h"
#include "unit/unit.h"

// Five nodes: 0 and 2 in "a", 1, 3 and 4 in "b".
static struct ring_node nodes[5];
static const struct ring ring = {.nodes = nodes, .node_count = 5};

static struct ring_route route_of(uint8_t n)
{
    struct ring_route route = {.owner_count = n, .count = n, .nodes = {0, 1, 2, 3, 4}};
    for (unsigned i = 0; i < 5; i++)
        nodes[i].dc[0] = i == 0 || i == 2 ? 'a' : 'b';
    return route;
}

static struct needs level(uint8_t level, uint8_t n, const char *dc)
{
    struct needs needs = {.count = 0};
    struct ring_route route = route_of(n);
    assert_true(needs_add_level(&needs, &ring, &route, targets_below(n), level, dc));
    return needs;
}

TEST(a_number_a_quorum_and_all_count_every_owner)
{
    struct needs needs = level(2, 5, "a");
    assert_false(needs_met(&needs, targets("0")));
    assert_true(needs_met(&needs, targets("0 1")) && needs_met(&needs, targets("3 4")));
    needs = level(RING_LEVEL_QUORUM, 5, "a");
    assert_true(needs_met(&needs, targets("0 1 2")) && !needs_met(&needs, targets("3 4")));
    needs = level(RING_LEVEL_ALL, 3, "a");
    assert_true(needs_met(&needs, targets("0 1 2")) && !needs_met(&needs, targets("1 2")));
}

TEST(a_level_beyond_the_owners_is_refused)
{
    struct needs needs = {.count = 0};
    struct ring_route route = route_of(3);
    assert_false(needs_add_level(&needs, &ring, &route, targets_below(3), 4, "a"));
}

TEST(a_local_quorum_counts_one_datacenter)
{
    struct needs needs = level(RING_LEVEL_LOCAL_QUORUM, 5, "b"); // two of 1, 3, 4
    assert_true(needs_met(&needs, targets("1 3")) && needs_met(&needs, targets("3 4")));
    assert_false(needs_met(&needs, targets("0 1 2")));
    needs = level(RING_LEVEL_LOCAL_QUORUM, 5, "elsewhere"); // nobody is local: all count
    assert_true(needs_met(&needs, targets("0 1 2")) && !needs_met(&needs, targets("0 1")));
}

TEST(each_quorum_counts_every_datacenter_for_itself)
{
    struct needs needs = level(RING_LEVEL_EACH_QUORUM, 5, "a");
    assert_int_equal(needs.count, 2);
    assert_true(needs_met(&needs, targets("0 2 1 3")));
    assert_false(needs_met(&needs, targets("1 2 3 4"))); // one of two in "a" is no majority
    assert_false(needs_met(&needs, targets("0 2 1")));
}

TEST(needs_of_two_owner_sets_must_both_be_met)
{
    struct needs needs = {.count = 0}; // while a shard moves from 0, 1, 2 to 1, 2, 3
    needs_add(&needs, targets("0 1 2"), 2);
    needs_add(&needs, targets("1 2 3"), 2);
    assert_true(needs_met(&needs, targets("1 2")));
    assert_false(needs_met(&needs, targets("0 1")));
    assert_true(needs_met(&needs, targets("0 1 3")));
}

TEST(what_all_that_may_still_answer_cannot_meet_is_hopeless)
{
    struct needs needs = level(RING_LEVEL_QUORUM, 3, "a");
    target_set acked = targets("0"), open = targets("2");
    assert_false(needs_hopeless(&needs, acked | open));
    assert_true(needs_hopeless(&needs, acked));
}

TEST(an_owner_helps_if_a_need_of_it_is_not_met)
{
    struct needs needs = level(RING_LEVEL_LOCAL_QUORUM, 5, "a");
    assert_true(needs_help_of(&needs, 0, 0));
    assert_false(needs_help_of(&needs, 0, 1));              // elsewhere
    assert_false(needs_help_of(&needs, targets("0"), 0));   // was asked
    assert_false(needs_help_of(&needs, targets("0 2"), 2)); // enough
}
