#include "ring/ring_plan.h"

#include "base/xalloc.h"
#include "ring/placement.h"

#include <assert.h>
#include <stdlib.h>

// Nodes that are placed together: those of one datacenter, or all. Nodes of weight 0
// belong to no group.
struct group {
    char dc[RING_NAME_SIZE_MAX + 1];
    struct placement placement;
    struct placement_node *nodes;
    uint16_t *members; // indexes into ring->nodes
};

struct groups {
    struct group at[RING_DCS_MAX];
    uint32_t count;
    bool by_dc;
};

static void groups_release(struct groups *groups)
{
    for (uint32_t g = 0; g < groups->count; g++) {
        free(groups->at[g].nodes);
        free(groups->at[g].members);
        free(groups->at[g].placement.owners);
    }
    *groups = (struct groups){0};
}

static bool names_dcs(const struct ring *ring)
{
    for (uint32_t i = 0; i < ring->keyspace_count; i++)
        if (ring->keyspaces[i].copies[0].dc[0])
            return true;
    return false;
}

// In the order of names. NULL if there are too many.
static struct group *find_group(struct groups *groups, const char *dc)
{
    uint32_t g = 0;
    while (g < groups->count && strcmp(groups->at[g].dc, dc) < 0)
        g++;
    if (g < groups->count && strcmp(groups->at[g].dc, dc) == 0)
        return &groups->at[g];
    if (groups->count == RING_DCS_MAX)
        return NULL;
    memmove(&groups->at[g + 1], &groups->at[g], (groups->count - g) * sizeof groups->at[0]);
    groups->count++;
    groups->at[g] = (struct group){0};
    memcpy(groups->at[g].dc, dc, strlen(dc));
    return &groups->at[g];
}

static uint32_t find_rack(const struct ring *ring, const struct group *group, uint32_t node)
{
    const struct ring_node *a = &ring->nodes[node];
    for (uint32_t i = 0; i < group->placement.node_count; i++) {
        const struct ring_node *b = &ring->nodes[group->members[i]];
        if (strcmp(a->rack, b->rack) == 0 && strcmp(a->dc, b->dc) == 0)
            return group->nodes[i].rack;
    }
    return group->placement.rack_count;
}

static enum status make_groups(const struct ring *ring, struct groups *groups, struct fault *fault)
{
    groups->by_dc = names_dcs(ring);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        const struct ring_node *node = &ring->nodes[i];
        struct group *group = find_group(groups, groups->by_dc ? node->dc : "");
        if (!group)
            return fault_set(fault, STATUS_INVALID, "more than %d datacenters", RING_DCS_MAX);
        if (node->weight == 0)
            continue;
        if (!group->nodes) {
            group->nodes = xcalloc(ring->node_count, sizeof *group->nodes);
            group->members = xcalloc(ring->node_count, sizeof *group->members);
        }
        struct placement *placement = &group->placement;
        uint32_t rack = find_rack(ring, group, i);
        if (rack == placement->rack_count)
            placement->rack_count++;
        group->members[placement->node_count] = (uint16_t)i;
        group->nodes[placement->node_count++] =
            (struct placement_node){node->id, node->weight, rack};
        placement->nodes = group->nodes;
        placement->partition_count = ring->partition_count;
    }
    return STATUS_OK;
}

