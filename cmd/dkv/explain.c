// dkv explain: what every owner of a key has of it, and what a read makes of that.
#include "causal/hlc.h"
#include "dkv/arguments.h"
#include "dkv/columns.h"
#include "dkv/connect.h"
#include "dkv/explain_facts.h"
#include "dkv/explain_json.h"
#include "dkv/explain_purge.h"
#include "dkv/explain_say.h"
#include "dkv/explain_text.h"
#include "dkv/jsonl.h"
#include "dkv/level.h"

#include <inttypes.h>

struct explain_options {
    const char *key_file, *level;
};

const struct option_spec options_explain[] = {
    {OPTION_OF(struct explain_options, 0, "key-file", OPTION_TEXT, key_file, "FILE",
               "the key is the content of FILE")},
    {OPTION_OF(struct explain_options, 'R', "read-quorum", OPTION_TEXT, level, "LEVEL",
               "of the read that is explained: a number, one, quorum, all, ...")},
    {0}};

// ---- Columns -----------------------------------------------------------------------------

static void add_text(struct columns *columns, struct bytes text)
{
    columns_add(columns, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

static void add_place(const struct explain_facts *facts, uint32_t index, struct columns *columns)
{
    const struct explained_replica *replica = &facts->replicas.items[index].replica;
    columns_add(columns, "%" PRIu32, facts->replicas.op.partition);
    add_text(columns, replica->node);
    add_text(columns, replica->dc);
    add_text(columns, replica->rack);
    add_text(columns, replica->state);
    columns_add(columns, "%s", copy_state_text(copy_state(&facts->copies, index)));
}

static void add_row(const struct explain_facts *facts, uint32_t index,
                    const struct sibling *sibling, struct columns *columns)
{
    char dot[JSONL_DOT_SIZE], time[EXPLAIN_TIME_SIZE];
    add_place(facts, index, columns);
    jsonl_dot_format(sibling->dot, dot);
    explain_time(hlc_wall_ms(sibling->hlc), time);
    columns_add(columns, "%s", copy_kind(&facts->copies, sibling));
    columns_add(columns, "%s", dot);
    columns_add(columns, "%" PRIu64, sibling->hlc);
    columns_add(columns, "%s", time);
    columns_add(columns, "%" PRIu64, sibling->value_size);
    if (sibling->expires_ms)
        explain_time(sibling->expires_ms, time);
    columns_add(columns, "%s", sibling->expires_ms ? time : "");
    columns_add(columns, "%s", copy_read(&facts->copies, sibling->dot));
    columns_end_row(columns);
}

static void add_empty_row(const struct explain_facts *facts, uint32_t index,
                          struct columns *columns)
{
    bool is_known = facts->replicas.replied >> index & 1;
    add_place(facts, index, columns);
    columns_add(columns, "%s", is_known ? "nothing" : "");
    for (unsigned i = 0; i < 6; i++)
        columns_add(columns, "%s", "");
    columns_end_row(columns);
}

static void print_columns(const struct explain_facts *facts)
{
    static const char *const heading[] = {"partition", "node",    "dc",  "rack", "state",
                                          "copy",      "kind",    "dot", "hlc",  "time",
                                          "bytes",     "expires", "read"};
    const struct replicas *replicas = &facts->replicas;
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < replicas->count; i++) {
        const struct record *head = &replicas->items[i].head;
        if (!head->count)
            add_empty_row(facts, i, &columns);
        for (uint32_t k = 0; k < head->count; k++)
            add_row(facts, i, &head->siblings[k], &columns);
    }
    columns_print(&columns);
}

// ---- The verb ----------------------------------------------------------------------------

static int explain_key(struct explain_facts *facts, const struct op_explain *op)
{
    const struct globals *globals = facts->globals;
    struct client *client;
    struct fault fault;
    enum status status = connect_cluster(&client, globals, &fault);
    if (status)
        return report(globals, "explain", status, "%s", fault.text);
    status = replicas_ask(&facts->replicas, client, op, argument_deadline_ms(globals));
    client_close(client);
    if (status)
        return argument_report(globals, "explain", status, buf_bytes(&facts->replicas.text));
    explain_facts_gather(facts);
    if (globals->json)
        explain_json_print(facts);
    else
        print_columns(facts);
    explain_say(facts);
    if (!globals->json)
        explain_purge_say(facts);
    return 0;
}

int verb_explain(struct globals *globals, int argc, char **argv)
{
    struct explain_options options = {0};
    struct explain_facts facts = {.globals = globals};
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
        exit_status = explain_key(&facts, &op);
    buf_release(&key);
    explain_facts_release(&facts);
    return exit_status;
}
