#include "ring/placement.h"

#include "base/hash.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

static const uint32_t NO_SLOT = UINT32_MAX;

// A slot is one position in one list: partition × copies + position.
struct work {
    struct placement *placement;
    struct placement_rack *racks;
    bool has_low; // some rack must be in every partition
    uint32_t *share;
    uint32_t *load;
    int64_t *lag;              // how far behind its share a node is, 32 fraction bits
    uint32_t *first;           // of each node, its slots as a list
    uint32_t *next, *previous; // of each slot
    uint32_t *via;             // search: the slot through which a node was reached
    uint16_t *queue;           // search: nodes reached
    uint16_t *rest;            // search: nodes not reached
};

static uint32_t slot_count(const struct placement *placement)
{
    return placement->partition_count * placement->copies;
}

// Partitions in an order in which neighbours are far apart, so that replicas that
// move together do not come from one node.
static uint32_t scatter(const struct placement *placement, uint32_t i)
{
    return i * 0x9e3779b1u & (placement->partition_count - 1);
}

// ---- legality ----------------------------------------------------------------------

void placement_racks(const struct placement *placement, struct placement_rack *racks)
{
    uint32_t *size = xcalloc(placement->rack_count, sizeof *size);
    for (uint32_t i = 0; i < placement->node_count; i++)
        size[placement->nodes[i].rack]++;
    uint32_t cap = 0, room = 0;
    while (room < placement->copies) {
        cap++;
        room = 0;
        for (uint32_t r = 0; r < placement->rack_count; r++)
            room += size[r] < cap ? size[r] : cap;
    }
    for (uint32_t r = 0; r < placement->rack_count; r++) {
        racks[r].low = size[r] < cap - 1 ? size[r] : cap - 1;
        racks[r].high = size[r] < cap ? size[r] : cap;
    }
    free(size);
}

// How many owners the racks still need when `node` stands in `slot`. Racks that need
// any are fewer than the owners of a partition.
static uint32_t racks_needed(const struct work *work, uint32_t slot, uint32_t node)
{
    const struct placement *placement = work->placement;
    uint32_t begin = slot - slot % placement->copies;
    uint32_t count[RING_COPIES_MAX] = {0};
    count[placement->nodes[node].rack]++;
    for (uint32_t s = begin; s < begin + placement->copies; s++)
        if (s != slot && placement->owners[s] != RING_NO_OWNER)
            count[placement->nodes[placement->owners[s]].rack]++;
    uint32_t needed = 0;
    for (uint32_t r = 0; r < placement->rack_count; r++)
        needed += count[r] < work->racks[r].low ? work->racks[r].low - count[r] : 0;
    return needed;
}

// May `node` stand in `slot`, given the other owners of the partition?
static bool is_legal(const struct work *work, uint32_t slot, uint32_t node)
{
    const struct placement *placement = work->placement;
    uint32_t begin = slot - slot % placement->copies;
    uint32_t rack = placement->nodes[node].rack, in_rack = 1, holes = 0;
    for (uint32_t s = begin; s < begin + placement->copies; s++) {
        uint16_t owner = placement->owners[s];
        if (s == slot)
            continue;
        if (owner == node)
            return false;
        if (owner == RING_NO_OWNER)
            holes++;
        else
            in_rack += placement->nodes[owner].rack == rack;
    }
    return in_rack <= work->racks[rack].high &&
           (!work->has_low || racks_needed(work, slot, node) <= holes);
}

// ---- who is where ------------------------------------------------------------------

static void update_lag(struct work *work, uint32_t node)
{
    int64_t share = work->share[node];
    work->lag[node] = share ? (share - work->load[node]) * (1ll << 32) / share : INT64_MIN;
}

static void vacate(struct work *work, uint32_t slot)
{
    uint16_t node = work->placement->owners[slot];
    uint32_t next = work->next[slot], previous = work->previous[slot];
    if (previous == NO_SLOT)
        work->first[node] = next;
    else
        work->next[previous] = next;
    if (next != NO_SLOT)
        work->previous[next] = previous;
    work->placement->owners[slot] = RING_NO_OWNER;
    work->load[node]--;
    update_lag(work, node);
}

static void occupy(struct work *work, uint32_t slot, uint16_t node)
{
    uint32_t next = work->first[node];
    work->next[slot] = next;
    work->previous[slot] = NO_SLOT;
    if (next != NO_SLOT)
        work->previous[next] = slot;
    work->first[node] = slot;
    work->placement->owners[slot] = node;
    work->load[node]++;
    update_lag(work, node);
}

// ---- shares ------------------------------------------------------------------------

// Fixed point, 32 fraction bits: a share is at most 2^16 partitions × 9 copies.
struct part {
    uint64_t exact;
    uint32_t low, high, load, whole;
};

// Proportional to weight, but nobody owns a partition twice.
static uint64_t share_of(const struct placement *placement, uint32_t node, uint64_t per_weight)
{
    uint64_t most = (uint64_t)placement->partition_count << 32;
    uint64_t share = per_weight * placement->nodes[node].weight;
    return share < most ? share : most;
}

