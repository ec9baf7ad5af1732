// dkv repair run, dkv repair status.
#include "dkv/repair.h"

#include "base/xalloc.h"
#include "dkv/arguments.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/node_ask.h"
#include "ring/ring_route.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// How far the process of one node is.
struct progress {
    bool is_asked; // it may own some of what was named
    bool is_begun;
    uint64_t since;
    uint64_t done, total, failing;
    uint64_t keys, bytes; // since it was begun
    uint64_t keys_before, bytes_before;
    struct fault fault; // "" if it answers
};

static bool is_owner(const struct ring *ring, const struct ring_keyspace *keyspace,
                     uint32_t partition, uint32_t node)
{
    struct ring_route route;
    ring_route(&route, ring, keyspace, partition);
    uint8_t i = 0;
    while (i < route.owner_count && route.nodes[i] != node)
        i++;
    return i < route.owner_count;
}

static bool owns_any(const struct ring *ring, const struct repair_scope *scope, uint32_t node)
{
    for (uint32_t i = 0; i < ring->keyspace_count && scope->has_partition; i++) {
        const struct ring_keyspace *keyspace = &ring->keyspaces[i];
        if ((!scope->keyspace || scope->keyspace == keyspace->id) &&
            is_owner(ring, keyspace, scope->partition, node))
            return true;
    }
    return !scope->has_partition;
}

// Asks a node to begin, or how far it is. One that forgot what it was asked begins anew.
static void ask_progress(const struct globals *globals, const char *node,
                         const struct repair_scope *scope, struct progress *progress)
{
    struct buf argument = {0}, answer = {0};
    if (progress->is_begun)
        buf_printf(&argument, "since=%" PRIu64 " ", progress->since);
    repair_scope_format(scope, &argument);
    progress->fault.text[0] = '\0';
    enum status status =
        node_ask(globals, node, "repair/run", buf_text(&argument), &answer, &progress->fault);
    const char *at = buf_text(&answer);
    if (status) {
        progress->is_begun = progress->is_begun && status != STATUS_NOT_FOUND;
    } else if (!progress->is_begun) {
        progress->is_begun = true;
        progress->since = node_ask_number(&at);
        progress->keys_before = node_ask_number(&at);
        progress->bytes_before = node_ask_number(&at);
    } else {
        progress->done = node_ask_number(&at);
        progress->total = node_ask_number(&at);
        progress->failing = node_ask_number(&at);
        progress->keys = node_ask_number(&at) - progress->keys_before;
        progress->bytes = node_ask_number(&at) - progress->bytes_before;
    }
    buf_release(&argument);
    buf_release(&answer);
}

static void print_progress(const struct globals *globals, const struct ring *ring,
                           const struct progress *progresses)
{
    static const char *const heading[] = {"node", "pairs", "agreed", "failing", "keys", "bytes"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        const struct progress *progress = &progresses[i];
        if (!progress->is_asked)
            continue;
        if (globals->json) {
            json_print_line(json_pack(
                "{s:i,s:s,s:I,s:I,s:I,s:I,s:I}", "v", 1, "node", ring->nodes[i].name, "pairs",
                (json_int_t)progress->total, "agreed", (json_int_t)progress->done, "failing",
                (json_int_t)progress->failing, "keys", (json_int_t)progress->keys, "bytes",
                (json_int_t)progress->bytes));
            continue;
        }
        columns_add(&columns, "%s", ring->nodes[i].name);
        columns_add(&columns, "%" PRIu64, progress->total);
        columns_add(&columns, "%" PRIu64, progress->done);
        columns_add(&columns, "%" PRIu64, progress->failing);
        columns_add(&columns, "%" PRIu64, progress->keys);
        columns_add(&columns, "%" PRIu64, progress->bytes);
        columns_end_row(&columns);
    }
    if (globals->json)
        buf_release(&columns.text);
    else
        columns_print(&columns);
}

// Begins everywhere, and complains of each node that is not reached.
static enum status begin_all(const struct globals *globals, const struct ring *ring,
                             const struct repair_scope *scope, struct progress *progresses)
{
    uint32_t reached = 0, unreached = 0;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        progresses[i].is_asked = owns_any(ring, scope, i);
        if (!progresses[i].is_asked)
            continue;
        ask_progress(globals, ring->nodes[i].name, scope, &progresses[i]);
        reached += progresses[i].is_begun;
        if (progresses[i].is_begun)
            continue;
        unreached++;
        (void)report(globals, "repair", STATUS_UNAVAILABLE, "%s", progresses[i].fault.text);
    }
    return !reached ? STATUS_UNAVAILABLE : unreached ? STATUS_PARTIAL : STATUS_OK;
}

