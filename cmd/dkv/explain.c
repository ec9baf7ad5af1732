// dkv explain: what every owner of a key has of it, and what a read makes of that.
#include "base/text.h"
#include "causal/hlc.h"
#include "dkv/arguments.h"
#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/connect.h"
#include "dkv/explain_purge.h"
#include "dkv/explain_say.h"
#include "dkv/json.h"
#include "dkv/jsonl.h"
#include "dkv/level.h"
#include "dkv/replicas.h"
#include "os/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct explain_options {
    const char *key_file, *level;
};

const struct option_spec options_explain[] = {
    {OPTION_OF(struct explain_options, 0, "key-file", OPTION_TEXT, key_file, "FILE",
               "the key is the content of FILE")},
    {OPTION_OF(struct explain_options, 'R', "read-quorum", OPTION_TEXT, level, "LEVEL",
               "of the read that is explained: a number, one, quorum, all, ...")},
    {0}};

struct explain {
    const struct globals *globals;
    struct replicas replicas;
    struct ring ring; // that hints were asked by
    struct hint_lines hints;
    struct record whole; // the join of all copies that are known
    uint64_t now_ms;
};

enum { TIME_SIZE = 32 };

// "2026-11-29T16:04:05.123Z"
static void format_time(uint64_t wall_ms, char text[TIME_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t size = gmtime_r(&seconds, &tm) ? strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm) : 0;
    snprintf(text + size, TIME_SIZE - size, ".%03uZ", (unsigned)(wall_ms % 1000));
}

// ---- What a read makes of it -------------------------------------------------------------

// Whether a read finds this version: it asks some owners, of which one must have it and none
// may have superseded it.
static const char *read_of(const struct replicas *replicas, struct dot dot)
{
    uint32_t having = 0, past = 0, readable = replicas->replied & ~replicas->lost;
    for (uint32_t i = 0; i < replicas->count; i++) {
        const struct record *head = &replicas->items[i].head;
        if (!(readable >> i & 1))
            continue;
        if (record_find_dot(head, dot))
            having |= 1u << i;
        else if (clock_covers(&head->clock, dot))
            past |= 1u << i;
    }
    if (!replicas_can_answer(replicas, readable))
        return "unavailable";
    if (!past && replicas_are_met(replicas, having | ~readable))
        return "always";
    return replicas_are_met(replicas, past | ~readable) ? "never" : "perhaps";
}

static bool has_same_dots(const struct record *a, const struct record *b)
{
    bool is_same = a->count == b->count;
    for (uint32_t i = 0; is_same && i < a->count; i++)
        is_same = dot_equal(a->siblings[i].dot, b->siblings[i].dot);
    return is_same;
}

// How a copy is beside all others that are known.
static const char *copy_of(const struct explain *explain, uint32_t index)
{
    const struct replicas *replicas = &explain->replicas;
    const struct record *head = &replicas->items[index].head;
    bool is_same = true;
    if (!(replicas->replied >> index & 1))
        return "unknown";
    for (uint32_t i = 0; i < replicas->count; i++)
        is_same &= !(replicas->replied >> i & 1) || has_same_dots(head, &replicas->items[i].head);
    return is_same ? "equal" : has_same_dots(head, &explain->whole) ? "ahead" : "behind";
}

static const char *kind_of(const struct explain *explain, const struct sibling *sibling)
{
    if (sibling->flags & SIBLING_TOMBSTONE)
        return "tombstone";
    return sibling->expires_ms && sibling->expires_ms <= explain->now_ms ? "expired" : "value";
}

// ---- JSON --------------------------------------------------------------------------------

static json_t *number(uint64_t value)
{
    return json_sprintf("%" PRIu64, value);
}

