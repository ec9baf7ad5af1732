#include "dkv-repair/pulls.h"

#include "base/xalloc.h"

#include <stdlib.h>

void pulls_init(struct pulls *pulls, uint64_t interval_ms)
{
    *pulls = (struct pulls){.interval_ms = interval_ms};
}

void pulls_release(struct pulls *pulls)
{
    free(pulls->items);
    *pulls = (struct pulls){0};
}

static int by_name(const void *a, const void *b)
{
    const struct pull *one = a, *other = b;
    if (one->keyspace != other->keyspace)
        return one->keyspace < other->keyspace ? -1 : 1;
    if (one->partition != other->partition)
        return one->partition < other->partition ? -1 : 1;
    return (one->node > other->node) - (one->node < other->node);
}

struct pull *pulls_find(const struct pulls *pulls, uint32_t keyspace, uint32_t partition,
                        uint64_t node)
{
    struct pull named = {.keyspace = keyspace, .partition = partition, .node = node};
    return pulls->count ? bsearch(&named, pulls->items, pulls->count, sizeof named, by_name) : NULL;
}

// Appends those of one shard, if we own it.
static uint32_t add_shard(struct pull *items, const struct ring *ring, uint32_t self,
                          const struct ring_keyspace *keyspace, uint32_t partition)
{
    uint16_t owners[RING_OWNERS_MAX];
    uint32_t count = ring_owners(ring, partition, keyspace, owners), added = 0;
    bool is_ours = false;
    for (uint32_t i = 0; i < count; i++)
        is_ours |= owners[i] == self;
    for (uint32_t i = 0; is_ours && i < count; i++) {
        if (owners[i] != self && !ring_is_ignored(ring, owners[i]))
            items[added++] = (struct pull){.keyspace = keyspace->id,
                                           .partition = partition,
                                           .node = ring->nodes[owners[i]].id};
    }
    return added;
}

bool pulls_is_awaited(const struct ring *ring, uint32_t self, const struct pull *pull)
{
    struct ring_owners owners;
    if (!ring->move)
        return false;
    ring_find_owners(ring, pull->partition, ring_keyspace(ring, pull->keyspace), &owners);
    uint32_t ours = ring_owner_bit(&owners, self);
    uint32_t theirs = ring_owner_bit(&owners, (uint32_t)ring_find_node(ring, pull->node));
    uint32_t lasting = ring_lasting_owners(ring, &owners);
    bool is_new = !(owners.before & ours);
    return lasting & ours && (is_new || !(lasting & theirs));
}

static void hurry(const struct pulls *pulls, struct pull *pull, struct moment now)
{
    pull->due_ms = now.mono_ms;
    pull->wanted_sequence = pulls->sequence;
    pull->failures = 0;
}

void pulls_adopt(struct pulls *pulls, const struct ring *ring, uint32_t self, struct moment now)
{
    size_t most = (size_t)ring->keyspace_count * ring->partition_count * RING_OWNERS_MAX;
    struct pull *items = xcalloc(most + 1, sizeof *items);
    uint32_t count = 0;
    for (uint32_t k = 0; k < ring->keyspace_count; k++) {
        for (uint32_t p = 0; p < ring->partition_count; p++)
            count += add_shard(items + count, ring, self, &ring->keyspaces[k], p);
    }
    qsort(items, count, sizeof *items, by_name);
    for (uint32_t i = 0; i < count; i++) {
        const struct pull *known =
            pulls_find(pulls, items[i].keyspace, items[i].partition, items[i].node);
        items[i].due_ms = now.mono_ms;
        items[i].since_ms = (int64_t)now.mono_ms;
        if (known)
            items[i] = *known;
        if (pulls_is_awaited(ring, self, &items[i])) {
            hurry(pulls, &items[i], now);
            items[i].is_first = true;
        }
    }
    free(pulls->items);
    pulls->items = xrealloc(items, (count + 1) * sizeof *items);
    pulls->count = count;
    pulls->next = 0;
    pulls->idle_ms = 0;
    pulls->agreed++;
    pulls->first_count = 0;
    for (uint32_t i = 0; i < count; i++)
        pulls->first_count += pulls->items[i].is_first;
}