// Largest remainder; equal ones go to whoever holds more now.
static void round_parts(struct part *parts, uint32_t count, uint32_t total)
{
    for (uint32_t i = 0; i < count; i++) {
        parts[i].whole = (uint32_t)(parts[i].exact >> 32);
        parts[i].exact &= UINT32_MAX;
        total -= parts[i].whole;
    }
    for (; total > 0; total--) {
        struct part *best = NULL;
        for (struct part *part = parts; part < parts + count; part++) {
            if (part->whole == part->high)
                continue;
            if (!best || part->exact > best->exact ||
                (part->exact == best->exact && part->load > best->load))
                best = part;
        }
        assert(best);
        best->whole++;
        best->exact = 0;
        best->load = 0;
    }
}

// Fills in `exact` of racks for a share per weight, and returns their sum.
static uint64_t fill_racks(const struct placement *placement, struct part *racks,
                           uint64_t per_weight)
{
    for (uint32_t r = 0; r < placement->rack_count; r++)
        racks[r].exact = 0;
    for (uint32_t i = 0; i < placement->node_count; i++)
        racks[placement->nodes[i].rack].exact += share_of(placement, i, per_weight);
    uint64_t sum = 0;
    for (uint32_t r = 0; r < placement->rack_count; r++) {
        uint64_t low = (uint64_t)racks[r].low << 32, high = (uint64_t)racks[r].high << 32;
        uint64_t exact = racks[r].exact;
        racks[r].exact = exact < low ? low : exact > high ? high : exact;
        sum += racks[r].exact;
    }
    return sum;
}

// Racks first: the largest share per weight that does not give out more than there is.
static void share_racks(const struct work *work, struct part *racks)
{
    const struct placement *placement = work->placement;
    uint32_t q = placement->partition_count;
    for (uint32_t r = 0; r < placement->rack_count; r++)
        racks[r] = (struct part){.low = work->racks[r].low * q, .high = work->racks[r].high * q};
    for (uint32_t i = 0; i < placement->node_count; i++)
        racks[placement->nodes[i].rack].load += work->load[i];
    uint64_t per_weight = 0;
    for (uint64_t bit = 1ull << 48; bit; bit >>= 1)
        if ((per_weight | bit) <= (uint64_t)q << 32 &&
            fill_racks(placement, racks, per_weight | bit) <= (uint64_t)slot_count(placement) << 32)
            per_weight |= bit;
    fill_racks(placement, racks, per_weight);
    round_parts(racks, placement->rack_count, slot_count(placement));
}

static void share_nodes(struct work *work, uint32_t rack, uint32_t total, struct part *parts)
{
    const struct placement *placement = work->placement;
    uint32_t q = placement->partition_count;
    uint64_t per_weight = 0;
    for (uint64_t bit = 1ull << 48; bit; bit >>= 1) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < placement->node_count; i++)
            if (placement->nodes[i].rack == rack)
                sum += share_of(placement, i, (per_weight | bit));
        if ((per_weight | bit) <= (uint64_t)q << 32 && sum <= (uint64_t)total << 32)
            per_weight |= bit;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < placement->node_count; i++)
        if (placement->nodes[i].rack == rack)
            parts[count++] = (struct part){
                .exact = share_of(placement, i, per_weight), .high = q, .load = work->load[i]};
    round_parts(parts, count, total);
    count = 0;
    for (uint32_t i = 0; i < placement->node_count; i++)
        if (placement->nodes[i].rack == rack)
            work->share[i] = parts[count++].whole;
}

static void share(struct work *work)
{
    const struct placement *placement = work->placement;
    struct part *racks = xcalloc(placement->rack_count, sizeof *racks);
    struct part *parts = xcalloc(placement->node_count, sizeof *parts);
    share_racks(work, racks);
    for (uint32_t r = 0; r < placement->rack_count; r++)
        share_nodes(work, r, racks[r].whole, parts);
    for (uint32_t i = 0; i < placement->node_count; i++)
        update_lag(work, i);
    free(parts);
    free(racks);
}

// ---- keep, fill, balance -----------------------------------------------------------

static void keep(struct work *work)
{
    const struct placement *placement = work->placement;
    for (uint32_t i = 0; i < placement->partition_count; i++) {
        uint32_t begin = scatter(placement, i) * placement->copies;
        uint16_t before[RING_COPIES_MAX];
        for (uint32_t k = 0; k < placement->copies; k++) {
            before[k] = placement->owners[begin + k];
            placement->owners[begin + k] = RING_NO_OWNER;
        }
        for (uint32_t k = 0; k < placement->copies; k++)
            if (before[k] != RING_NO_OWNER && is_legal(work, begin + k, before[k]))
                occupy(work, begin + k, before[k]);
    }
}

