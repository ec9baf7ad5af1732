// ring.h - who owns which keys: the ring document in memory.
//
// The token space 0 .. 2^64-1 is cut into Q equal arcs, the partitions (Dynamo's
// strategy 3). The document lists for each partition its owners in order of
// preference; the owners of a key are one look-up away:
//
//     token = hash64(keyspace id, key)     partition = token >> (64 - log2 Q)
//
// A keyspace with N copies uses the first N owners of a partition's list (with several
// datacenters: the first N_d owners of the list in each datacenter d). The document is
// the same on every node of an epoch; routers and stores carry its epoch in every
// message. Its text form is ring_text.h, its making ring_plan.h.
//
// While data moves, the document has two lists for each partition, and a keyspace may have two
// numbers of copies: who owns it before and who does after (ring_move.h). Until then both are
// owners.
//
// Limits: 1024 nodes, 64 to 65536 partitions, 256 keyspaces, 9 copies.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

enum {
    RING_EPOCH_MAX = INT32_MAX, // messages have 32 bits for it
    RING_NODES_MAX = 1024,
    RING_PORTS = 6, // that a node listens on, from its base port on
    RING_NUMBER_MAX = UINT16_MAX,
    RING_PARTITIONS_MIN = 64,
    RING_PARTITIONS_MAX = 65536,
    RING_PARTITIONS_DEFAULT = 256,
    RING_KEYSPACES_MAX = 256,
    RING_COPIES_MAX = 9,
    RING_OWNERS_MAX = 2 * RING_COPIES_MAX, // those before and those after
    RING_NAME_SIZE_MAX = 63,               // names of nodes, keyspaces, racks, datacenters
    RING_DCS_MAX = 16,
    RING_DEFAULT_KEYSPACE = 1, // id of the keyspace "default"
    RING_WEIGHT_MAX = 10000,
    RING_NO_OWNER = UINT16_MAX, // in an owner list: the planner is to fill it in
};

enum ring_node_state {
    RING_NODE_UP,      // a member; whether it answers is not the ring's business
    RING_NODE_LEAVING, // a member that the next plan leaves nothing
    RING_NODE_DEAD,    // the same, and a move does not wait for it (ring_is_ignored())
};

// How far a move is. Writes need both sets of owners as long as there is one.
enum ring_move {
    RING_MOVE_NONE,
    RING_MOVE_READ_OLD, // those before are read, those after are filled
    RING_MOVE_READ_NEW, // those after are read
    RING_MOVE_BACK,     // aborted: those before are read, those after are to go
};

struct ring_node {
    uint64_t id;     // random, never reused
    uint16_t number; // in a document from 1, never reused; 0 as long as there is none
    char name[RING_NAME_SIZE_MAX + 1];
    char address[256]; // host name or address
    uint16_t port;     // base port; see dkv-wire(7) for what listens where
    char dc[RING_NAME_SIZE_MAX + 1];
    char rack[RING_NAME_SIZE_MAX + 1];
    uint32_t weight; // 100 = normal, 0 = owns nothing
    enum ring_node_state state;
    char public_key[41]; // Z85
};

enum ring_conflict {
    RING_CONFLICT_VERSIONS,
    RING_CONFLICT_LWW,
};

// How many acknowledgements an operation needs. Numbers are 1..RING_COPIES_MAX.
enum ring_level {
    RING_LEVEL_DEFAULT = 0, // as the keyspace says
    RING_LEVEL_QUORUM = 32,
    RING_LEVEL_ALL,
    RING_LEVEL_LOCAL_QUORUM,
    RING_LEVEL_EACH_QUORUM,
};

struct ring_copies {                 // of a keyspace in one datacenter
    char dc[RING_NAME_SIZE_MAX + 1]; // "" = wherever
    uint8_t n;
};

struct ring_keyspace {
    uint32_t id;
    char name[RING_NAME_SIZE_MAX + 1];
    struct ring_copies copies[RING_DCS_MAX];
    uint8_t copies_count;                         // 1 with dc "" unless n is given per datacenter
    struct ring_copies next_copies[RING_DCS_MAX]; // what the next plan is to give it
    uint8_t next_copies_count;                    // 0: the same
    enum ring_conflict conflict;
    uint8_t r, w;   // enum ring_level or a number
    uint64_t ttl_s; // 0 = none
    uint64_t since; // the epoch in which `copies` last changed; 0 stands for 1
};

struct ring {
    uint64_t cluster;         // random id of the cluster
    uint64_t epoch;           // from 1
    uint64_t parent;          // hash of the document of the epoch before, 0 for the first
    uint32_t partition_count; // Q, a power of two
    struct ring_node *nodes;  // sorted by id
    uint32_t node_count;
    uint32_t number_max; // the largest number that a node of this cluster ever had
    bool is_version_1;   // read from a document without numbers: they are 1, 2, ... in this order
    struct ring_keyspace *keyspaces; // sorted by id
    uint32_t keyspace_count;
    uint8_t owner_count; // owners listed per partition
    uint16_t *owners;    // partition_count × owner_count indexes into nodes
    uint64_t *since;     // by partition: the epoch of the last change of its list; NULL: all 1
    enum ring_move move;
    uint8_t next_count; // owners listed per partition after the move
    uint16_t *next;     // partition_count × next_count; NULL: there is no move
};

void ring_release(struct ring *ring);

