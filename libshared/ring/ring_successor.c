#include "ring/ring_successor.h"

#include "base/xalloc.h"
#include "ring/ring_text.h"

#include <string.h>

// The same owners, by id, and the same sets of them: an index ends with its document.
bool ring_stays(const struct ring *before, const struct ring_keyspace *old_keyspace,
                const struct ring *next, const struct ring_keyspace *new_keyspace,
                uint32_t partition)
{
    struct ring_owners old, new;
    ring_find_owners(before, partition, old_keyspace, &old);
    ring_find_owners(next, partition, new_keyspace, &new);
    if (old.count != new.count || old.reader_count != new.reader_count ||
        old.before != new.before || old.after != new.after)
        return false;
    for (uint32_t i = 0; i < old.count; i++) {
        if (before->nodes[old.nodes[i]].id != next->nodes[new.nodes[i]].id)
            return false;
    }
    return true;
}

static bool are_copies_the_same(const struct ring_keyspace *before,
                                const struct ring_keyspace *next)
{
    if (before->copies_count != next->copies_count)
        return false;
    for (uint8_t i = 0; i < next->copies_count; i++) {
        if (before->copies[i].n != next->copies[i].n ||
            strcmp(before->copies[i].dc, next->copies[i].dc))
            return false;
    }
    return true;
}

// Of all keyspaces whose copies are the same: others say themselves since when they are there.
static bool is_nothing_moved(const struct ring *before, const struct ring *next, uint32_t partition)
{
    if (before->partition_count != next->partition_count)
        return false;
    for (uint32_t i = 0; i < next->keyspace_count; i++) {
        const struct ring_keyspace *keyspace = &next->keyspaces[i];
        const struct ring_keyspace *old = ring_keyspace(before, keyspace->id);
        if (old && are_copies_the_same(old, keyspace) &&
            !ring_stays(before, old, next, keyspace, partition))
            return false;
    }
    return true;
}

void ring_succeed(struct ring *next, const struct ring *before)
{
    next->epoch = before->epoch + 1;
    next->parent = ring_text_hash(before);
    if (!next->since)
        next->since = xcalloc(next->partition_count, sizeof *next->since);
    for (uint32_t p = 0; p < next->partition_count; p++) {
        next->since[p] =
            is_nothing_moved(before, next, p) ? ring_since(before, p, NULL) : next->epoch;
    }
    for (uint32_t i = 0; i < next->keyspace_count; i++) {
        struct ring_keyspace *keyspace = &next->keyspaces[i];
        const struct ring_keyspace *old = ring_keyspace(before, keyspace->id);
        bool is_same = old && are_copies_the_same(old, keyspace);
        keyspace->since = is_same ? old->since : next->epoch;
    }
}

// Ids are of one keyspace for ever, and one id is given in an epoch: see ring_keyspaces.h.
static enum status check_keyspaces(const struct ring *before, const struct ring *next,
                                   struct fault *fault)
{
    if (!ring_keyspace(next, RING_DEFAULT_KEYSPACE))
        return fault_set(fault, STATUS_INVALID, "it has no keyspace default");
    for (uint32_t i = 0; i < next->keyspace_count; i++) {
        const struct ring_keyspace *keyspace = &next->keyspaces[i];
        const struct ring_keyspace *old = ring_keyspace(before, keyspace->id);
        if (!old && (keyspace->id <= before->epoch || keyspace->id > next->epoch))
            return fault_set(fault, STATUS_INVALID, "keyspace %s has the id %u of another epoch",
                             keyspace->name, keyspace->id);
        if (old && old->conflict != keyspace->conflict)
            return fault_set(fault, STATUS_INVALID, "keyspace %s has another conflict policy",
                             keyspace->name);
    }
    return STATUS_OK;
}

enum status ring_check_successor(const struct ring *before, const struct ring *next,
                                 struct fault *fault)
{
    if (next->cluster != before->cluster)
        return fault_set(fault, STATUS_INVALID, "it is of another cluster, %016llx",
                         (unsigned long long)next->cluster);
    if (next->epoch <= before->epoch)
        return fault_set(fault, STATUS_INVALID, "its epoch is %llu, but %llu is known already",
                         (unsigned long long)next->epoch, (unsigned long long)before->epoch);
    if (next->epoch == before->epoch + 1 && next->parent != ring_text_hash(before))
        return fault_set(fault, STATUS_INVALID, "it was made from another document of epoch %llu",
                         (unsigned long long)before->epoch);
    if (next->partition_count != before->partition_count)
        return fault_set(fault, STATUS_INVALID, "it has %u partitions instead of %u",
                         next->partition_count, before->partition_count);
    for (uint32_t i = 0; i < next->node_count; i++) {
        const struct ring_node *node = &next->nodes[i];
        int old = ring_find_node(before, node->id);
        if (old < 0 && node->number <= before->number_max)
            return fault_set(fault, STATUS_INVALID, "node %s has a number that was given before",
                             node->name);
        if (old >= 0 && before->nodes[old].number != node->number)
            return fault_set(fault, STATUS_INVALID, "node %s has number %u instead of %u",
                             node->name, node->number, before->nodes[old].number);
    }
    return check_keyspaces(before, next, fault);
}
