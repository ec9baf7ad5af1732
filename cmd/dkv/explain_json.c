#include "dkv/explain_json.h"

#include "base/text.h"
#include "causal/hlc.h"
#include "dkv/explain_purge.h"
#include "dkv/explain_text.h"
#include "dkv/json.h"
#include "dkv/jsonl.h"
#include "wire/replica.h"

#include <inttypes.h>

static json_t *number(uint64_t value)
{
    return json_sprintf("%" PRIu64, value);
}

// ---- Copies ------------------------------------------------------------------------------

static json_t *json_of_sibling(const struct explain_facts *facts, const struct sibling *sibling)
{
    char dot[JSONL_DOT_SIZE], time[EXPLAIN_TIME_SIZE];
    struct buf request = {0};
    jsonl_dot_format(sibling->dot, dot);
    explain_time(hlc_wall_ms(sibling->hlc), time);
    text_format_hex(bytes_of(sibling->request.bytes, sizeof sibling->request.bytes), &request);
    json_t *json = json_pack(
        "{s:s,s:s,s:o,s:s,s:o,s:o,s:s,s:s}", "dot", dot, "kind", copy_kind(&facts->copies, sibling),
        "hlc", number(sibling->hlc), "time", time, "bytes", number(sibling->value_size), "expires",
        sibling->expires_ms ? number(sibling->expires_ms) : json_null(), "request",
        buf_text(&request), "read", copy_read(&facts->copies, sibling->dot));
    buf_release(&request);
    return json;
}

static json_t *json_of_clock(const struct clock *clock)
{
    json_t *json = json_array();
    for (uint32_t i = 0; i < clock->count; i++) {
        char actor[17];
        snprintf(actor, sizeof actor, "%016" PRIx64, clock->intervals[i].actor);
        json_array_append_new(json, json_pack("{s:s,s:o,s:o}", "actor", actor, "from",
                                              number(clock->intervals[i].low), "to",
                                              number(clock->intervals[i].high)));
    }
    return json;
}

// The dots of versions of the join.
static json_t *json_of_dots(const struct explain_facts *facts, uint32_t index,
                            explain_is_named *is_named)
{
    json_t *json = json_array();
    for (uint32_t i = 0; i < facts->whole.count; i++) {
        char dot[JSONL_DOT_SIZE];
        jsonl_dot_format(facts->whole.siblings[i].dot, dot);
        if (is_named(&facts->copies, index, &facts->whole.siblings[i]))
            json_array_append_new(json, json_string(dot));
    }
    return json;
}

// Null if it keeps no deletion.
static json_t *json_of_purge(const struct explain_facts *facts, uint32_t index)
{
    const struct explained_replica *replica = &facts->replicas.items[index].replica;
    if (!explain_facts_keeps_deletion(facts, index))
        return json_null();
    json_t *behind = json_array();
    for (uint32_t i = 0; i < facts->replicas.count; i++) {
        if (replica->behind >> i & 1)
            json_array_append_new(behind, jsonl_bytes(facts->replicas.items[i].replica.node));
    }
    return json_pack(
        "{s:s,s:o,s:o}", "state", explain_purge_text(replica->purge), "behind", behind, "wait_ms",
        replica->purge == PURGE_AGES ? json_integer((json_int_t)replica->purge_ms) : json_null());
}

static json_t *json_of_copy(const struct explain_facts *facts, uint32_t index)
{
    const struct replica_copy *copy = &facts->replicas.items[index];
    char problem[128];
    const char *said = replicas_problem(&facts->replicas, index, problem);
    json_t *siblings = json_array();
    for (uint32_t i = 0; i < copy->head.count; i++)
        json_array_append_new(siblings, json_of_sibling(facts, &copy->head.siblings[i]));
    return json_pack(
        "{s:o,s:o,s:o,s:s,s:o,s:o,s:s,s:b,s:o,s:o,s:o,s:o,s:o}", "node",
        jsonl_bytes(copy->replica.node), "dc", jsonl_bytes(copy->replica.dc), "rack",
        jsonl_bytes(copy->replica.rack), "role", "owner", "state", jsonl_bytes(copy->replica.state),
        "problem", *said ? json_string(said) : json_null(), "copy",
        copy_state_text(copy_state(&facts->copies, index)), "lost",
        (int)(facts->replicas.lost >> index & 1), "siblings", siblings, "clock",
        json_of_clock(&copy->head.clock), "lacks", json_of_dots(facts, index, copy_lacks), "purged",
        json_of_dots(facts, index, copy_has_purged), "purge", json_of_purge(facts, index));
}

// ---- Hints -------------------------------------------------------------------------------

// Null: nobody was asked.
static json_t *json_of_hints(const struct explain_facts *facts)
{
    static const char *const names[] = {"node",   "holder",    "state", "since_ms",
                                        "values", "deletions", "bytes"};
    if (!facts->has_hints)
        return json_null();
    json_t *list = json_array();
    for (unsigned i = 0; i < facts->hints.count; i++) {
        json_t *hint = json_object();
        for (unsigned k = 0; k < sizeof names / sizeof *names; k++) {
            json_t *told = json_object_get(facts->hints.lines[i], names[k]);
            json_object_set_new(hint, names[k], told ? json_incref(told) : json_null());
        }
        json_array_append_new(list, hint);
    }
    return list;
}

// The nodes that were asked and said nothing.
static json_t *json_of_hints_unknown(const struct explain_facts *facts)
{
    if (!facts->has_hints)
        return json_null();
    json_t *list = json_array();
    for (uint32_t i = 0; i < facts->ring.node_count; i++) {
        if (facts->hints.is_silent[i])
            json_array_append_new(list, json_string(facts->ring.nodes[i].name));
    }
    return list;
}

void explain_json_print(const struct explain_facts *facts)
{
    const struct op_explained *op = &facts->replicas.op;
    char token[17];
    snprintf(token, sizeof token, "%016" PRIx64, op->token);
    json_t *copies = json_array();
    for (uint32_t i = 0; i < facts->replicas.count; i++)
        json_array_append_new(copies, json_of_copy(facts, i));
    json_print_line(json_pack("{s:i,s:o,s:o,s:s,s:i,s:o,s:s,s:o,s:o,s:o}", "v", 1, "key",
                              jsonl_bytes(op->key), "keyspace", jsonl_bytes(op->name), "token",
                              token, "partition", (int)op->partition, "epoch", number(op->epoch),
                              "r", ring_level_text(op->level), "replicas", copies, "hints",
                              json_of_hints(facts), "hints_unknown", json_of_hints_unknown(facts)));
}
