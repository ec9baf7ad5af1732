#include "dkv/explain_purge.h"

#include "dkv/explain_text.h"
#include "wire/replica.h"

const char *explain_purge_text(uint8_t state)
{
    static const char *const texts[] = {
        [PURGE_LOST] = "lost",   [PURGE_LACKS] = "lacks", [PURGE_GAPS] = "gaps",
        [PURGE_WAITS] = "waits", [PURGE_AGES] = "ages",   [PURGE_DUE] = "due",
    };
    return state && state < sizeof texts / sizeof *texts ? texts[state] : "not told";
}

static const struct explained_replica *replica_of(const struct explain_facts *facts, uint32_t index)
{
    return &facts->replicas.items[index].replica;
}

// ---- Who keeps it ------------------------------------------------------------------------

// How the writes come that an owner lacks.
static void append_repair(const struct explain_facts *facts, uint32_t index, const char *promise,
                          struct buf *out)
{
    if (!explain_facts_is_repair_down(facts, index)) {
        buf_append_text(out, promise);
        return;
    }
    buf_append_text(out, "dkv-repair of ");
    explain_node(facts, index, out);
    buf_append_text(out, " is down: start it");
}

static void append_state(const struct explain_facts *facts, uint32_t index, struct buf *out)
{
    const struct explained_replica *replica = replica_of(facts, index);
    switch (replica->purge) {
    case PURGE_LOST:
        buf_append_text(out, "its copy is lost, and purges nothing until repair has compared it "
                             "with all other owners");
        break;
    case PURGE_LACKS:
        buf_append_text(out, "it has not been told of all writes that the deletion has seen: ");
        append_repair(facts, index, "the next rounds of repair bring them", out);
        break;
    case PURGE_GAPS:
        buf_append_text(out, "it knows the deletion, and lacks some writes of before: ");
        append_repair(facts, index,
                      "repair brings them, or finds that nobody has them, when all owners and the "
                      "dkv-hintd of all nodes answer",
                      out);
        break;
    case PURGE_WAITS:
        buf_append_text(out, "it waits to hear from ");
        explain_nodes(facts, replica->behind, out);
        buf_append_text(out, " that the deletion, and all writes before it, are known there");
        break;
    case PURGE_AGES:
        buf_printf(out,
                   "all owners know it; it is purged %.1f s from now, when no late copy of an "
                   "older write can come any more",
                   (double)replica->purge_ms / 1000);
        break;
    case PURGE_DUE:
        buf_append_text(out, "all owners have known it for long enough: it goes when the store "
                             "next looks through the partition");
        break;
    default:
        buf_append_text(out, "its store does not say why");
        break;
    }
}

// ---- Who is waited for -------------------------------------------------------------------

// The owners that wait for this one.
static uint32_t waiting_for(const struct explain_facts *facts, uint32_t index)
{
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < facts->replicas.count; i++) {
        if (explain_facts_keeps_deletion(facts, i) && replica_of(facts, i)->purge == PURGE_WAITS &&
            replica_of(facts, i)->behind >> index & 1)
            waiting |= 1u << i;
    }
    return waiting;
}

// Whether this owner has all that the others wait for, and has only to say so.
static bool knows_all(const struct explain_facts *facts, uint32_t index, uint32_t waiting)
{
    const struct replica_copy *copy = &facts->replicas.items[index];
    for (uint32_t i = 0; i < facts->replicas.count; i++) {
        if (waiting >> i & 1 && copy->is_seen_told &&
            !seen_base_covers(&copy->seen, &facts->replicas.items[i].head.clock))
            return false;
    }
    return true;
}

// The owners that lack writes which anybody may have.
static uint32_t lacking(const struct explain_facts *facts)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < facts->replicas.count; i++) {
        uint8_t state = replica_of(facts, i)->purge;
        if (explain_facts_keeps_deletion(facts, i) && (state == PURGE_LACKS || state == PURGE_GAPS))
            set |= 1u << i;
    }
    return set;
}

static void append_silent(const struct explain_facts *facts, uint32_t index, uint32_t waiting,
                          struct buf *out)
{
    char problem[128];
    explain_node(facts, index, out);
    buf_printf(out, " %s: ", replicas_problem(&facts->replicas, index, problem));
    if (waiting) {
        buf_append_text(out, "nothing is purged before it is back, or has left the ring ('dkv node "
                             "leave ");
        explain_node(facts, index, out);
        buf_append_text(out, "')");
        return;
    }
    buf_append_text(out, "it may be the only one with the writes that ");
    explain_nodes(facts, lacking(facts), out);
    buf_append_text(out, lacking(facts) & (lacking(facts) - 1) ? " lack" : " lacks");
}

// A round of either side lets both hear what the other one knows.
static bool can_tell(const struct explain_facts *facts, uint32_t index, uint32_t waiting)
{
    uint32_t both = waiting | 1u << index;
    uint32_t i = 0;
    while (i < facts->replicas.count && !(both >> i & 1 && !explain_facts_is_repair_down(facts, i)))
        i++;
    return i < facts->replicas.count;
}

static void append_telling(const struct explain_facts *facts, uint32_t index, uint32_t waiting,
                           struct buf *out)
{
    explain_node(facts, index, out);
    if (!knows_all(facts, index, waiting)) {
        buf_append_text(out, " lacks some of that: ");
        append_repair(facts, index, "its next rounds of repair bring it, and then it tells ", out);
        if (explain_facts_is_repair_down(facts, index))
            return;
        explain_nodes(facts, waiting, out);
        return;
    }
    bool is_told = can_tell(facts, index, waiting);
    buf_append_text(out, is_told ? " tells " : " knows it, and has only to tell ");
    explain_nodes(facts, waiting, out);
    if (is_told) {
        buf_append_text(out, " with the next round of repair");
        return;
    }
    buf_append_text(out, ": no dkv-repair of ");
    explain_nodes(facts, waiting | 1u << index, out);
    buf_append_text(out, " is up: start one");
}

static void say_waited(const struct explain_facts *facts, uint32_t index, struct buf *out)
{
    uint32_t waiting = waiting_for(facts, index);
    bool is_there = facts->replicas.replied >> index & 1;
    if (is_there && waiting)
        append_telling(facts, index, waiting, out);
    else if (!is_there && (waiting || lacking(facts)))
        append_silent(facts, index, waiting, out);
    else
        return;
    explain_line(facts, out);
}

void explain_purge_say(const struct explain_facts *facts)
{
    struct buf out = {0};
    for (uint32_t i = 0; i < facts->replicas.count; i++) {
        if (!explain_facts_keeps_deletion(facts, i))
            continue;
        explain_node(facts, i, &out);
        buf_append_text(&out, " keeps the deletion: ");
        append_state(facts, i, &out);
        explain_line(facts, &out);
    }
    for (uint32_t i = 0; i < facts->replicas.count; i++)
        say_waited(facts, i, &out);
    buf_release(&out);
}
