#include "ring/ring.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

void ring_release(struct ring *ring)
{
    free(ring->nodes);
    free(ring->keyspaces);
    free(ring->owners);
    free(ring->since);
    free(ring->next);
    *ring = (struct ring){0};
}

static void *copy_of(const void *from, size_t count, size_t size)
{
    void *copy = from ? xmalloc(count * size + 1) : NULL;
    if (from)
        memcpy(copy, from, count * size);
    return copy;
}

struct ring ring_copy(const struct ring *ring)
{
    struct ring copy = *ring;
    size_t q = ring->partition_count;
    copy.nodes = copy_of(ring->nodes, ring->node_count, sizeof *ring->nodes);
    copy.keyspaces = copy_of(ring->keyspaces, ring->keyspace_count, sizeof *ring->keyspaces);
    copy.owners = copy_of(ring->owners, q * ring->owner_count, sizeof *ring->owners);
    copy.since = copy_of(ring->since, q, sizeof *ring->since);
    copy.next = copy_of(ring->next, q * ring->next_count, sizeof *ring->next);
    return copy;
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool ring_is_name(struct bytes text)
{
    if (text.size == 0 || text.size > RING_NAME_SIZE_MAX || text.data[0] == '-')
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_alphanumeric(text.data[i]) && !memchr("._-", text.data[i], 3))
            return false;
    return true;
}

bool ring_is_address(struct bytes text)
{
    if (text.size == 0 || text.size >= sizeof((struct ring_node *)0)->address)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_alphanumeric(text.data[i]) && !memchr(".:_%[]-", text.data[i], 7))
            return false;
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const struct ring_node *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static int compare_addresses(const void *left, const void *right)
{
    const struct ring_node *const *a = left, *const *b = right;
    int order = strcmp((*a)->address, (*b)->address);
    return order ? order : ((*a)->port > (*b)->port) - ((*a)->port < (*b)->port);
}

static enum status check_unique(const struct ring *ring, struct fault *fault)
{
    const struct ring_node **sorted = xcalloc(ring->node_count, sizeof(*sorted));
    for (uint32_t i = 0; i < ring->node_count; i++)
        sorted[i] = &ring->nodes[i];
    enum status status = STATUS_OK;
    qsort(sorted, ring->node_count, sizeof(*sorted), compare_names);
    for (uint32_t i = 1; i < ring->node_count && status == STATUS_OK; i++)
        if (compare_names(&sorted[i - 1], &sorted[i]) == 0)
            status = fault_set(fault, STATUS_INVALID, "two nodes are named %s", sorted[i]->name);
    qsort(sorted, ring->node_count, sizeof(*sorted), compare_addresses);
    for (uint32_t i = 1; i < ring->node_count && status == STATUS_OK; i++)
        if (compare_addresses(&sorted[i - 1], &sorted[i]) == 0)
            status = fault_set(fault, STATUS_INVALID, "nodes %s and %s have the same address",
                               sorted[i - 1]->name, sorted[i]->name);
    free(sorted);
    return status;
}

static enum status check_node(const struct ring_node *node, struct fault *fault)
{
    if (!ring_is_name(bytes_of_text(node->name)))
        return fault_set(fault, STATUS_INVALID, "bad node name \"%s\"", node->name);
    if (!ring_is_address(bytes_of_text(node->address)) || node->port == 0)
        return fault_set(fault, STATUS_INVALID, "node %s: bad address", node->name);
    if (node->port > UINT16_MAX - (RING_PORTS - 1))
        return fault_set(fault, STATUS_INVALID, "node %s: it needs %d ports from %u on", node->name,
                         RING_PORTS, node->port);
    if (node->dc[0] && !ring_is_name(bytes_of_text(node->dc)))
        return fault_set(fault, STATUS_INVALID, "node %s: bad datacenter", node->name);
    if (node->rack[0] && !ring_is_name(bytes_of_text(node->rack)))
        return fault_set(fault, STATUS_INVALID, "node %s: bad rack", node->name);
    if (node->weight > RING_WEIGHT_MAX)
        return fault_set(fault, STATUS_INVALID, "node %s: weight above %d", node->name,
                         RING_WEIGHT_MAX);
    return STATUS_OK;
}

