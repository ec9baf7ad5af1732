#include "dkv/explain_facts.h"

#include "dkv/ask.h"
#include "os/clock.h"
#include "wire/replica.h"

void explain_facts_release(struct explain_facts *facts)
{
    replicas_release(&facts->replicas);
    record_release(&facts->whole);
    hint_lines_release(&facts->hints);
    node_status_release(&facts->nodes);
    ring_release(&facts->ring);
}

uint32_t explain_facts_down(const struct explain_facts *facts)
{
    uint32_t down = 0;
    for (uint32_t i = 0; i < facts->replicas.count; i++) {
        const struct explained_replica *replica = &facts->replicas.items[i].replica;
        if (replica->status == STATUS_UNREACHABLE &&
            bytes_equal(replica->state, bytes_of_text("down")))
            down |= 1u << i;
    }
    return down;
}

bool explain_facts_keeps_deletion(const struct explain_facts *facts, uint32_t index)
{
    const struct record *head = &facts->replicas.items[index].head;
    uint32_t i = 0;
    while (i < head->count && !(head->siblings[i].flags & SIBLING_TOMBSTONE))
        i++;
    return i < head->count;
}

bool explain_facts_is_any_deletion(const struct explain_facts *facts)
{
    uint32_t i = 0;
    while (i < facts->replicas.count && !explain_facts_keeps_deletion(facts, i))
        i++;
    return i < facts->replicas.count;
}

const json_t *explain_facts_hint(const struct explain_facts *facts, uint32_t index)
{
    struct bytes node = facts->replicas.items[index].replica.node;
    for (unsigned i = 0; i < facts->hints.count; i++) {
        if (bytes_equal(node, bytes_of_text(hint_lines_text(facts->hints.lines[i], "node"))))
            return facts->hints.lines[i];
    }
    return NULL;
}

bool explain_facts_is_repair_down(const struct explain_facts *facts, uint32_t index)
{
    char name[RING_NAME_SIZE_MAX + 1];
    struct bytes node = facts->replicas.items[index].replica.node;
    snprintf(name, sizeof name, "%.*s", (int)node.size, (const char *)node.data);
    json_t *status = node_status_find(&facts->nodes, name);
    return status && facts->replicas.replied >> index & 1 && !node_status_is_up(status, "repair");
}

// ---- What is asked for -------------------------------------------------------------------

static bool is_owner(const struct replicas *replicas, const char *name)
{
    uint32_t i = 0;
    while (i < replicas->count &&
           !bytes_equal(replicas->items[i].replica.node, bytes_of_text(name)))
        i++;
    return i < replicas->count;
}

// Nodes besides the owners whose dkv-hintd answers.
static uint32_t count_stand_ins(const struct explain_facts *facts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < facts->ring.node_count; i++)
        count +=
            !facts->hints.is_silent[i] && !is_owner(&facts->replicas, facts->ring.nodes[i].name);
    return count;
}

static bool is_any(const struct explain_facts *facts, enum copy_state state)
{
    uint32_t i = 0;
    while (i < facts->replicas.count && copy_state(&facts->copies, i) != state)
        i++;
    return i < facts->replicas.count;
}

// Where a copy is unknown, lost or behind, or keeps a deletion, hints may be what it waits for.
static void ask_hints(struct explain_facts *facts)
{
    const struct op_explained *op = &facts->replicas.op;
    struct fault fault = {""};
    if (!is_any(facts, COPY_UNKNOWN) && !is_any(facts, COPY_LOST) && !is_any(facts, COPY_BEHIND) &&
        !explain_facts_is_any_deletion(facts))
        return;
    if (ask_ring(facts->globals, "explain", NULL, &facts->ring, NULL) ||
        hint_lines_ask_key(facts->globals, &facts->ring, op->keyspace, op->key, &facts->hints,
                           &fault))
        return;
    facts->has_hints = true;
    facts->copies.stand_ins = count_stand_ins(facts);
}

static bool waits_for_repair(const struct explain_facts *facts, uint32_t index)
{
    const struct explained_replica *replica = &facts->replicas.items[index].replica;
    enum copy_state state = copy_state(&facts->copies, index);
    if (state == COPY_LOST || (state == COPY_BEHIND && !explain_facts_hint(facts, index)))
        return true;
    return explain_facts_keeps_deletion(facts, index) &&
           (replica->purge == PURGE_LACKS || replica->purge == PURGE_GAPS ||
            (replica->purge == PURGE_WAITS && replica->behind & facts->replicas.replied));
}

static void ask_nodes(struct explain_facts *facts)
{
    struct fault fault = {""};
    uint32_t i = 0;
    while (i < facts->replicas.count && !waits_for_repair(facts, i))
        i++;
    if (i < facts->replicas.count && node_status_ask(facts->globals, &facts->nodes, &fault))
        node_status_release(&facts->nodes); // then promises are all that can be said
}

void explain_facts_gather(struct explain_facts *facts)
{
    facts->now_ms = clock_wall_ms();
    for (uint32_t i = 0; i < facts->replicas.count; i++)
        record_join(&facts->whole, &facts->replicas.items[i].head);
    facts->copies = (struct copies){
        .replicas = &facts->replicas, .whole = &facts->whole, .now_ms = facts->now_ms};
    ask_hints(facts);
    ask_nodes(facts);
}