bool scope_has(const struct scope *scope, const struct pull *pull)
{
    return (!scope->keyspace || scope->keyspace == pull->keyspace) &&
           (!scope->has_partition || scope->partition == pull->partition) &&
           (!scope->node || scope->node == pull->node);
}

void pulls_hurry(struct pulls *pulls, const struct scope *scope, struct moment now)
{
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct pull *pull = &pulls->items[i];
        if (scope_has(scope, pull))
            hurry(pulls, pull, now);
    }
    pulls->idle_ms = 0;
}

void pulls_put_first(struct pulls *pulls, const struct scope *scope, struct moment now)
{
    pulls_hurry(pulls, scope, now);
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct pull *pull = &pulls->items[i];
        pulls->first_count += scope_has(scope, pull) && !pull->is_first;
        pull->is_first |= scope_has(scope, pull);
    }
}

struct pull *pulls_next_due(struct pulls *pulls, struct moment now,
                            bool (*can)(void *context, uint64_t node), void *context)
{
    struct pull *found = NULL;
    uint64_t least = UINT64_MAX;
    if (now.mono_ms < pulls->idle_ms)
        return NULL;
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct pull *pull = &pulls->items[(pulls->next + i) % pulls->count];
        if (pull->is_running || !can(context, pull->node))
            continue;
        least = least_ms(least, pull->due_ms);
        if (pull->due_ms > now.mono_ms || (found && !pull->is_first))
            continue;
        found = pull;
        if (pull->is_first || !pulls->first_count)
            break;
    }
    if (found) {
        pulls->next = (uint32_t)(found - pulls->items) + 1;
        return found;
    }
    pulls->idle_ms = least_ms(least, now.mono_ms + PULLS_PAUSE_FIRST_MS);
    return NULL;
}

static bool is_same_shard(const struct pull *a, const struct pull *b)
{
    return a->keyspace == b->keyspace && a->partition == b->partition;
}

static void set_lost(struct pulls *pulls, struct pull *pull, bool is_lost, struct moment now)
{
    bool is_new = is_lost && !pull->is_lost;
    uint64_t due_ms = now.mono_ms + (is_new ? 0 : PULLS_LOST_MS);
    pull->is_lost = is_lost;
    if (is_new)
        pull->wanted_sequence = pulls->sequence;
    if (is_lost && pull->due_ms > due_ms)
        pull->due_ms = due_ms;
    pulls->idle_ms = least_ms(pulls->idle_ms, pull->due_ms);
}

void pulls_set_lost(struct pulls *pulls, struct pull *pull, bool is_lost, struct moment now)
{
    struct pull *end = pulls->items + pulls->count, *at = pull;
    while (at > pulls->items && is_same_shard(at - 1, pull))
        at--;
    for (; at < end && is_same_shard(at, pull); at++)
        set_lost(pulls, at, is_lost, now);
}

void pulls_begin(struct pulls *pulls, struct pull *pull)
{
    pull->is_running = true;
    pulls->first_count -= pull->is_first;
    pull->is_first = false;
    pulls->sequence++;
}

void pulls_end(struct pulls *pulls, struct pull *pull, enum status status, uint64_t begin_ms,
               uint64_t sequence, struct moment now)
{
    pull->is_running = false;
    pull->status = (uint8_t)status;
    if (!status) {
        pull->since_ms = (int64_t)begin_ms;
        pull->has_agreed = true;
        pulls->agreed++;
        pull->agreed_sequence = sequence;
        pull->failures = 0;
        // Somebody may have asked for one more since it began.
        bool is_wanted = pull->wanted_sequence >= sequence;
        pull->due_ms = now.mono_ms + (is_wanted ? 0 : pulls->interval_ms);
    } else {
        uint64_t pause_ms = (uint64_t)PULLS_PAUSE_FIRST_MS
                            << (pull->failures < 16 ? pull->failures : 16);
        pull->failures++;
        pull->due_ms = now.mono_ms + least_ms(pause_ms, pulls->interval_ms);
    }
    pulls->idle_ms = least_ms(pulls->idle_ms, pull->due_ms);
}