// Every group gets as many copies as the keyspace that asks it for most. If a keyspace
// that names no datacenter asks for more than all that, the groups with most nodes a
// copy get them.
static enum status count_copies(const struct ring *ring, struct groups *groups, struct fault *fault)
{
    uint32_t anywhere = 0, total = 0;
    for (uint32_t i = 0; i < ring->keyspace_count; i++) {
        const struct ring_keyspace *keyspace = &ring->keyspaces[i];
        for (uint32_t c = 0; c < keyspace->copies_count; c++) {
            const struct ring_copies *copies = &keyspace->copies[c];
            if (!copies->dc[0]) {
                anywhere = copies->n > anywhere ? copies->n : anywhere;
                continue;
            }
            struct group *group = find_group(groups, copies->dc);
            if (!group || group->placement.node_count < copies->n)
                return fault_set(
                    fault, STATUS_INVALID,
                    "keyspace %s asks for %u copies in datacenter %s, which has %u nodes",
                    keyspace->name, copies->n, copies->dc, group ? group->placement.node_count : 0);
            if (copies->n > group->placement.copies)
                group->placement.copies = copies->n;
        }
    }
    for (uint32_t g = 0; g < groups->count; g++)
        total += groups->at[g].placement.copies;
    for (; total < anywhere; total++) {
        struct placement *best = NULL;
        for (uint32_t g = 0; g < groups->count; g++) {
            struct placement *one = &groups->at[g].placement;
            if (one->copies < one->node_count &&
                (!best ||
                 one->node_count * (best->copies + 1) > best->node_count * (one->copies + 1)))
                best = one;
        }
        if (!best)
            return fault_set(fault, STATUS_INVALID, "%u copies need more than %u nodes", anywhere,
                             total);
        best->copies++;
    }
    if (total > RING_COPIES_MAX)
        return fault_set(fault, STATUS_INVALID, "%u owners a partition; at most %d", total,
                         RING_COPIES_MAX);
    return STATUS_OK;
}

// Takes over the first owners of each partition that are members of the group.
static void import_owners(const struct ring *ring, struct group *group)
{
    struct placement *placement = &group->placement;
    size_t count = (size_t)ring->partition_count * placement->copies;
    placement->owners = xmalloc((count + 1) * sizeof *placement->owners);
    for (size_t i = 0; i < count; i++)
        placement->owners[i] = RING_NO_OWNER;
    if (!ring->owners)
        return;
    uint16_t *member_of = xmalloc((size_t)ring->node_count * sizeof *member_of);
    for (uint32_t i = 0; i < ring->node_count; i++)
        member_of[i] = RING_NO_OWNER;
    for (uint32_t i = 0; i < placement->node_count; i++)
        member_of[group->members[i]] = (uint16_t)i;
    for (uint32_t p = 0; p < ring->partition_count; p++) {
        uint32_t found = 0;
        for (uint32_t i = 0; i < ring->owner_count && found < placement->copies; i++) {
            uint16_t node = ring->owners[(size_t)p * ring->owner_count + i];
            if (node < ring->node_count && member_of[node] != RING_NO_OWNER)
                placement->owners[(size_t)p * placement->copies + found++] = member_of[node];
        }
    }
    free(member_of);
}

static void export_owners(struct ring *ring, const struct groups *groups)
{
    uint32_t total = 0, most = 0;
    for (uint32_t g = 0; g < groups->count; g++) {
        uint32_t copies = groups->at[g].placement.copies;
        total += copies;
        most = copies > most ? copies : most;
    }
    uint16_t *owners = xmalloc((size_t)ring->partition_count * total * sizeof *owners);
    size_t at = 0;
    for (uint32_t p = 0; p < ring->partition_count; p++) {
        for (uint32_t place = 0; place < most; place++) {
            for (uint32_t turn = 0; turn < groups->count; turn++) {
                const struct group *group = &groups->at[(p + turn) % groups->count];
                const struct placement *placement = &group->placement;
                if (place < placement->copies)
                    owners[at++] =
                        group->members[placement->owners[(size_t)p * placement->copies + place]];
            }
        }
    }
    free(ring->owners);
    ring->owners = owners;
    ring->owner_count = (uint8_t)total;
}

enum status ring_plan(struct ring *ring, struct fault *fault)
{
    struct groups groups = {0};
    enum status status = make_groups(ring, &groups, fault);
    if (status == STATUS_OK)
        status = count_copies(ring, &groups, fault);
    if (status == STATUS_OK) {
        for (uint32_t g = 0; g < groups.count; g++) {
            import_owners(ring, &groups.at[g]);
            if (groups.at[g].placement.copies > 0)
                placement_solve(&groups.at[g].placement);
        }
        export_owners(ring, &groups);
    }
    groups_release(&groups);
    return status;
}