// Numbers name the actors of a node for ever: two nodes must never have had the same.
static enum status check_numbers(const struct ring *ring, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (ring->number_max > RING_NUMBER_MAX)
        return fault_set(fault, STATUS_INVALID, "no number above %d is for nodes", RING_NUMBER_MAX);
    const struct ring_node **owners = xcalloc(ring->number_max + 1, sizeof *owners);
    for (uint32_t i = 0; i < ring->node_count && !status; i++) {
        const struct ring_node *node = &ring->nodes[i];
        if (!node->number || node->number > ring->number_max)
            status = fault_set(fault, STATUS_INVALID, "node %s: number %u was never given",
                               node->name, node->number);
        else if (owners[node->number])
            status = fault_set(fault, STATUS_INVALID, "nodes %s and %s have the same number",
                               owners[node->number]->name, node->name);
        else
            owners[node->number] = node;
    }
    free(owners);
    return status;
}

// Of a keyspace, before or after a move.
static enum status check_copies(const struct ring_keyspace *keyspace,
                                const struct ring_copies *copies, uint32_t count,
                                struct fault *fault)
{
    const char *name = keyspace->name;
    uint32_t n = 0;
    if (count == 0 || count > RING_DCS_MAX)
        return fault_set(fault, STATUS_INVALID, "keyspace %s: no copies", name);
    for (uint32_t i = 0; i < count; i++) {
        bool anywhere = count == 1 && !copies[i].dc[0];
        if (copies[i].n == 0 || (!anywhere && !ring_is_name(bytes_of_text(copies[i].dc))))
            return fault_set(fault, STATUS_INVALID, "keyspace %s: bad copies", name);
        if (i > 0 && strcmp(copies[i - 1].dc, copies[i].dc) >= 0)
            return fault_set(fault, STATUS_INVALID, "keyspace %s: datacenters out of order", name);
        n += copies[i].n;
    }
    if (n > RING_COPIES_MAX)
        return fault_set(fault, STATUS_INVALID, "keyspace %s: more than %d copies", name,
                         RING_COPIES_MAX);
    if (keyspace->r == RING_LEVEL_DEFAULT || ring_level_count(keyspace->r, n) == 0 ||
        keyspace->w == RING_LEVEL_DEFAULT || ring_level_count(keyspace->w, n) == 0)
        return fault_set(fault, STATUS_INVALID, "keyspace %s: r or w asks for more than n", name);
    return STATUS_OK;
}

static enum status check_keyspace(const struct ring_keyspace *keyspace, struct fault *fault)
{
    if (!ring_is_name(bytes_of_text(keyspace->name)))
        return fault_set(fault, STATUS_INVALID, "bad keyspace name \"%s\"", keyspace->name);
    enum status status = check_copies(keyspace, keyspace->copies, keyspace->copies_count, fault);
    if (!status && keyspace->next_copies_count)
        status = check_copies(keyspace, keyspace->next_copies, keyspace->next_copies_count, fault);
    return status;
}

static enum status check_list(const struct ring *ring, uint32_t partition, const uint16_t *owners,
                              uint32_t count, struct fault *fault)
{
    for (uint32_t i = 0; i < count; i++) {
        if (owners[i] == RING_NO_OWNER)
            continue;
        if (owners[i] >= ring->node_count)
            return fault_set(fault, STATUS_INVALID, "partition %u: no such owner", partition);
        for (uint32_t k = 0; k < i; k++)
            if (owners[k] == owners[i])
                return fault_set(fault, STATUS_INVALID, "partition %u: %s owns it twice", partition,
                                 ring->nodes[owners[i]].name);
    }
    return STATUS_OK;
}