// The legal node that lags most; ties are broken by a hash, so that the partners of a
// node are many and its failure burdens all.
static uint16_t choose(const struct work *work, uint32_t slot)
{
    const struct placement *placement = work->placement;
    uint32_t best = RING_NO_OWNER;
    uint64_t best_hash = 0;
    for (uint32_t i = 0; i < placement->node_count; i++) {
        if (best != RING_NO_OWNER && work->lag[i] < work->lag[best])
            continue;
        uint64_t hash = hash_mix(placement->nodes[i].id, slot / placement->copies);
        bool better = best == RING_NO_OWNER || work->lag[i] > work->lag[best] || hash > best_hash;
        if (better && is_legal(work, slot, i)) {
            best = i;
            best_hash = hash;
        }
    }
    assert(best != RING_NO_OWNER);
    return (uint16_t)best;
}

static void fill(struct work *work)
{
    const struct placement *placement = work->placement;
    for (uint32_t i = 0; i < placement->partition_count; i++) {
        uint32_t begin = scatter(placement, i) * placement->copies;
        for (uint32_t slot = begin; slot < begin + placement->copies; slot++)
            if (placement->owners[slot] == RING_NO_OWNER)
                occupy(work, slot, choose(work, slot));
    }
}

// Gives the slots of a chain away, its end first. Two links may meet in one partition, and
// the second then be illegal; the moves before it stay legal and shorten the rest.
static void move_chain(struct work *work, uint16_t from, uint16_t to)
{
    while (to != from) {
        uint32_t slot = work->via[to];
        uint16_t owner = work->placement->owners[slot];
        if (!is_legal(work, slot, to))
            return;
        vacate(work, slot);
        occupy(work, slot, to);
        to = owner;
    }
}

// Breadth first over "a replica of the one could be on the other instead" from a node
// above its share to one below. False if there is none.
static bool unload(struct work *work, uint16_t from)
{
    const struct placement *placement = work->placement;
    uint32_t rest_count = 0, queue_count = 1;
    for (uint16_t i = 0; i < placement->node_count; i++)
        if (i != from)
            work->rest[rest_count++] = i;
    work->queue[0] = from;
    for (uint32_t at = 0; at < queue_count; at++) {
        for (uint32_t slot = work->first[work->queue[at]]; slot != NO_SLOT;
             slot = work->next[slot]) {
            uint16_t best = from;
            for (uint32_t i = 0; i < rest_count;) {
                uint16_t node = work->rest[i];
                if (!is_legal(work, slot, node)) {
                    i++;
                    continue;
                }
                work->rest[i] = work->rest[--rest_count];
                work->queue[queue_count++] = node;
                work->via[node] = slot;
                if (work->load[node] < work->share[node] &&
                    (best == from || work->lag[node] > work->lag[best]))
                    best = node;
            }
            if (best != from) {
                move_chain(work, from, best);
                return true;
            }
            if (rest_count == 0)
                break;
        }
    }
    return false;
}

static void balance(struct work *work)
{
    const struct placement *placement = work->placement;
    // Never reached: each chain brings one replica to where it belongs.
    uint32_t chains_max = 2 * slot_count(placement);
    for (uint32_t i = 0; i < chains_max; i++) {
        uint32_t from = RING_NO_OWNER, most = 0;
        for (uint32_t node = 0; node < placement->node_count; node++) {
            if (work->load[node] > work->share[node] + most) {
                most = work->load[node] - work->share[node];
                from = node;
            }
        }
        if (from == RING_NO_OWNER || !unload(work, (uint16_t)from))
            return;
    }
}

void placement_solve(struct placement *placement)
{
    assert(placement->copies > 0 && placement->copies <= placement->node_count);
    uint32_t nodes = placement->node_count, slots = slot_count(placement);
    struct work work = {
        .placement = placement,
        .racks = xcalloc(placement->rack_count, sizeof *work.racks),
        .share = xcalloc(nodes, sizeof *work.share),
        .load = xcalloc(nodes, sizeof *work.load),
        .lag = xcalloc(nodes, sizeof *work.lag),
        .first = xcalloc(nodes, sizeof *work.first),
        .next = xcalloc(slots, sizeof *work.next),
        .previous = xcalloc(slots, sizeof *work.previous),
        .via = xcalloc(nodes, sizeof *work.via),
        .queue = xcalloc(nodes, sizeof *work.queue),
        .rest = xcalloc(nodes, sizeof *work.rest),
    };
    for (uint32_t i = 0; i < nodes; i++)
        work.first[i] = NO_SLOT;
    placement_racks(placement, work.racks);
    for (uint32_t r = 0; r < placement->rack_count; r++)
        work.has_low |= work.racks[r].low > 0;

    keep(&work);
    share(&work);
    fill(&work);
    balance(&work);

    free(work.racks);
    free(work.share);
    free(work.load);
    free(work.lag);
    free(work.first);
    free(work.next);
    free(work.previous);
    free(work.via);
    free(work.queue);
    free(work.rest);
    placement_order(placement);
}