// Load over weight, of the node that has most of it, over the same of the group. Looks at
// the first `places` owners.
static double max_over_mean(const struct placement *placement, uint32_t places)
{
    uint64_t *load = xcalloc(placement->node_count, sizeof *load);
    for (uint32_t p = 0; p < placement->partition_count; p++) {
        for (uint32_t i = 0; i < places; i++) {
            uint16_t owner = placement->owners[(size_t)p * placement->copies + i];
            if (owner != RING_NO_OWNER)
                load[owner]++;
        }
    }
    uint64_t load_sum = 0, weight_sum = 0;
    double most = 0;
    for (uint32_t i = 0; i < placement->node_count; i++) {
        load_sum += load[i];
        weight_sum += placement->nodes[i].weight;
        double one = (double)load[i] / placement->nodes[i].weight;
        most = one > most ? one : most;
    }
    free(load);
    return load_sum ? most * (double)weight_sum / (double)load_sum : 1;
}

static bool is_spread(const struct placement *placement, const struct placement_rack *racks,
                      uint32_t partition)
{
    const uint16_t *owners = placement->owners + (size_t)partition * placement->copies;
    for (uint32_t i = 0; i < placement->copies; i++) {
        uint32_t count = 0;
        for (uint32_t k = 0; k < placement->copies; k++)
            count += owners[i] != RING_NO_OWNER && owners[k] != RING_NO_OWNER &&
                     placement->nodes[owners[k]].rack == placement->nodes[owners[i]].rack;
        if (owners[i] != RING_NO_OWNER && count > racks[placement->nodes[owners[i]].rack].high)
            return false;
    }
    return true;
}

void ring_balance(const struct ring *ring, struct ring_balance *balance)
{
    *balance = (struct ring_balance){1, 1, 0};
    struct groups groups = {0};
    if (make_groups(ring, &groups, NULL) || count_copies(ring, &groups, NULL))
        groups_release(&groups);
    for (uint32_t g = 0; g < groups.count; g++) {
        struct placement *placement = &groups.at[g].placement;
        if (placement->copies == 0)
            continue;
        import_owners(ring, &groups.at[g]);
        double primary = max_over_mean(placement, 1);
        double all = max_over_mean(placement, placement->copies);
        if (primary > balance->primary_max_over_mean)
            balance->primary_max_over_mean = primary;
        if (all > balance->owner_max_over_mean)
            balance->owner_max_over_mean = all;
        struct placement_rack *racks = xcalloc(placement->rack_count, sizeof *racks);
        placement_racks(placement, racks);
        for (uint32_t p = 0; p < ring->partition_count; p++)
            balance->rack_violations += !is_spread(placement, racks, p);
        free(racks);
    }
    groups_release(&groups);
}