static enum status check_owners(const struct ring *ring, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (!ring->next != (ring->move == RING_MOVE_NONE))
        return fault_set(fault, STATUS_INVALID,
                         "a move has lists of owners after it, and else "
                         "there are none");
    for (uint32_t p = 0; ring->owners && !status && p < ring->partition_count; p++) {
        status = check_list(ring, p, ring->owners + (size_t)p * ring->owner_count,
                            ring->owner_count, fault);
        if (!status && ring->next)
            status = check_list(ring, p, ring->next + (size_t)p * ring->next_count,
                                ring->next_count, fault);
    }
    return status;
}

static enum status check_since(const struct ring *ring, struct fault *fault)
{
    for (uint32_t i = 0; i < ring->keyspace_count; i++) {
        if (ring->keyspaces[i].since > ring->epoch)
            return fault_set(fault, STATUS_INVALID, "keyspace %s: since an epoch to come",
                             ring->keyspaces[i].name);
    }
    for (uint32_t p = 0; ring->since && p < ring->partition_count; p++) {
        if (ring->since[p] > ring->epoch)
            return fault_set(fault, STATUS_INVALID, "partition %u: since an epoch to come", p);
    }
    return STATUS_OK;
}

enum status ring_check(const struct ring *ring, struct fault *fault)
{
    uint32_t q = ring->partition_count;
    if (q < RING_PARTITIONS_MIN || q > RING_PARTITIONS_MAX || (q & (q - 1)))
        return fault_set(fault, STATUS_INVALID,
                         "the partition count must be a power of two, %d to %d",
                         RING_PARTITIONS_MIN, RING_PARTITIONS_MAX);
    if (ring->node_count == 0 || ring->node_count > RING_NODES_MAX)
        return fault_set(fault, STATUS_INVALID, "a ring has 1 to %d nodes", RING_NODES_MAX);
    if (ring->keyspace_count == 0 || ring->keyspace_count > RING_KEYSPACES_MAX)
        return fault_set(fault, STATUS_INVALID, "a ring has 1 to %d keyspaces", RING_KEYSPACES_MAX);
    if (ring->owner_count > RING_COPIES_MAX || ring->next_count > RING_COPIES_MAX)
        return fault_set(fault, STATUS_INVALID, "more than %d owners", RING_COPIES_MAX);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        enum status status = check_node(&ring->nodes[i], fault);
        if (status)
            return status;
        if (i > 0 && ring->nodes[i - 1].id >= ring->nodes[i].id)
            return fault_set(fault, STATUS_INVALID, "node %s: id repeated or out of order",
                             ring->nodes[i].name);
    }
    for (uint32_t i = 0; i < ring->keyspace_count; i++) {
        enum status status = check_keyspace(&ring->keyspaces[i], fault);
        if (status)
            return status;
        if (i > 0 && ring->keyspaces[i - 1].id >= ring->keyspaces[i].id)
            return fault_set(fault, STATUS_INVALID, "keyspace %s: id repeated or out of order",
                             ring->keyspaces[i].name);
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(ring->keyspaces[k].name, ring->keyspaces[i].name) == 0)
                return fault_set(fault, STATUS_INVALID, "two keyspaces are named %s",
                                 ring->keyspaces[i].name);
    }
    enum status status = check_unique(ring, fault);
    if (!status)
        status = check_numbers(ring, fault);
    if (!status)
        status = check_since(ring, fault);
    return status ? status : check_owners(ring, fault);
}

// Keys of the usual size are joined to their keyspace on the stack; one hash over one
// piece costs a third of the streaming form.
uint64_t ring_token(uint32_t keyspace, struct bytes key)
{
    uint8_t stack[4 + 4096];
    uint8_t *joined = key.size <= sizeof stack - 4 ? stack : xmalloc(4 + key.size);
    store_u32(joined, keyspace);
    if (key.size)
        memcpy(joined + 4, key.data, key.size);
    uint64_t token = hash64(bytes_of(joined, 4 + key.size));
    if (joined != stack)
        free(joined);
    return token;
}

