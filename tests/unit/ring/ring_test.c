// Keys find their owners.
#include "unit/unit.h"

#include "fixture/nodes.h"
#include "ring/ring.h"

TEST(the_token_of_a_key_never_changes)
{
    assert_true(ring_token(1, bytes_of_text("greeting")) == 0x1d3d53a0783e927a);
    assert_true(ring_token(1, bytes_of_text("")) == 0xdb02334e96d65708);
    assert_true(ring_token(2, bytes_of_text("greeting")) == 0x81f1395614f84f29);
}

TEST(a_key_of_any_size_has_a_token)
{
    uint8_t *key = xcalloc(1, 70000);
    for (size_t i = 1; i < 70000; i += 4091)
        assert_true(ring_token(1, bytes_of(key, i)) != ring_token(1, bytes_of(key, i - 1)));
    free(key);
}

TEST(partitions_are_equal_arcs_of_the_tokens)
{
    struct ring ring = {.partition_count = 256};
    assert_int_equal(ring_partition(&ring, 0), 0);
    assert_int_equal(ring_partition(&ring, UINT64_MAX), 255);
    assert_int_equal(ring_partition(&ring, 1ull << 56), 1);
    assert_int_equal(ring_partition(&ring, (1ull << 56) - 1), 0);
    ring.partition_count = 65536;
    assert_int_equal(ring_partition(&ring, UINT64_MAX), 65535);
    uint64_t begin = ring_partition_begin(65536, 65535);
    assert_int_equal(ring_partition_of(65536, begin), 65535);
    assert_int_equal(ring_partition_of(65536, begin - 1), 65534);
}

TEST(a_preference_list_never_repeats_a_node)
{
    struct ring ring = make_ring(7, 256, 0, 0);
    for (uint32_t p = 0; p < ring.partition_count; p++) {
        uint16_t owners[RING_OWNERS_MAX];
        assert_int_equal(ring_owners(&ring, p, &ring.keyspaces[0], owners), 3);
        assert_true(owners[0] != owners[1] && owners[1] != owners[2] && owners[0] != owners[2]);
    }
    ring_release(&ring);
}

TEST(a_keyspace_with_fewer_copies_uses_the_first_owners)
{
    struct ring ring = make_ring(5, 64, 0, 0);
    struct ring_keyspace one = ring.keyspaces[0];
    one.copies[0].n = 1;
    uint16_t three[RING_OWNERS_MAX], first[RING_OWNERS_MAX];
    for (uint32_t p = 0; p < 64; p++) {
        ring_owners(&ring, p, &ring.keyspaces[0], three);
        assert_int_equal(ring_owners(&ring, p, &one, first), 1);
        assert_int_equal(first[0], three[0]);
    }
    ring_release(&ring);
}

TEST(a_keyspace_takes_its_copies_in_each_datacenter)
{
    struct ring ring = make_ring(10, 64, 0, 2);
    struct ring_keyspace keyspace = ring.keyspaces[0];
    keyspace.copies[1].n = 1;
    for (uint32_t p = 0; p < 64; p++) {
        uint16_t owners[RING_OWNERS_MAX];
        uint32_t in_first = 0;
        assert_int_equal(ring_owners(&ring, p, &keyspace, owners), 4);
        for (uint32_t i = 0; i < 4; i++)
            in_first += strcmp(ring.nodes[owners[i]].dc, "dc1") == 0;
        assert_int_equal(in_first, 3);
    }
    ring_release(&ring);
}

TEST(fallbacks_are_all_other_nodes_clockwise)
{
    struct ring ring = make_ring(7, 64, 0, 0);
    for (uint32_t p = 0; p < 64; p++) {
        uint16_t owners[RING_OWNERS_MAX], fallbacks[7], next[RING_OWNERS_MAX];
        uint32_t seen = 0;
        ring_owners(&ring, p, &ring.keyspaces[0], owners);
        assert_int_equal(ring_fallbacks(&ring, p, &ring.keyspaces[0], fallbacks, 7), 4);
        for (uint32_t i = 0; i < 3; i++)
            seen |= 1u << owners[i];
        ring_owners(&ring, (p + 1) % 64, &ring.keyspaces[0], next);
        for (uint32_t i = 0, k = 0; i < 3; i++)
            if (!(seen >> next[i] & 1))
                assert_int_equal(fallbacks[k++], next[i]);
        for (uint32_t i = 0; i < 4; i++)
            seen |= 1u << fallbacks[i];
        assert_int_equal(seen, 127);
        assert_int_equal(ring_fallbacks(&ring, p, &ring.keyspaces[0], fallbacks, 2), 2);
    }
    ring_release(&ring);
}

TEST(a_node_that_owns_nothing_is_the_last_fallback)
{
    struct ring ring = make_ring(5, 64, 0, 0);
    ring.nodes[2].weight = 0;
    assert_int_equal(ring_plan(&ring, NULL), STATUS_OK);
    uint16_t fallbacks[5];
    assert_int_equal(ring_fallbacks(&ring, 9, &ring.keyspaces[0], fallbacks, 5), 2);
    assert_int_equal(fallbacks[1], 2);
    ring_release(&ring);
}

TEST(nodes_and_keyspaces_are_found_by_id_and_by_name)
{
    struct ring ring = make_ring(9, 64, 0, 0);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(ring_find_node(&ring, ring.nodes[i].id), i);
        assert_int_equal(ring_find_node_name(&ring, ring.nodes[i].name), i);
    }
    assert_int_equal(ring_find_node(&ring, ring.nodes[4].id + 1), -1);
    assert_int_equal(ring_find_node(&ring, UINT64_MAX), -1);
    assert_int_equal(ring_find_node_name(&ring, "n"), -1);
    assert_ptr_equal(ring_find_keyspace(&ring, bytes_of_text("default")), ring.keyspaces);
    assert_null(ring_find_keyspace(&ring, bytes_of_text("defaul")));
    assert_ptr_equal(ring_keyspace(&ring, RING_DEFAULT_KEYSPACE), ring.keyspaces);
    assert_null(ring_keyspace(&ring, 2));
    ring_release(&ring);
    ring_release(&ring);
}

TEST(levels_are_read_back_from_their_text)
{
    static const char *const texts[] = {"1", "9", "quorum", "all", "local-quorum", "each-quorum"};
    uint8_t level;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(ring_level_parse(bytes_of_text(texts[i]), &level), STATUS_OK);
        assert_string_equal(ring_level_text(level), texts[i]);
    }
    assert_int_equal(ring_level_parse(bytes_of_text("one"), &level), STATUS_OK);
    assert_int_equal(level, 1);
    static const char *const bad[] = {"", "0", "10", "-1", "two", "default", "QUORUM"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ring_level_parse(bytes_of_text(bad[i]), &level), STATUS_INVALID);
}

TEST(a_level_asks_for_no_more_than_there_is)
{
    assert_int_equal(ring_level_count(2, 3), 2);
    assert_int_equal(ring_level_count(4, 3), 0);
    assert_int_equal(ring_level_count(RING_LEVEL_QUORUM, 3), 2);
    assert_int_equal(ring_level_count(RING_LEVEL_QUORUM, 4), 3);
    assert_int_equal(ring_level_count(RING_LEVEL_ALL, 5), 5);
    assert_int_equal(ring_level_count(RING_LEVEL_LOCAL_QUORUM, 2), 2);
    assert_int_equal(ring_level_count(RING_LEVEL_QUORUM, 0), 0);
    assert_int_equal(ring_level_count(20, 9), 0);
    assert_int_equal(ring_level_count(99, 9), 0);
}