static int compare_ids(const void *left, const void *right)
{
    const struct ring_node *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

// Keyspace "default": three copies, in each datacenter if there are several, as far as
// there are nodes and owner lists have room.
static enum status make_default_keyspace(const struct ring *ring, struct ring_keyspace *keyspace,
                                         struct fault *fault)
{
    *keyspace = (struct ring_keyspace){.id = RING_DEFAULT_KEYSPACE, .name = "default"};
    struct groups dcs = {0};
    uint32_t sizes[RING_DCS_MAX] = {0};
    for (uint32_t i = 0; i < ring->node_count; i++) {
        struct group *dc = find_group(&dcs, ring->nodes[i].dc);
        if (!dc)
            return fault_set(fault, STATUS_INVALID, "more than %d datacenters", RING_DCS_MAX);
        dc->placement.node_count += ring->nodes[i].weight > 0;
    }
    for (uint32_t g = 0; g < dcs.count; g++)
        sizes[g] = dcs.at[g].placement.node_count;
    if (dcs.count > RING_COPIES_MAX)
        return fault_set(fault, STATUS_INVALID, "a copy in each datacenter allows %d of them",
                         RING_COPIES_MAX);
    if (dcs.count > 1 && !dcs.at[0].dc[0])
        return fault_set(fault, STATUS_INVALID, "some nodes have a datacenter and some have none");
    uint32_t n = RING_COPIES_MAX / dcs.count;
    n = n < 3 ? n : 3;
    keyspace->copies_count = (uint8_t)dcs.count;
    for (uint32_t g = 0; g < dcs.count; g++) {
        uint32_t copies = sizes[g] < n ? sizes[g] : n;
        if (dcs.count > 1)
            memcpy(keyspace->copies[g].dc, dcs.at[g].dc, sizeof dcs.at[g].dc);
        keyspace->copies[g].n = (uint8_t)copies;
    }
    keyspace->r = keyspace->w = dcs.count > 1 ? RING_LEVEL_LOCAL_QUORUM : RING_LEVEL_QUORUM;
    return STATUS_OK;
}

enum status ring_create(struct ring *ring, uint64_t cluster, uint32_t partition_count,
                        const struct ring_node *nodes, uint32_t node_count, struct fault *fault)
{
    struct ring made = {
        .cluster = cluster, .epoch = 1, .partition_count = partition_count, .keyspace_count = 1};
    if (node_count == 0 || node_count > RING_NODES_MAX)
        return fault_set(fault, STATUS_INVALID, "a ring has 1 to %d nodes", RING_NODES_MAX);
    made.node_count = node_count;
    made.nodes = xcalloc(node_count, sizeof *made.nodes);
    memcpy(made.nodes, nodes, node_count * sizeof *made.nodes);
    qsort(made.nodes, node_count, sizeof *made.nodes, compare_ids);
    for (uint32_t i = 0; i < node_count; i++)
        made.nodes[i].number = (uint16_t)(i + 1);
    made.number_max = node_count;
    made.keyspaces = xcalloc(1, sizeof *made.keyspaces);
    enum status status = make_default_keyspace(&made, made.keyspaces, fault);
    if (status == STATUS_OK)
        status = ring_check(&made, fault);
    if (status == STATUS_OK)
        status = ring_plan(&made, fault);
    if (status) {
        ring_release(&made);
        return status;
    }
    *ring = made;
    return STATUS_OK;
}

static void move_list(uint16_t *owners, size_t count, uint32_t from, int by)
{
    for (size_t i = 0; i < count; i++)
        if (owners[i] >= from && owners[i] != RING_NO_OWNER)
            owners[i] = (uint16_t)(owners[i] + by);
}

static void move_indexes(struct ring *ring, uint32_t from, int by)
{
    move_list(ring->owners, (size_t)ring->partition_count * ring->owner_count, from, by);
    if (ring->next)
        move_list(ring->next, (size_t)ring->partition_count * ring->next_count, from, by);
}

enum status ring_add_node(struct ring *ring, const struct ring_node *node, struct fault *fault)
{
    if (ring->node_count == RING_NODES_MAX)
        return fault_set(fault, STATUS_INVALID, "a ring has 1 to %d nodes", RING_NODES_MAX);
    if (ring->number_max == RING_NUMBER_MAX)
        return fault_set(fault, STATUS_INVALID, "all %d numbers were given to nodes already",
                         RING_NUMBER_MAX);
    uint32_t at = 0;
    while (at < ring->node_count && ring->nodes[at].id < node->id)
        at++;
    ring->nodes = xrealloc(ring->nodes, (ring->node_count + 1) * sizeof *ring->nodes);
    memmove(&ring->nodes[at + 1], &ring->nodes[at], (ring->node_count - at) * sizeof *ring->nodes);
    ring->nodes[at] = *node;
    ring->nodes[at].number = (uint16_t)++ring->number_max;
    ring->is_version_1 = false;
    ring->node_count++;
    move_indexes(ring, at, 1);
    enum status status = ring_check(ring, fault);
    if (status) {
        ring_remove_node(ring, at);
        ring->number_max--;
    }
    return status;
}

void ring_remove_node(struct ring *ring, uint32_t index)
{
    assert(index < ring->node_count);
    ring->is_version_1 = false;
    ring->node_count--;
    memmove(&ring->nodes[index], &ring->nodes[index + 1],
            (ring->node_count - index) * sizeof *ring->nodes);
    size_t count = (size_t)ring->partition_count * ring->owner_count;
    for (size_t i = 0; i < count; i++)
        if (ring->owners[i] == index)
            ring->owners[i] = RING_NO_OWNER;
    move_indexes(ring, index, -1);
}
