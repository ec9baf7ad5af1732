// The ring document: one text for one ring, and no other text is accepted.
#include "unit/unit.h"

#include "base/hash.h"
#include "fixture/nodes.h"
#include "ring/ring_plan.h"
#include "ring/ring_text.h"

static const char golden[] = "tests/unit/ring/golden/two-datacenters.ring";
static const char golden_2[] = "tests/unit/ring/golden/two-datacenters-2.ring";

static void read_file(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size;
    do {
        buf_reserve(text, 4096);
        size = fread(text->data + text->size, 1, 4096, file);
        text->size += size;
    } while (size > 0);
    fclose(file);
}

static struct buf text_of(const struct ring *ring)
{
    struct buf text = {0};
    ring_text_format(ring, &text);
    return text;
}

// The document with `from` replaced by `to` once and a hash line that fits.
static struct buf changed(const struct ring *ring, const char *from, const char *to)
{
    struct buf text = text_of(ring), out = {0};
    const char *begin = buf_text(&text), *at = strstr(begin, from);
    assert_non_null(at);
    buf_append(&out, bytes_of(begin, (size_t)(at - begin)));
    buf_append_text(&out, to);
    buf_append_text(&out, at + strlen(from));
    out.size -= strlen("hash 0123456789abcdef\n");
    uint64_t hash = hash64(buf_bytes(&out));
    buf_printf(&out, "hash %016llx\n", (unsigned long long)hash);
    buf_release(&text);
    return out;
}

