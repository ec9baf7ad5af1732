#include "ring/ring_text_inside.h"

#include "base/hash.h"
#include "ring/ring_keyspaces.h"

#include <assert.h>
#include <inttypes.h>

const char *const ring_conflict_names[] = {"versions", "lww"};
const char *const ring_state_names[] = {"up", "leaving", "dead"};
const char *const ring_move_names[] = {"none", "read-old", "read-new", "back"};

const char *ring_move_text(enum ring_move move)
{
    return ring_move_names[move];
}

const char *ring_state_text(enum ring_node_state state)
{
    return ring_state_names[state];
}

int ring_text_version(const struct ring *ring)
{
    bool has_more = ring->move != RING_MOVE_NONE;
    for (uint32_t i = 0; i < ring->node_count; i++)
        has_more |= ring->nodes[i].state != RING_NODE_UP;
    for (uint32_t i = 0; i < ring->keyspace_count; i++)
        has_more |= ring->keyspaces[i].next_copies_count > 0;
    return has_more ? 3 : ring->is_version_1 ? 1 : 2;
}

bool ring_keeps_list(const struct ring *ring, uint32_t partition)
{
    return ring->owner_count == ring->next_count &&
           memcmp(ring->owners + (size_t)partition * ring->owner_count,
                  ring->next + (size_t)partition * ring->next_count,
                  ring->owner_count * sizeof *ring->owners) == 0;
}

static void format_node(const struct ring_node *node, bool has_number, struct buf *out)
{
    buf_printf(out, "node %016" PRIx64 " %s ", node->id, node->name);
    if (has_number)
        buf_printf(out, "number=%u ", node->number);
    buf_printf(out, "address=%s port=%u dc=%s rack=%s", node->address, node->port, node->dc,
               node->rack);
    buf_printf(out, " weight=%" PRIu32 " state=%s key=%s\n", node->weight,
               ring_state_names[node->state], node->public_key);
}

// The end of a line that may say since which epoch something is where it is.
static void format_since(uint64_t since, struct buf *out)
{
    if (since > 1)
        buf_printf(out, " since=%" PRIu64, since);
    buf_append_text(out, "\n");
}

static void format_keyspace(const struct ring_keyspace *keyspace, struct buf *out)
{
    buf_printf(out, "keyspace %" PRIu32 " %s n=", keyspace->id, keyspace->name);
    ring_copies_format(keyspace->copies, keyspace->copies_count, out);
    if (keyspace->next_copies_count) {
        buf_append_text(out, " next=");
        ring_copies_format(keyspace->next_copies, keyspace->next_copies_count, out);
    }
    buf_printf(out, " conflict=%s r=%s", ring_conflict_names[keyspace->conflict],
               ring_level_text(keyspace->r));
    buf_printf(out, " w=%s ttl=%" PRIu64, ring_level_text(keyspace->w), keyspace->ttl_s);
    format_since(keyspace->since, out);
}

static void format_list(const struct ring *ring, const uint16_t *owners, uint32_t count,
                        struct buf *out)
{
    for (uint32_t i = 0; i < count; i++) {
        assert(owners[i] < ring->node_count);
        buf_append_text(out, " ");
        buf_append_text(out, ring->nodes[owners[i]].name);
    }
}

// All but the last line.
static void format_body(const struct ring *ring, struct buf *out)
{
    int version = ring_text_version(ring);
    assert(ring->owners);
    buf_printf(out, "dkv-ring %d\n", version);
    buf_printf(out, "cluster %016" PRIx64 "\nepoch %" PRIu64 "\nparent %016" PRIx64 "\n",
               ring->cluster, ring->epoch, ring->parent);
    buf_printf(out, "partitions %" PRIu32 "\nowners %u\n", ring->partition_count,
               ring->owner_count);
    if (version > 1)
        buf_printf(out, "numbers %" PRIu32 "\n", ring->number_max);
    if (ring->move)
        buf_printf(out, "move %s owners=%u\n", ring_move_names[ring->move], ring->next_count);
    for (uint32_t i = 0; i < ring->node_count; i++)
        format_node(&ring->nodes[i], version > 1, out);
    for (uint32_t i = 0; i < ring->keyspace_count; i++)
        format_keyspace(&ring->keyspaces[i], out);
    for (uint32_t p = 0; p < ring->partition_count; p++) {
        buf_printf(out, "partition %" PRIu32, p);
        format_list(ring, ring->owners + (size_t)p * ring->owner_count, ring->owner_count, out);
        if (ring->next && !ring_keeps_list(ring, p)) {
            buf_append_text(out, " >");
            format_list(ring, ring->next + (size_t)p * ring->next_count, ring->next_count, out);
        }
        format_since(ring_since(ring, p, NULL), out);
    }
}

void ring_text_format(const struct ring *ring, struct buf *out)
{
    size_t begin = out->size;
    format_body(ring, out);
    uint64_t hash = hash64(bytes_of(out->data + begin, out->size - begin));
    buf_printf(out, "hash %016" PRIx64 "\n", hash);
}

uint64_t ring_text_hash(const struct ring *ring)
{
    struct buf body = {0};
    format_body(ring, &body);
    uint64_t hash = hash64(buf_bytes(&body));
    buf_release(&body);
    return hash;
}

void ring_node_format(const struct ring_node *node, struct buf *out)
{
    buf_append_text(out, "dkv-node 1\n");
    format_node(node, false, out);
}