static json_t *json_of_sibling(const struct explain *explain, const struct sibling *sibling)
{
    char dot[JSONL_DOT_SIZE], time[TIME_SIZE];
    struct buf request = {0};
    jsonl_dot_format(sibling->dot, dot);
    format_time(hlc_wall_ms(sibling->hlc), time);
    text_format_hex(bytes_of(sibling->request.bytes, sizeof sibling->request.bytes), &request);
    json_t *json = json_pack(
        "{s:s,s:s,s:o,s:s,s:o,s:o,s:s,s:s}", "dot", dot, "kind", kind_of(explain, sibling), "hlc",
        number(sibling->hlc), "time", time, "bytes", number(sibling->value_size), "expires",
        sibling->expires_ms ? number(sibling->expires_ms) : json_null(), "request",
        buf_text(&request), "read", read_of(&explain->replicas, sibling->dot));
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

static json_t *json_of_copy(const struct explain *explain, uint32_t index)
{
    const struct replica_copy *copy = &explain->replicas.items[index];
    char problem[128];
    const char *said = replicas_problem(&explain->replicas, index, problem);
    json_t *siblings = json_array();
    for (uint32_t i = 0; i < copy->head.count; i++)
        json_array_append_new(siblings, json_of_sibling(explain, &copy->head.siblings[i]));
    return json_pack(
        "{s:o,s:o,s:o,s:s,s:o,s:o,s:s,s:b,s:o,s:o,s:o}", "node", jsonl_bytes(copy->replica.node),
        "dc", jsonl_bytes(copy->replica.dc), "rack", jsonl_bytes(copy->replica.rack), "role",
        "owner", "state", jsonl_bytes(copy->replica.state), "problem",
        *said ? json_string(said) : json_null(), "copy", copy_of(explain, index), "lost",
        (int)(explain->replicas.lost >> index & 1), "siblings", siblings, "clock",
        json_of_clock(&copy->head.clock), "purge", explain_purge_json(&explain->replicas, index));
}

static void print_json(const struct explain *explain, const struct explain_facts *facts)
{
    const struct op_explained *op = &explain->replicas.op;
    char token[17];
    snprintf(token, sizeof token, "%016" PRIx64, op->token);
    json_t *copies = json_array();
    for (uint32_t i = 0; i < explain->replicas.count; i++)
        json_array_append_new(copies, json_of_copy(explain, i));
    json_print_line(json_pack("{s:i,s:o,s:o,s:s,s:i,s:o,s:s,s:o,s:o}", "v", 1, "key",
                              jsonl_bytes(op->key), "keyspace", jsonl_bytes(op->name), "token",
                              token, "partition", (int)op->partition, "epoch", number(op->epoch),
                              "r", ring_level_text(op->level), "replicas", copies, "hints",
                              explain_say_hints(facts)));
}

// ---- Columns -----------------------------------------------------------------------------

static void add_text(struct columns *columns, struct bytes text)
{
    columns_add(columns, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

static void add_place(const struct explain *explain, uint32_t index, struct columns *columns)
{
    const struct explained_replica *replica = &explain->replicas.items[index].replica;
    columns_add(columns, "%" PRIu32, explain->replicas.op.partition);
    add_text(columns, replica->node);
    add_text(columns, replica->dc);
    add_text(columns, replica->rack);
    add_text(columns, replica->state);
    columns_add(columns, "%s", copy_of(explain, index));
}

static void add_row(const struct explain *explain, uint32_t index, const struct sibling *sibling,
                    struct columns *columns)
{
    char dot[JSONL_DOT_SIZE], time[TIME_SIZE];
    add_place(explain, index, columns);
    jsonl_dot_format(sibling->dot, dot);
    format_time(hlc_wall_ms(sibling->hlc), time);
    columns_add(columns, "%s", kind_of(explain, sibling));
    columns_add(columns, "%s", dot);
    columns_add(columns, "%" PRIu64, sibling->hlc);
    columns_add(columns, "%s", time);
    columns_add(columns, "%" PRIu64, sibling->value_size);
    if (sibling->expires_ms)
        format_time(sibling->expires_ms, time);
    columns_add(columns, "%s", sibling->expires_ms ? time : "");
    columns_add(columns, "%s", read_of(&explain->replicas, sibling->dot));
    columns_end_row(columns);
}

static void add_empty_row(const struct explain *explain, uint32_t index, struct columns *columns)
{
    bool is_known = explain->replicas.replied >> index & 1;
    add_place(explain, index, columns);
    columns_add(columns, "%s", is_known ? "nothing" : "");
    for (unsigned i = 0; i < 6; i++)
        columns_add(columns, "%s", "");
    columns_end_row(columns);
}

static void print_columns(const struct explain *explain)
{
    static const char *const heading[] = {"partition", "node",    "dc",  "rack", "state",
                                          "copy",      "kind",    "dot", "hlc",  "time",
                                          "bytes",     "expires", "read"};
    const struct replicas *replicas = &explain->replicas;
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < replicas->count; i++) {
        const struct record *head = &replicas->items[i].head;
        if (!head->count)
            add_empty_row(explain, i, &columns);
        for (uint32_t k = 0; k < head->count; k++)
            add_row(explain, i, &head->siblings[k], &columns);
    }
    columns_print(&columns);
}

// ---- The verb ----------------------------------------------------------------------------

static struct explain_facts facts_of(const struct explain *explain)
{
    const struct replicas *replicas = &explain->replicas;
    struct explain_facts facts = {.replicas = replicas,
                                  .whole = &explain->whole,
                                  .hints = &explain->hints,
                                  .now_ms = explain->now_ms};
    for (uint32_t i = 0; i < replicas->count; i++) {
        if (replicas->replied >> i & 1 && !has_same_dots(&replicas->items[i].head, &explain->whole))
            facts.behind |= 1u << i;
    }
    return facts;
}

// Where a copy is unknown, behind, or keeps a deletion, hints may be what it waits for.
static void ask_hints(struct explain *explain, struct explain_facts *facts)
{
    const struct replicas *replicas = facts->replicas;
    struct fault fault = {""};
    bool is_all_known = replicas->replied == (1u << replicas->count) - 1;
    if ((is_all_known && !facts->behind && !explain_purge_is_any(replicas)) ||
        ask_ring(explain->globals, "explain", NULL, &explain->ring, NULL))
        return;
    if (!hint_lines_ask_key(explain->globals, &explain->ring, replicas->op.keyspace,
                            replicas->op.key, &explain->hints, &fault))
        facts->ring = &explain->ring;
}

static int explain_key(struct explain *explain, const struct op_explain *op)
{
    const struct globals *globals = explain->globals;
    struct client *client;
    struct fault fault;
    enum status status = connect_cluster(&client, globals, &fault);
    if (status)
        return report(globals, "explain", status, "%s", fault.text);
    status = replicas_ask(&explain->replicas, client, op, argument_deadline_ms(globals));
    client_close(client);
    if (status)
        return argument_report(globals, "explain", status, buf_bytes(&explain->replicas.text));
    explain->now_ms = clock_wall_ms();
    for (uint32_t i = 0; i < explain->replicas.count; i++)
        record_join(&explain->whole, &explain->replicas.items[i].head);
    struct explain_facts facts = facts_of(explain);
    ask_hints(explain, &facts);
    if (globals->json)
        print_json(explain, &facts);
    else
        print_columns(explain);
    explain_say(globals, &facts);
    if (!globals->json)
        explain_purge_say(globals, &explain->replicas);
    return 0;
}

int verb_explain(struct globals *globals, int argc, char **argv)
{
    struct explain_options options = {0};
    struct explain explain = {.globals = globals};
    struct operands operands;
    struct fault fault;
    struct buf key = {0};
    struct op_explain op = {0};
    int exit_status;
    if (!options_parse(globals, options_explain, &options, argc, argv, &operands))
        return operands.exit_status;
    enum status status = argument_key(options.key_file, &operands, &key, &fault);
    if (!status)
        status = level_parse(options.level, &op.level, &fault);
    if (!status && operands.count)
        status = fault_set(&fault, STATUS_INVALID, "unexpected argument '%s'", operands.values[0]);
    op.key = buf_bytes(&key);
    op.keyspace = bytes_of_text(globals->keyspace);
    if (status == STATUS_INVALID)
        exit_status = usage_error("explain", "%s", fault.text);
    else if (status)
        exit_status = report(globals, "explain", status, "%s", fault.text);
    else
        exit_status = explain_key(&explain, &op);
    buf_release(&key);
    replicas_release(&explain.replicas);
    record_release(&explain.whole);
    hint_lines_release(&explain.hints);
    ring_release(&explain.ring);
    return exit_status;
}