// The first owners of a list that are asked for. Returns how many.
static uint32_t choose(const struct ring *ring, const uint16_t *list, uint32_t size,
                       const struct ring_copies *copies, uint32_t copies_count, uint16_t *chosen)
{
    uint32_t count = 0;
    uint8_t left[RING_DCS_MAX];
    for (uint32_t d = 0; d < copies_count; d++)
        left[d] = copies[d].n;
    for (uint32_t i = 0; i < size; i++) {
        for (uint32_t d = 0; d < copies_count; d++) {
            const char *dc = copies[d].dc;
            if (left[d] > 0 && (!dc[0] || strcmp(dc, ring->nodes[list[i]].dc) == 0)) {
                left[d]--;
                chosen[count++] = list[i];
                break;
            }
        }
    }
    return count;
}

// Adds nodes that are not there yet. Returns the positions of all of them.
static uint32_t add_owners(struct ring_owners *owners, const uint16_t *nodes, uint32_t count)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t at = 0;
        while (at < owners->count && owners->nodes[at] != nodes[i])
            at++;
        if (at == owners->count)
            owners->nodes[owners->count++] = nodes[i];
        set |= (uint32_t)1 << at;
    }
    return set;
}

uint32_t ring_list(const struct ring *ring, uint32_t partition,
                   const struct ring_keyspace *keyspace, bool is_after,
                   uint16_t nodes[RING_COPIES_MAX])
{
    bool is_next = is_after && ring->next;
    bool has_next = is_next && keyspace->next_copies_count;
    uint32_t size = is_next ? ring->next_count : ring->owner_count;
    assert(partition < ring->partition_count);
    return choose(ring, (is_next ? ring->next : ring->owners) + (size_t)partition * size, size,
                  has_next ? keyspace->next_copies : keyspace->copies,
                  has_next ? keyspace->next_copies_count : keyspace->copies_count, nodes);
}

void ring_find_owners(const struct ring *ring, uint32_t partition,
                      const struct ring_keyspace *keyspace, struct ring_owners *owners)
{
    owners->count = 0;
    if (!ring->next) {
        owners->count = (uint8_t)ring_list(ring, partition, keyspace, false, owners->nodes);
        owners->reader_count = owners->count;
        owners->before = owners->after = ((uint32_t)1 << owners->count) - 1;
        return;
    }
    uint16_t before[RING_COPIES_MAX], after[RING_COPIES_MAX];
    uint32_t before_count = ring_list(ring, partition, keyspace, false, before);
    uint32_t after_count = ring_list(ring, partition, keyspace, true, after);
    bool is_new = ring->move == RING_MOVE_READ_NEW;
    owners->reader_count = (uint8_t)(is_new ? after_count : before_count);
    if (is_new)
        owners->after = add_owners(owners, after, after_count);
    owners->before = add_owners(owners, before, before_count);
    if (!is_new)
        owners->after = add_owners(owners, after, after_count);
}

uint32_t ring_owners(const struct ring *ring, uint32_t partition,
                     const struct ring_keyspace *keyspace, uint16_t nodes[RING_OWNERS_MAX])
{
    struct ring_owners owners;
    if (!ring->next)
        return ring_list(ring, partition, keyspace, false, nodes);
    ring_find_owners(ring, partition, keyspace, &owners);
    memcpy(nodes, owners.nodes, owners.count * sizeof *nodes);
    return owners.count;
}

uint32_t ring_fallbacks(const struct ring *ring, uint32_t partition,
                        const struct ring_keyspace *keyspace, uint16_t *fallbacks, uint32_t max)
{
    uint64_t seen[RING_NODES_MAX / 64] = {0};
    uint16_t owners[RING_OWNERS_MAX];
    uint32_t owner_count = ring_owners(ring, partition, keyspace, owners);
    for (uint32_t i = 0; i < owner_count; i++)
        seen[owners[i] / 64] |= 1ull << owners[i] % 64;
    uint32_t all = ring->node_count - owner_count;
    max = max < all ? max : all;

    uint32_t count = 0;
    size_t size = (size_t)ring->partition_count * ring->owner_count;
    size_t at = (size_t)partition * ring->owner_count;
    for (size_t i = 0; i < size + ring->node_count && count < max; i++) {
        uint16_t node = i < size ? ring->owners[(at + i) % size] : (uint16_t)(i - size);
        if (!(seen[node / 64] >> node % 64 & 1))
            fallbacks[count++] = node;
        seen[node / 64] |= 1ull << node % 64;
    }
    return count;
}