TEST(a_document_is_read_back_and_written_the_same)
{
    static const uint32_t shapes[][3] = {{1, 0, 0}, {3, 0, 0}, {7, 3, 0}, {10, 2, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct ring ring = make_ring(shapes[i][0], 64, shapes[i][1], shapes[i][2]), back = {0};
        ring.epoch = 12;
        ring.parent = 0xfedcba9876543210;
        ring.keyspaces[0].conflict = RING_CONFLICT_LWW;
        ring.keyspaces[0].w = 1;
        ring.keyspaces[0].ttl_s = UINT64_MAX;
        struct buf text = text_of(&ring);
        assert_int_equal(ring_text_parse(&back, buf_bytes(&text), NULL), STATUS_OK);
        struct buf again = text_of(&back);
        assert_true(bytes_equal(buf_bytes(&text), buf_bytes(&again)));
        assert_memory_equal(back.nodes, ring.nodes, ring.node_count * sizeof *ring.nodes);
        assert_memory_equal(back.keyspaces, ring.keyspaces, sizeof *ring.keyspaces);
        assert_memory_equal(back.owners, ring.owners, 64u * ring.owner_count * sizeof *ring.owners);
        buf_release(&text);
        buf_release(&again);
        ring_release(&back);
        ring_release(&ring);
    }
}

// The document of a file, which is written the same again.
static struct ring read_golden(const char *path)
{
    struct buf text = {0};
    struct ring ring = {0};
    struct fault fault = {0};
    read_file(path, &text);
    assert_int_equal(ring_text_parse(&ring, buf_bytes(&text), &fault), STATUS_OK);
    struct buf again = text_of(&ring);
    assert_true(bytes_equal(buf_bytes(&text), buf_bytes(&again)));
    buf_release(&text);
    buf_release(&again);
    return ring;
}

static void check_golden(const struct ring *read)
{
    struct ring ring = *read;
    assert_int_equal(ring.epoch, 3);
    assert_int_equal(ring.node_count, 4);
    assert_string_equal(ring.nodes[0].dc, "east");
    assert_string_equal(ring.nodes[0].public_key, "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID");
    assert_int_equal(ring.keyspaces[1].copies[1].n, 2);
    assert_int_equal(ring.keyspaces[1].w, RING_LEVEL_EACH_QUORUM);
    assert_int_equal(ring.keyspaces[2].conflict, RING_CONFLICT_LWW);
    assert_int_equal(ring.keyspaces[2].ttl_s, 86400);
}

TEST(a_document_of_version_1_stays_readable)
{
    struct ring ring = read_golden(golden);
    check_golden(&ring);
    assert_true(ring.is_version_1);
    for (uint16_t i = 0; i < ring.node_count; i++)
        assert_int_equal(ring.nodes[i].number, i + 1);
    assert_int_equal(ring.number_max, 4);
    ring_release(&ring);
}

TEST(a_document_of_version_2_stays_readable)
{
    struct ring ring = read_golden(golden_2);
    check_golden(&ring);
    assert_false(ring.is_version_1);
    static const uint16_t numbers[] = {2, 1, 7, 5};
    for (uint32_t i = 0; i < ring.node_count; i++)
        assert_int_equal(ring.nodes[i].number, numbers[i]);
    assert_int_equal(ring.number_max, 9);
    ring_release(&ring);
}

TEST(a_document_of_version_1_that_gets_a_node_has_numbers)
{
    struct ring ring = read_golden(golden), back = {0};
    struct ring_node node = make_node(9, 2, 2);
    struct fault fault;
    assert_int_equal(ring_add_node(&ring, &node, &fault), STATUS_OK);
    int at = ring_find_node(&ring, node.id);
    assert_int_equal(ring.nodes[at].number, 5);
    struct buf text = text_of(&ring);
    assert_true(bytes_has_prefix(buf_bytes(&text), bytes_of_text("dkv-ring 2\n")));
    assert_int_equal(ring_text_parse(&back, buf_bytes(&text), &fault), STATUS_OK);
    assert_memory_equal(back.nodes, ring.nodes, ring.node_count * sizeof *ring.nodes);
    buf_release(&text);
    ring_release(&back);
    ring_release(&ring);
}

TEST(a_document_of_later_days_is_no_damage)
{
    struct ring ring = make_ring(3, 64, 0, 0), back = {0};
    struct buf text = changed(&ring, "dkv-ring 2", "dkv-ring 4");
    struct fault fault;
    assert_int_equal(ring_text_parse(&back, buf_bytes(&text), &fault), STATUS_CORRUPT);
    assert_string_equal(fault.text, "line 1: written by a newer dkv, or no ring document");
    buf_release(&text);
    ring_release(&ring);
}

TEST(a_damaged_document_is_refused)
{
    struct ring ring = make_ring(3, 64, 0, 0), back = {0};
    struct buf text = text_of(&ring);
    for (size_t i = 0; i < text.size; i++) {
        text.data[i] ^= 1;
        assert_int_equal(ring_text_parse(&back, buf_bytes(&text), NULL), STATUS_CORRUPT);
        text.data[i] ^= 1;
        assert_int_equal(ring_text_parse(&back, bytes_of(text.data, i), NULL), STATUS_CORRUPT);
    }
    buf_append_text(&text, "\n");
    assert_int_equal(ring_text_parse(&back, buf_bytes(&text), NULL), STATUS_CORRUPT);
    assert_null(back.nodes);
    buf_release(&text);
    ring_release(&ring);
}

TEST(only_the_canonical_text_is_accepted)
{
    static const char *const changes[][2] = {
        {"epoch 1\n", "epoch 01\n"},
        {"epoch 1\n", "epoch 1 \n"},
        {"epoch 1\n", "epoch  1\n"},
        {"epoch 1\n", "epoch 1\r\n"},
        {"epoch 1\n", "epoch 0\n"},
        {"epoch 1\n", "epoch 18446744073709551616\n"},
        {"cluster 1122", "cluster 1122334455667788\ncluster 1122"},
        {"cluster 1122334455667788", "cluster 112233445566778"},
        {"cluster 1122334455667788", "cluster 11223344556677AA"},
        {"partitions 64", "partitions 128"},
        {"partitions 64", "partitions 65"},
        {"owners 3", "owners 2"},
        {"owners 3", "owners 10"},
        {"numbers 3", "numbers 2"},
        {"numbers 3", "numbers 65536"},
        {"numbers 3\n", ""},
        {"number=2", "number=1"},
        {"number=2", "number=0"},
        {"number=2 ", ""},
        {" n1 ", " -n1 "},
        {" n1 ", " n2 "},
        {" n1 ", " n/1 "},
        {"10.0.0.1 ", "10.0.0.2 "},
        {"10.0.0.1 ", "10.0.0.1/ "},
        {"port=7400", "port=0"},
        {"port=7400", "port=65536"},
        {"weight=100", "weight=10001"},
        {"state=up", "state=on"},
        {"key=", "key=short"},
        {"keyspace 1 ", "keyspace 4294967296 "},
        {"n=3", "n=0"},
        {"n=3", "n=3,"},
        {"n=3", "n=3,4"},
        {"n=3", "n=b:2,a:1"},
        {"n=3", "n=a:5,b:5"},
        {"r=quorum", "r=4"},
        {"r=quorum", "r=one"},
        {"r=quorum", "r=default"},
        {"partition 1 ", "partition 2 "},
    };
    struct ring ring = make_ring(3, 64, 0, 0), back = {0};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct buf text = changed(&ring, changes[i][0], changes[i][1]);
        if (ring_text_parse(&back, buf_bytes(&text), NULL) != STATUS_CORRUPT)
            fail_msg("%s for %s", changes[i][1], changes[i][0]);
        buf_release(&text);
    }
    ring_release(&ring);
}