// Another one with the same content, to be released by itself.
struct ring ring_copy(const struct ring *ring);

// The rules that every document obeys: limits, order, unique ids, names and addresses,
// levels that the keyspace can meet, owner lists of distinct nodes (and holes). INVALID with the
// first rule that is broken.
enum status ring_check(const struct ring *ring, struct fault *fault) MUST_USE;

bool ring_is_name(struct bytes text);    // letters, digits, '.', '_', '-'; begins with no '-'
bool ring_is_address(struct bytes text); // what a host name, IPv4 or IPv6 address consists of

// The token of a key: hash64 over the keyspace id (u32, little-endian) and the key.
uint64_t ring_token(uint32_t keyspace, struct bytes key);

// Of `count` partitions the one that the token lies in, and the first token of one.
static inline uint32_t ring_partition_of(uint32_t count, uint64_t token)
{
    return (uint32_t)(token >> (64 - __builtin_ctz(count)));
}

static inline uint64_t ring_partition_begin(uint32_t count, uint32_t partition)
{
    return (uint64_t)partition << (64 - __builtin_ctz(count));
}

static inline uint32_t ring_partition(const struct ring *ring, uint64_t token)
{
    return ring_partition_of(ring->partition_count, token);
}

// The owners of a shard, as indexes into nodes. Those that are read come first, each part in order
// of preference. Sets are bits of positions.
struct ring_owners {
    uint16_t nodes[RING_OWNERS_MAX];
    uint8_t count;
    uint8_t reader_count;
    uint32_t before, after; // a write needs W of each; the same where nothing moves
};

void ring_find_owners(const struct ring *ring, uint32_t partition,
                      const struct ring_keyspace *keyspace, struct ring_owners *owners);

// The owners of a shard before a move, or after it, in order of preference; both the same where
// there is none. Returns how many.
uint32_t ring_list(const struct ring *ring, uint32_t partition,
                   const struct ring_keyspace *keyspace, bool is_after,
                   uint16_t nodes[RING_COPIES_MAX]);

// The set of this node alone, by its index; empty: it is no owner.
static inline uint32_t ring_owner_bit(const struct ring_owners *owners, uint32_t node)
{
    for (uint8_t i = 0; i < owners->count; i++) {
        if (owners->nodes[i] == node)
            return (uint32_t)1 << i;
    }
    return 0;
}

static inline bool ring_is_owner(const struct ring *ring, uint32_t partition,
                                 const struct ring_keyspace *keyspace, uint32_t node)
{
    struct ring_owners owners;
    ring_find_owners(ring, partition, keyspace, &owners);
    return ring_owner_bit(&owners, node);
}

// Whether a node owns anything, or is to.
bool ring_is_listed(const struct ring *ring, uint32_t node);

// Its operator has said that a node does not come back, and data moves: what it has is waited for
// by nobody. If it comes back all the same, its copies are lost ones.
static inline bool ring_is_ignored(const struct ring *ring, uint32_t node)
{
    return ring->move && ring->nodes[node].state == RING_NODE_DEAD;
}

// Those that are to be owners when the move is over.
static inline uint32_t ring_lasting_owners(const struct ring *ring,
                                           const struct ring_owners *owners)
{
    return ring->move == RING_MOVE_BACK ? owners->before : owners->after;
}

// All owners of a partition for a keyspace, in this order. Returns how many (the keyspace's N, or
// fewer nodes than that, or, while data moves, up to twice as many).
uint32_t ring_owners(const struct ring *ring, uint32_t partition,
                     const struct ring_keyspace *keyspace, uint16_t owners[RING_OWNERS_MAX]);

// The epoch since which the partition has its owners, for a keyspace (NULL: for any).
static inline uint64_t ring_since(const struct ring *ring, uint32_t partition,
                                  const struct ring_keyspace *keyspace)
{
    uint64_t since = ring->since ? ring->since[partition] : 1;
    return keyspace && keyspace->since > since ? keyspace->since : since;
}

// All nodes that are not owners, in the order in which they stand in for owners
// (clockwise: as they appear in the lists of this partition and the following ones; nodes
// that own nothing come last). Returns how many, at most max.
uint32_t ring_fallbacks(const struct ring *ring, uint32_t partition,
                        const struct ring_keyspace *keyspace, uint16_t *fallbacks, uint32_t max);

const struct ring_keyspace *ring_find_keyspace(const struct ring *ring, struct bytes name);
const struct ring_keyspace *ring_keyspace(const struct ring *ring, uint32_t id); // NULL if none
int ring_find_node(const struct ring *ring, uint64_t id);           // index, -1 if none
int ring_find_node_name(const struct ring *ring, const char *name); // index, -1 if none

uint32_t ring_copies_total(const struct ring_keyspace *keyspace); // N over all datacenters

// Gives a keyspace the copies that the next plan was to give it, if there are any.
void ring_take_next_copies(struct ring_keyspace *keyspace);

// "1".."9", "one", "quorum", "all", "local-quorum", "each-quorum". INVALID otherwise.
enum status ring_level_parse(struct bytes text, uint8_t *level) MUST_USE;
const char *ring_level_text(uint8_t level);

// Acknowledgements that `level` asks of n owners in one datacenter, 0 if it asks for more
// than n. `level` is not RING_LEVEL_DEFAULT.
uint32_t ring_level_count(uint8_t level, uint32_t n);
