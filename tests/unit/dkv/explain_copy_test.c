// How copies are beside one another: behind, or purged, or lost; and what a read makes of them.
#include "dkv/explain_copy.h"

#include "unit/unit.h"

enum { OWNERS = 3, NOW_MS = 1000 };

static const struct dot VALUE = {9, 1}, DELETION = {9, 2};
static struct replicas replicas;
static struct record whole;
static struct copies copies;

// Nothing is asked here.
void client_explain(struct client *client, const struct op_explain *op, uint64_t deadline_ms,
                    client_on_explained *on_done, void *context)
{
    (void)client, (void)op, (void)deadline_ms, (void)on_done, (void)context;
}

void client_drain(struct client *client)
{
    (void)client;
}

void client_run(struct client *client, int fd, int timeout_ms)
{
    (void)client, (void)fd, (void)timeout_ms;
}

static int begin(void **state)
{
    (void)state;
    replicas = (struct replicas){.count = OWNERS, .replied = 7, .need_count = 1};
    replicas.needs[0] = (struct explained_need){.of = 7, .count = 2};
    copies = (struct copies){.replicas = &replicas, .whole = &whole, .now_ms = NOW_MS};
    return 0;
}

static int end(void **state)
{
    (void)state;
    replicas_release(&replicas);
    record_release(&whole);
    return 0;
}

AROUND_EACH(begin, end)

static void see(uint32_t index, struct dot dot)
{
    seen_add(&replicas.items[index].seen, dot);
    replicas.items[index].is_seen_told = true;
}

static void give(uint32_t index, struct dot dot, uint8_t flags, uint64_t expires_ms)
{
    struct record one = {0};
    struct record_write write = {.dot = dot, .flags = flags, .expires_ms = expires_ms};
    write.context = &(struct clock){0};
    record_update(&one, &write, false);
    record_join(&replicas.items[index].head, &one);
    record_join(&whole, &one);
    record_release(&one);
    see(index, dot);
}

static void delete_at(uint32_t index)
{
    give(index, DELETION, SIBLING_TOMBSTONE, 0);
}

static const char *state_of(uint32_t index)
{
    return copy_state_text(copy_state(&copies, index));
}

static void are(const char *first, const char *second, const char *third)
{
    assert_string_equal(state_of(0), first);
    assert_string_equal(state_of(1), second);
    assert_string_equal(state_of(2), third);
}

TEST(who_lacks_a_deletion_and_has_not_seen_it_is_behind)
{
    are("equal", "equal", "equal");
    delete_at(0);
    delete_at(1);
    are("ahead", "ahead", "behind");
    see(2, VALUE);
    are("ahead", "ahead", "behind");
    assert_true(copy_lacks(&copies, 2, &whole.siblings[0]));
    assert_false(copy_lacks(&copies, 1, &whole.siblings[0]));
}

TEST(who_lacks_a_deletion_and_has_seen_it_has_purged_it)
{
    delete_at(0);
    delete_at(1);
    see(2, DELETION);
    are("equal", "equal", "purged");
    assert_true(copy_has_purged(&copies, 2, &whole.siblings[0]));
    assert_false(copy_lacks(&copies, 2, &whole.siblings[0]));
    assert_false(copy_has_purged(&copies, 1, &whole.siblings[0]));
}

TEST(one_that_has_purged_is_behind_no_more_than_that)
{
    delete_at(0);
    see(1, DELETION);
    give(0, (struct dot){8, 1}, 0, 0);
    give(2, (struct dot){8, 1}, 0, 0);
    are("ahead", "behind", "behind");
    see(2, DELETION);
    are("ahead", "behind", "purged");
}

TEST(what_has_expired_is_purged_too_and_a_value_is_not)
{
    give(0, VALUE, 0, NOW_MS);
    give(1, VALUE, 0, NOW_MS);
    see(2, VALUE);
    are("equal", "equal", "purged");
    copies.now_ms--;
    are("ahead", "ahead", "behind");
}

TEST(of_an_owner_that_does_not_tell_what_it_has_seen_it_is_behind)
{
    delete_at(0);
    are("ahead", "behind", "behind");
    replicas.replied = 3;
    are("ahead", "behind", "unknown");
}

TEST(a_lost_copy_is_lost_whatever_it_has_and_counts_for_no_read)
{
    for (uint32_t i = 0; i < OWNERS; i++)
        give(i, VALUE, 0, 0);
    assert_string_equal(copy_read(&copies, VALUE), "always");
    replicas.lost = 4;
    are("equal", "equal", "lost");
    assert_string_equal(copy_read(&copies, VALUE), "always");
    replicas.lost = 6;
    assert_string_equal(copy_read(&copies, VALUE), "unavailable");
}

TEST(what_a_lost_copy_alone_has_and_others_have_seen_these_have_purged)
{
    give(2, VALUE, 0, 0);
    see(0, VALUE);
    replicas.lost = 4;
    are("purged", "behind", "lost");
    replicas.lost = 0;
    are("behind", "behind", "ahead");
}

TEST(where_owners_are_missing_hints_are_read_unless_the_read_is_strict)
{
    give(0, VALUE, 0, 0);
    replicas.replied = 1;
    assert_int_equal(copy_missing(&copies), 1);
    assert_string_equal(copy_read(&copies, VALUE), "unavailable");
    copies.stand_ins = 1;
    assert_string_equal(copy_read(&copies, VALUE), "hints");
    replicas.needs[0].count = 3;
    assert_string_equal(copy_read(&copies, VALUE), "unavailable");
    replicas.need_count = 0; // nobody knows
    copies.stand_ins = 9;
    assert_string_equal(copy_read(&copies, VALUE), "unavailable");
}