const struct ring_keyspace *ring_find_keyspace(const struct ring *ring, struct bytes name)
{
    for (uint32_t i = 0; i < ring->keyspace_count; i++)
        if (bytes_equal(bytes_of_text(ring->keyspaces[i].name), name))
            return &ring->keyspaces[i];
    return NULL;
}

const struct ring_keyspace *ring_keyspace(const struct ring *ring, uint32_t id)
{
    for (uint32_t i = 0; i < ring->keyspace_count; i++)
        if (ring->keyspaces[i].id == id)
            return &ring->keyspaces[i];
    return NULL;
}

int ring_find_node(const struct ring *ring, uint64_t id)
{
    uint32_t first = 0, count = ring->node_count;
    while (count > 0) {
        uint32_t half = count / 2;
        if (ring->nodes[first + half].id < id) {
            first += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return first < ring->node_count && ring->nodes[first].id == id ? (int)first : -1;
}

int ring_find_node_name(const struct ring *ring, const char *name)
{
    for (uint32_t i = 0; i < ring->node_count; i++)
        if (strcmp(ring->nodes[i].name, name) == 0)
            return (int)i;
    return -1;
}

uint32_t ring_copies_total(const struct ring_keyspace *keyspace)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < keyspace->copies_count; i++)
        total += keyspace->copies[i].n;
    return total;
}

void ring_take_next_copies(struct ring_keyspace *keyspace)
{
    if (!keyspace->next_copies_count)
        return;
    memcpy(keyspace->copies, keyspace->next_copies, sizeof keyspace->copies);
    keyspace->copies_count = keyspace->next_copies_count;
    memset(keyspace->next_copies, 0, sizeof keyspace->next_copies);
    keyspace->next_copies_count = 0;
}

static const char *const level_names[] = {"quorum", "all", "local-quorum", "each-quorum"};
enum { LEVEL_NAMES_COUNT = sizeof level_names / sizeof level_names[0] };

enum status ring_level_parse(struct bytes text, uint8_t *level)
{
    if (text.size == 1 && text.data[0] >= '1' && text.data[0] <= '0' + RING_COPIES_MAX) {
        *level = (uint8_t)(text.data[0] - '0');
        return STATUS_OK;
    }
    if (bytes_equal(text, bytes_of_text("one"))) {
        *level = 1;
        return STATUS_OK;
    }
    for (uint8_t i = 0; i < LEVEL_NAMES_COUNT; i++) {
        if (bytes_equal(text, bytes_of_text(level_names[i]))) {
            *level = (uint8_t)(RING_LEVEL_QUORUM + i);
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

const char *ring_level_text(uint8_t level)
{
    static const char *const numbers[] = {"default", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    if (level <= RING_COPIES_MAX)
        return numbers[level];
    assert(level >= RING_LEVEL_QUORUM && level < RING_LEVEL_QUORUM + LEVEL_NAMES_COUNT);
    return level_names[level - RING_LEVEL_QUORUM];
}

uint32_t ring_level_count(uint8_t level, uint32_t n)
{
    assert(level != RING_LEVEL_DEFAULT);
    if (level == RING_LEVEL_ALL || n == 0)
        return n;
    if (level > RING_LEVEL_EACH_QUORUM)
        return 0;
    if (level >= RING_LEVEL_QUORUM)
        return n / 2 + 1;
    return level <= n ? level : 0;
}

static bool is_in(const uint16_t *lists, size_t count, uint32_t node)
{
    size_t i = 0;
    while (lists && i < count && lists[i] != node)
        i++;
    return lists && i < count;
}

bool ring_is_listed(const struct ring *ring, uint32_t node)
{
    size_t partitions = ring->partition_count;
    return is_in(ring->owners, partitions * ring->owner_count, node) ||
           is_in(ring->next, partitions * ring->next_count, node);
}