TEST(a_partition_has_distinct_owners_that_exist)
{
    struct ring ring = make_ring(3, 64, 0, 0), back = {0};
    const char *names[] = {"n9", "n"};
    for (size_t i = 0; i < 2; i++) {
        char from[96], to[96];
        snprintf(from, sizeof from, "partition 0 %s ", ring.nodes[ring.owners[0]].name);
        snprintf(to, sizeof to, "partition 0 %s ", names[i]);
        struct buf text = changed(&ring, from, to);
        assert_int_equal(ring_text_parse(&back, buf_bytes(&text), NULL), STATUS_CORRUPT);
        buf_release(&text);
    }
    ring.owners[1] = ring.owners[0];
    struct buf text = text_of(&ring);
    struct fault fault;
    assert_int_equal(ring_text_parse(&back, buf_bytes(&text), &fault), STATUS_CORRUPT);
    assert_non_null(strstr(fault.text, "owns it twice"));
    buf_release(&text);
    ring_release(&ring);
}

TEST(a_fault_names_the_line)
{
    struct ring ring = make_ring(3, 64, 0, 0), back = {0};
    struct fault fault;
    struct buf text = changed(&ring, "port=7400 ", "port=x ");
    assert_int_equal(ring_text_parse(&back, buf_bytes(&text), &fault), STATUS_CORRUPT);
    assert_string_equal(fault.text, "line 8: bad number");
    buf_release(&text);
    text = changed(&ring, "owners 3", "copies 3");
    assert_int_equal(ring_text_parse(&back, buf_bytes(&text), &fault), STATUS_CORRUPT);
    assert_string_equal(fault.text, "line 6: expected \"owners\"");
    buf_release(&text);
    ring_release(&ring);
}

TEST(the_hash_is_that_of_the_last_line)
{
    struct ring ring = make_ring(3, 64, 0, 0);
    struct buf text = text_of(&ring);
    char line[32];
    snprintf(line, sizeof line, "\nhash %016llx\n", (unsigned long long)ring_text_hash(&ring));
    assert_non_null(strstr(buf_text(&text), line));
    buf_release(&text);
    ring_release(&ring);
}

TEST(the_public_part_of_a_node_is_read_back)
{
    struct ring_node node = make_node(0, 2, 2), back = {0};
    struct buf text = {0};
    memcpy(node.public_key, "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", 40);
    ring_node_format(&node, &text);
    assert_int_equal(ring_node_parse(&back, buf_bytes(&text), NULL), STATUS_OK);
    assert_memory_equal(&node, &back, sizeof node);
    for (size_t i = 0; i < text.size; i++)
        assert_int_equal(ring_node_parse(&back, bytes_of(text.data, i), NULL), STATUS_CORRUPT);
    buf_append_text(&text, "node");
    assert_int_equal(ring_node_parse(&back, buf_bytes(&text), NULL), STATUS_CORRUPT);
    buf_release(&text);
}