// True when all have done what they were asked.
static bool look_at_all(const struct globals *globals, const struct ring *ring,
                        const struct repair_scope *scope, struct progress *progresses)
{
    bool is_done = true;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        struct progress *progress = &progresses[i];
        if (!progress->is_asked)
            continue;
        bool was_begun = progress->is_begun;
        ask_progress(globals, ring->nodes[i].name, scope, progress);
        is_done &= was_begun && !*progress->fault.text && progress->done == progress->total;
    }
    return is_done;
}

int repair_run(const struct globals *globals, const struct ring *ring,
               const struct repair_scope *scope, bool wait)
{
    struct progress *progresses = xcalloc(ring->node_count, sizeof *progresses);
    uint64_t deadline_ms = node_ask_deadline(globals);
    enum status status = begin_all(globals, ring, scope, progresses);
    bool is_done = false;
    while (wait && status != STATUS_UNAVAILABLE &&
           !(is_done = look_at_all(globals, ring, scope, progresses)) &&
           node_ask_pause(deadline_ms))
        ;
    if (wait && status != STATUS_UNAVAILABLE)
        status = is_done ? STATUS_OK : STATUS_CHECK_FAILED;
    if (wait)
        print_progress(globals, ring, progresses);
    free(progresses);
    return status == STATUS_CHECK_FAILED
               ? report(globals, "repair", status, "the replicas do not agree yet")
               : status_exit_code(status);
}

// ---- status ------------------------------------------------------------------------------

static void add_row(struct columns *columns, json_t *line)
{
    static const char *const names[] = {"shards",  "never", "failing", "lost",
                                        "missing", "keys",  "bytes"};
    columns_add(columns, "%s", json_string_value(json_object_get(line, "node")));
    columns_add(columns, "%s", json_string_value(json_object_get(line, "from")));
    columns_add(columns, "%s", json_string_value(json_object_get(line, "state")));
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        columns_add(columns, "%" JSON_INTEGER_FORMAT,
                    json_integer_value(json_object_get(line, names[i])));
    columns_add(columns, "%.1f",
                (double)json_integer_value(json_object_get(line, "oldest_ms")) / 1000);
    columns_add(columns, "%s", json_string_value(json_object_get(line, "why")));
    columns_end_row(columns);
}

// False: it is no answer, or too old.
static bool add_lines(const struct globals *globals, char *text, uint64_t age_max_s,
                      struct columns *columns)
{
    bool is_well = true;
    while (text && *text) {
        const char *line = strsep(&text, "\n");
        json_t *object = json_loads(line, 0, NULL);
        if (!json_is_object(object)) {
            json_decref(object);
            return false;
        }
        json_int_t oldest_ms = json_integer_value(json_object_get(object, "oldest_ms"));
        bool is_never = json_integer_value(json_object_get(object, "never")) > 0;
        if (age_max_s && (is_never || oldest_ms > (json_int_t)(age_max_s * 1000)))
            is_well = false;
        if (globals->json) {
            json_print_line(object);
        } else {
            add_row(columns, object);
            json_decref(object);
        }
    }
    return is_well;
}

int repair_status(const struct globals *globals, const struct ring *ring, uint64_t age_max_s)
{
    static const char *const heading[] = {"node",  "from",    "state",    "shards",
                                          "never", "failing", "lost",     "missing",
                                          "keys",  "bytes",   "oldest_s", "why"};
    struct columns columns = {0};
    bool is_well = true, is_complete = true;
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        struct buf answer = {0};
        struct fault fault = {""};
        enum status status =
            node_ask(globals, ring->nodes[i].name, "repair/status", "", &answer, &fault);
        if (status) {
            is_complete = false;
            (void)report(globals, "repair", status, "%s: %s", ring->nodes[i].name, fault.text);
        } else {
            (void)buf_text(&answer);
            is_well &= add_lines(globals, (char *)answer.data, age_max_s, &columns);
        }
        buf_release(&answer);
    }
    if (globals->json)
        buf_release(&columns.text);
    else
        columns_print(&columns);
    return status_exit_code(!is_complete || !is_well ? STATUS_CHECK_FAILED : STATUS_OK);
}
