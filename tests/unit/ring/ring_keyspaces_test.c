#include "ring/ring_keyspaces.h"

#include "fixture/nodes.h"
#include "ring/ring_move.h"
#include "ring/ring_successor.h"
#include "ring/ring_text.h"
#include "unit/unit.h"

#include <string.h>

static struct ring copy_of(const struct ring *ring)
{
    struct buf text = {0};
    struct ring copy = {0};
    ring_text_format(ring, &text);
    assert_int_equal(ring_text_parse(&copy, buf_bytes(&text), NULL), STATUS_OK);
    buf_release(&text);
    return copy;
}

static struct ring_keyspace keyspace_of(const char *name, const char *copies)
{
    struct ring_keyspace keyspace = {.r = RING_LEVEL_QUORUM, .w = RING_LEVEL_QUORUM};
    snprintf(keyspace.name, sizeof keyspace.name, "%s", name);
    assert_int_equal(ring_copies_parse(bytes_of_text(copies), &keyspace, NULL), STATUS_OK);
    return keyspace;
}

// Adds it to a copy, which then follows `before`.
static enum status add(const struct ring *before, const char *name, const char *copies,
                       struct ring *next, struct fault *fault)
{
    struct ring_keyspace keyspace = keyspace_of(name, copies);
    *next = copy_of(before);
    enum status status = ring_add_keyspace(next, &keyspace, fault);
    if (!status)
        ring_succeed(next, before);
    return status;
}

static void assert_follows(const struct ring *before, const struct ring *next)
{
    struct fault fault = {0};
    if (ring_check(next, &fault) || ring_check_successor(before, next, &fault) ||
        ring_check_step(before, next, &fault))
        fail_msg("%s", fault.text);
}

TEST(a_new_keyspace_moves_nothing_however_many_copies_it_has)
{
    struct ring first = make_ring(6, 64, 0, 0);
    for (char n = '1'; n <= '6'; n++) {
        struct ring next;
        char copies[2] = {n, 0};
        assert_int_equal(add(&first, "new", copies, &next, NULL), STATUS_OK);
        assert_follows(&first, &next);
        const struct ring_keyspace *keyspace = ring_find_keyspace(&next, bytes_of_text("new"));
        assert_int_equal(keyspace->id, 2);
        assert_int_equal(keyspace->since, 2);
        uint32_t load[6] = {0};
        for (uint32_t p = 0; p < next.partition_count; p++) {
            uint16_t owners[RING_OWNERS_MAX];
            assert_int_equal(ring_owners(&next, p, keyspace, owners), n - '0');
            for (int i = 0; i < n - '0'; i++)
                load[owners[i]]++;
        }
        for (uint32_t i = 0; i < 6; i++) // of 64 partitions; racks do not matter here
            assert_in_range(load[i], (uint32_t)(n - '0') * 64 / 6 - 2,
                            (uint32_t)(n - '0') * 64 / 6 + 3);
        ring_release(&next);
    }
    ring_release(&first);
}

TEST(copies_of_datacenters_come_from_there)
{
    struct ring first = make_ring(9, 64, 3, 3), next;
    assert_int_equal(add(&first, "here", "dc1:3,dc2:1", &next, NULL), STATUS_OK);
    assert_follows(&first, &next);
    ring_release(&next);
    struct ring plain = make_ring(6, 64, 0, 0);
    for (uint32_t i = 0; i < 6; i++) // the default keyspace does not know them
        snprintf(plain.nodes[i].dc, sizeof plain.nodes[i].dc, "dc%u", i % 2 + 1);
    assert_int_equal(add(&plain, "both", "dc2:3,dc1:2", &next, NULL), STATUS_OK);
    assert_follows(&plain, &next);
    const struct ring_keyspace *both = ring_find_keyspace(&next, bytes_of_text("both"));
    for (uint32_t p = 0; p < next.partition_count; p++) {
        uint16_t owners[RING_OWNERS_MAX];
        uint32_t in_dc1 = 0;
        assert_int_equal(ring_owners(&next, p, both, owners), 5);
        for (uint32_t i = 0; i < 5; i++)
            in_dc1 += strcmp(next.nodes[owners[i]].dc, "dc1") == 0;
        assert_int_equal(in_dc1, 2);
    }
    ring_release(&next);
    ring_release(&plain);
    ring_release(&first);
}

TEST(what_cannot_be_says_why_and_changes_nothing)
{
    struct ring first = make_ring(3, 64, 0, 0), next;
    struct fault fault = {0};
    uint64_t hash = ring_text_hash(&first);
    assert_int_equal(add(&first, "wide", "4", &next, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "there are not nodes enough");
    assert_true(ring_text_hash(&next) == hash);
    ring_release(&next);
    assert_int_equal(add(&first, "far", "dc1:1", &next, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "there are not nodes enough in datacenter dc1");
    ring_release(&next);
    assert_int_equal(add(&first, "default", "2", &next, &fault), STATUS_EXISTS);
    ring_release(&next);
    assert_int_equal(add(&first, "a/b", "2", &next, &fault), STATUS_INVALID);
    assert_true(ring_text_hash(&next) == hash);
    assert_int_equal(ring_drop_keyspace(&next, "default", &fault), STATUS_INVALID);
    assert_int_equal(ring_drop_keyspace(&next, "other", &fault), STATUS_NOT_FOUND);
    ring_release(&next);
    ring_release(&first);
}

TEST(an_id_is_never_given_again)
{
    struct ring first = make_ring(3, 64, 0, 0), second, third, fourth;
    assert_int_equal(add(&first, "a", "3", &second, NULL), STATUS_OK);
    third = copy_of(&second);
    assert_int_equal(ring_drop_keyspace(&third, "a", NULL), STATUS_OK);
    ring_succeed(&third, &second);
    assert_follows(&second, &third);
    assert_int_equal(third.keyspace_count, 1);
    assert_int_equal(add(&third, "a", "3", &fourth, NULL), STATUS_OK);
    assert_follows(&third, &fourth);
    assert_int_equal(ring_find_keyspace(&fourth, bytes_of_text("a"))->id, 4);
    struct fault fault = {0};
    fourth.keyspaces[1].id = 2;
    assert_int_equal(ring_check_successor(&third, &fourth, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "keyspace a has the id 2 of another epoch");
    ring_release(&first);
    ring_release(&second);
    ring_release(&third);
    ring_release(&fourth);
}

TEST(copies_are_a_number_or_one_for_each_datacenter)
{
    static const char *const good[] = {"1", "9", "a:1", "a:1,b:2"};
    static const char *const bad[] = {"",    "0",       "10",    "x",     "a:",  ":1",
                                      "a:0", "a:12",    "a:1,2", "1,a:2", "1,2", "a:1,",
                                      ",",   "a:1,a:2", "a b:1", "-a:1",  "+1",  " 1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct ring_keyspace keyspace = {0};
        struct buf text = {0};
        assert_int_equal(ring_copies_parse(bytes_of_text(good[i]), &keyspace, NULL), STATUS_OK);
        ring_copies_format(keyspace.copies, keyspace.copies_count, &text);
        assert_string_equal(buf_text(&text), good[i]);
        buf_release(&text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ring_keyspace keyspace = {0};
        if (!ring_copies_parse(bytes_of_text(bad[i]), &keyspace, NULL))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}
