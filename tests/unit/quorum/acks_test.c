#include "quorum/acks.h"

#include "base/random.h"
#include "fixture/targets.h"
#include "unit/unit.h"

enum { A, B, C, D, E }; // three owners, two fallbacks

static bool are_written(uint8_t w, const char *own, const char *a, const char *b, const char *c)
{
    target_set hints[] = {targets(a), targets(b), targets(c)};
    struct acks acks = {.n = 3, .own = targets(own), .hints = hints};
    struct needs needs = needs_of(3, w);
    return acks_meet(&acks, &needs);
}

TEST(an_owner_that_acknowledged_and_has_a_hint_is_one)
{
    assert_false(are_written(2, "1", "", "3", "")); // B, and a hint for B on D
    assert_true(are_written(2, "1", "3", "", ""));
}

TEST(three_hints_on_one_fallback_are_one)
{
    assert_false(are_written(2, "", "3", "3", "3"));
    assert_true(are_written(1, "", "3", "3", "3"));
    assert_true(are_written(2, "", "3", "3 4", "3"));
    assert_false(are_written(3, "", "3", "3 4", "3"));
}

TEST(a_fallback_counts_for_the_owner_that_has_no_other)
{
    assert_true(are_written(3, "0", "", "3 4", "3"));
    assert_true(are_written(3, "0", "", "3", "3 4"));
    assert_false(are_written(3, "0", "4", "3", "3"));
}

TEST(a_fallback_counts_for_the_datacenter_that_lacks_an_owner)
{
    target_set hints[] = {targets("4"), 0, targets("4"), 0}; // 4 keeps one for 0 and for 2
    struct acks acks = {.n = 4, .own = targets("1"), .hints = hints};
    struct needs needs = {.count = 0};
    needs_add(&needs, targets("0 1"), 1);
    needs_add(&needs, targets("2 3"), 1);
    assert_true(acks_meet(&acks, &needs));
    needs.items[0].count = 2;
    assert_false(acks_meet(&acks, &needs));
    needs.items[1].count = 0;
    assert_true(acks_meet(&acks, &needs));
}

// ---- against every way to match them ---------------------------------------------------

struct trial {
    struct acks acks;
    struct needs needs;
    uint8_t count; // of owners, in the best way for that
    bool is_met;
};

// Every owner goes to each of its nodes that is free, or to none.
static void try_all(struct trial *trial, unsigned owner, target_set matched, target_set used)
{
    if (owner == trial->acks.n) {
        uint8_t count = target_count(matched);
        trial->count = count > trial->count ? count : trial->count;
        trial->is_met |= needs_met(&trial->needs, matched);
        return;
    }
    try_all(trial, owner + 1, matched, used);
    for (unsigned node = 0; node < RING_TARGETS_MAX; node++) {
        bool is_its = node == owner ? trial->acks.own & target_bit(owner)
                                    : trial->acks.hints[owner] & target_bit(node);
        if (is_its && !(used & target_bit(node)))
            try_all(trial, owner + 1, matched | target_bit(owner), used | target_bit(node));
    }
}

static void check(struct trial *trial)
{
    trial->count = 0;
    trial->is_met = false;
    try_all(trial, 0, 0, 0);
    assert_int_equal(acks_meet(&trial->acks, &trial->needs), trial->is_met);
    assert_int_equal(acks_count(&trial->acks), trial->count);
}

TEST(of_three_owners_and_three_fallbacks_every_state_counts_as_in_the_best_matching)
{
    for (unsigned bits = 0; bits < 1 << 12; bits++) {
        target_set hints[3];
        for (unsigned i = 0; i < 3; i++)
            hints[i] = (bits >> 3 * (i + 1) & 7) << 3;
        for (uint8_t w = 1; w <= 3; w++) {
            struct trial trial = {.acks = {.n = 3, .own = bits & 7, .hints = hints},
                                  .needs = needs_of(3, w)};
            check(&trial);
        }
    }
}

TEST(of_many_owners_with_needs_that_overlap_as_well)
{
    struct random random;
    random_init(&random, 1);
    for (unsigned round = 0; round < 20000; round++) {
        target_set hints[6];
        uint8_t n = (uint8_t)(1 + random_below(&random, 6));
        struct trial trial = {.acks = {.n = n, .hints = hints}};
        trial.acks.own = (target_set)random_u64(&random) & targets_below(n);
        for (unsigned i = 0; i < n; i++) // fallbacks, and other owners as holders
            hints[i] = (target_set)(random_u64(&random) & random_u64(&random)) &
                       targets_below(n + 3) & ~target_bit(i);
        for (uint64_t i = 1 + random_below(&random, 2); i; i--) {
            target_set of = (target_set)random_u64(&random) & targets_below(n);
            needs_add(&trial.needs, of, (uint8_t)random_below(&random, target_count(of) + 1));
        }
        check(&trial);
    }
}
