#include "dkv/ask.h"
#include "dkv/hint_lines.h"
#include "dkv/node_status.h"

#include "dkv/arguments.h"
#include "dkv/columns.h"
#include "dkv/json.h"

#include <stdio.h>

const struct option_spec options_status[] = {{0}};

// Text and numbers as they are; what is missing is "".
static void add_cell(struct columns *columns, json_t *node, const char *name)
{
    json_t *value = json_object_get(node, name);
    if (json_is_real(value))
        columns_add(columns, "%.2f", json_real_value(value));
    else if (json_is_integer(value))
        columns_add(columns, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        columns_add(columns, "%s", json_is_string(value) ? json_string_value(value) : "");
}

static void add_processes(struct columns *columns, json_t *node)
{
    struct buf names = {0};
    for (const char *const *name = node_status_processes; *name; name++) {
        if (node_status_is_up(node, *name))
            buf_printf(&names, "%s%s", names.size ? "," : "", *name);
    }
    columns_add(columns, "%s", buf_text(&names));
    buf_release(&names);
}

static void print_columns(const struct node_status *status)
{
    static const char *const names[] = {
        "node",    "state",  "dc",          "rack",          "processes",
        "epoch",   "keys",   "bytes",       "hints",         "unsynced_ms",
        "version", "damage", "lost_copies", "debt_permille", "write_amplification"};
    struct columns columns = {0};
    columns_head(&columns, names, sizeof names / sizeof *names);
    for (unsigned n = 0; n < status->count; n++) {
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
            if (strcmp(names[i], "processes") == 0)
                add_processes(&columns, status->nodes[n]);
            else
                add_cell(&columns, status->nodes[n], names[i]);
        }
        columns_end_row(&columns);
    }
    columns_print(&columns);
}

// One that is declared dead and owns nothing is missed by nobody.
static void mark_dead(const struct ring *ring, struct node_status *status)
{
    for (uint32_t i = 0; i < ring->node_count; i++) {
        json_t *node = node_status_find(status, ring->nodes[i].name);
        bool is_dead = ring->nodes[i].state == RING_NODE_DEAD && !ring_is_listed(ring, i);
        if (node && is_dead && !node_status_is_up(node, "state"))
            json_object_set_new(node, "state", json_string(node_status_dead));
    }
}

// The hints that wait for each node, wherever they are. Without an answer the numbers are left out.
static void add_hints(const struct globals *globals, const struct ring *ring,
                      struct node_status *status)
{
    struct hint_lines lines = {0};
    if (!hint_lines_ask(globals, ring, &lines, NULL)) {
        for (unsigned i = 0; i < status->count; i++) {
            const char *name = json_string_value(json_object_get(status->nodes[i], "node"));
            uint64_t sum = hint_lines_sum(&lines, name ? name : "");
            json_object_set_new(status->nodes[i], "hints", json_integer((json_int_t)sum));
        }
    }
    hint_lines_release(&lines);
}

// What only the ring says, or who is in it. Without an answer that is left out.
static void add_rest(const struct globals *globals, struct node_status *status)
{
    struct ring ring = {0};
    struct globals silent = *globals;
    silent.quiet = true;
    if (ask_ring(&silent, "status", NULL, &ring, NULL))
        return;
    mark_dead(&ring, status);
    add_hints(&silent, &ring, status);
    ring_release(&ring);
}

static void print_json(const struct node_status *status)
{
    for (unsigned i = 0; i < status->count; i++) {
        json_t *line = json_pack("{s:i}", "v", 1);
        json_object_update(line, status->nodes[i]);
        json_print_line(line);
    }
}

static bool says_twin(json_t *node, const char *name)
{
    const char *text = json_string_value(json_object_get(node, name));
    return text && !strcmp(text, "twin");
}

// What nobody can mend but people is said with the way out.
static void explain_twins(const struct globals *globals, const struct node_status *status)
{
    for (unsigned i = 0; i < status->count; i++) {
        json_t *node = status->nodes[i];
        if (says_twin(node, "state") || says_twin(node, "hintd"))
            report(globals, "status", STATUS_CHECK_FAILED,
                   "%s: two machines run as this node; stop the daemons of the one that is not to "
                   "be it, then start those of the other one again: dkv-store(8), Twins",
                   json_string_value(json_object_get(node, "node")));
    }
}

int verb_status(struct globals *globals, int argc, char **argv)
{
    struct operands operands;
    if (!options_parse(globals, options_status, NULL, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count)
        return usage_error("status", "takes no arguments");
    struct node_status status = {0};
    struct fault fault = {""};
    enum status failed = node_status_ask(globals, &status, &fault);
    if (failed)
        return ask_report(globals, "status", failed, &fault);
    add_rest(globals, &status);
    if (globals->json)
        print_json(&status);
    else
        print_columns(&status);
    explain_twins(globals, &status);
    bool is_well = node_status_is_well(&status);
    node_status_release(&status);
    return status_exit_code(is_well ? STATUS_OK : STATUS_CHECK_FAILED);
}
