// dkv hints: writes that wait for nodes that were down.
#include "dkv/arguments.h"
#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/hint_lines.h"
#include "dkv/json.h"
#include "os/clock.h"

#include "base/xalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAUSE_MS = 100 };

struct hints_options {
    const char *node;
};

const struct option_spec options_hints[] = {
    {OPTION_OF(struct hints_options, 0, "for", OPTION_TEXT, node, "NODE",
               "only what waits for this node"),
     .of = "wait"},
    {0}};

// ---- list --------------------------------------------------------------------------------

// "2026-03-01T12:00:00Z", or "" for 0.
static void format_time(uint64_t wall_ms, char text[32])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    text[0] = '\0';
    if (wall_ms && gmtime_r(&seconds, &parts))
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void add_row(struct columns *columns, const json_t *line)
{
    char since[32];
    const char *node = hint_lines_text(line, "node");
    format_time(hint_lines_number(line, "since_ms"), since);
    columns_add(columns, "%s", *node ? node : hint_lines_text(line, "node_id"));
    columns_add(columns, "%s", hint_lines_text(line, "holder"));
    columns_add(columns, "%llu", (unsigned long long)hint_lines_number(line, "hints"));
    columns_add(columns, "%llu", (unsigned long long)hint_lines_number(line, "bytes"));
    columns_add(columns, "%s", since);
    columns_add(columns, "%s", hint_lines_text(line, "state"));
    columns_add(columns, "%zu", json_array_size(json_object_get(line, "debts")));
    format_time(hint_lines_number(line, "debt_since_ms"), since);
    columns_add(columns, "%s", since);
    columns_end_row(columns);
}

static void print_columns(const struct hint_lines *lines)
{
    static const char *const names[] = {"node",  "holder", "hints", "bytes",
                                        "since", "state",  "debts", "debts_since"};
    struct columns columns = {0};
    columns_head(&columns, names, sizeof names / sizeof *names);
    for (unsigned i = 0; i < lines->count; i++)
        add_row(&columns, lines->lines[i]);
    columns_print(&columns);
}

static void print_json(const struct hint_lines *lines)
{
    for (unsigned i = 0; i < lines->count; i++)
        json_print_line(json_incref(lines->lines[i]));
}

// PARTIAL: it says which ones did not answer.
static enum status report_silent(const struct globals *globals, const struct ring *ring,
                                 const struct hint_lines *lines)
{
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (lines->is_silent[i])
            report(globals, "hints", STATUS_PARTIAL, "the dkv-hintd of %s does not answer",
                   ring->nodes[i].name);
    }
    return lines->silent_count ? STATUS_PARTIAL : STATUS_OK;
}

static int list(const struct globals *globals, const struct ring *ring)
{
    struct hint_lines lines = {0};
    struct fault fault = {""};
    enum status status = hint_lines_ask(globals, ring, &lines, &fault);
    if (status)
        return ask_report(globals, "hints", status, &fault);
    if (globals->json)
        print_json(&lines);
    else
        print_columns(&lines);
    status = report_silent(globals, ring, &lines);
    hint_lines_release(&lines);
    return status_exit_code(status);
}

// ---- wait --------------------------------------------------------------------------------

// What one holder had for one node when it was first asked: done when all of that is delivered.
struct mark {
    char holder[RING_NAME_SIZE_MAX + 1], node_id[17];
    char life[17]; // of the holder: a later one counts anew what it found
    uint64_t accepted;
    bool is_done;
};

struct marks {
    struct mark *items;
    unsigned count;
    bool *is_known; // by index in the ring: the holder has answered once
};

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static void take_life(struct mark *mark, const json_t *line)
{
    copy_text(mark->life, sizeof mark->life, hint_lines_text(line, "life"));
    mark->accepted = hint_lines_number(line, "accepted");
}

static void add_mark(struct marks *marks, const json_t *line)
{
    marks->items = xrealloc(marks->items, (marks->count + 1) * sizeof *marks->items);
    struct mark *mark = &marks->items[marks->count++];
    *mark = (struct mark){.is_done = false};
    copy_text(mark->holder, sizeof mark->holder, hint_lines_text(line, "holder"));
    copy_text(mark->node_id, sizeof mark->node_id, hint_lines_text(line, "node_id"));
    take_life(mark, line);
}

static const json_t *find_line(const struct hint_lines *lines, const struct mark *mark)
{
    for (unsigned i = 0; i < lines->count; i++) {
        const json_t *line = lines->lines[i];
        if (strcmp(hint_lines_text(line, "holder"), mark->holder) == 0 &&
            strcmp(hint_lines_text(line, "node_id"), mark->node_id) == 0)
            return line;
    }
    return NULL;
}

// A holder that has no line for the node has delivered everything.
static void look(struct mark *mark, const json_t *line)
{
    if (line && strcmp(mark->life, hint_lines_text(line, "life")) != 0)
        take_life(mark, line);
    mark->is_done = !line || !hint_lines_number(line, "hints") ||
                    hint_lines_number(line, "delivered") >= mark->accepted;
}

static void add_marks(struct marks *marks, const struct hint_lines *lines, const char *holder,
                      const char *node)
{
    for (unsigned i = 0; i < lines->count; i++) {
        const json_t *line = lines->lines[i];
        bool is_wanted = !node || strcmp(hint_lines_text(line, "node"), node) == 0;
        if (is_wanted && strcmp(hint_lines_text(line, "holder"), holder) == 0)
            add_mark(marks, line);
    }
}

// True if everything is delivered.
static bool look_at_all(struct marks *marks, const struct ring *ring,
                        const struct hint_lines *lines, const char *node)
{
    bool is_done = true;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (!lines->is_silent[i] && !marks->is_known[i]) {
            add_marks(marks, lines, ring->nodes[i].name, node);
            marks->is_known[i] = true;
        }
        is_done &= marks->is_known[i];
    }
    for (unsigned i = 0; i < marks->count; i++) {
        struct mark *mark = &marks->items[i];
        int holder = ring_find_node_name(ring, mark->holder);
        if (!mark->is_done && holder >= 0 && !lines->is_silent[holder])
            look(mark, find_line(lines, mark));
        is_done &= mark->is_done;
    }
    return is_done;
}

static void report_waiting(const struct globals *globals, const struct ring *ring,
                           const struct marks *marks, const struct hint_lines *lines)
{
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (!marks->is_known[i])
            report(globals, "hints", STATUS_CHECK_FAILED, "the dkv-hintd of %s does not answer",
                   ring->nodes[i].name);
    }
    for (unsigned i = 0; i < marks->count; i++) {
        const struct mark *mark = &marks->items[i];
        const json_t *line = mark->is_done ? NULL : find_line(lines, mark);
        if (line)
            report(globals, "hints", STATUS_CHECK_FAILED, "%s: %llu hints wait on %s: %s",
                   hint_lines_text(line, "node"),
                   (unsigned long long)hint_lines_number(line, "hints"), mark->holder,
                   hint_lines_text(line, "state"));
    }
}

static enum status wait_for(const struct globals *globals, const struct ring *ring,
                            const char *node, struct marks *marks, struct fault *fault)
{
    uint64_t deadline_ms =
        globals->timeout_given ? clock_mono_ms() + globals->timeout_ms : UINT64_MAX;
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    for (;;) {
        struct hint_lines lines = {0};
        enum status status = hint_lines_ask(globals, ring, &lines, fault);
        bool is_done = !status && look_at_all(marks, ring, &lines, node);
        bool is_over = clock_mono_ms() >= deadline_ms;
        if (!is_done && is_over && !status)
            report_waiting(globals, ring, marks, &lines);
        hint_lines_release(&lines);
        if (is_done)
            return STATUS_OK;
        if (is_over)
            return STATUS_CHECK_FAILED;
        if (status && status != STATUS_UNREACHABLE && status != STATUS_TIMEOUT)
            return status;
        nanosleep(&pause, NULL);
    }
}

static int wait_until_delivered(const struct globals *globals, const struct ring *ring,
                                const char *node)
{
    struct fault fault = {""};
    struct marks marks = {.is_known = xcalloc(ring->node_count, sizeof(bool))};
    enum status status = wait_for(globals, ring, node, &marks, &fault);
    free(marks.items);
    free(marks.is_known);
    if (status && status != STATUS_CHECK_FAILED)
        return ask_report(globals, "hints", status, &fault);
    return status_exit_code(status);
}

// ---- flush -------------------------------------------------------------------------------

static int flush(const struct globals *globals, const struct ring *ring, const char *node)
{
    struct hint_lines lines = {0};
    struct fault fault = {""};
    enum status status = hint_lines_flush(globals, ring, node, &lines, &fault);
    if (status)
        return ask_report(globals, "hints", status, &fault);
    status = report_silent(globals, ring, &lines);
    hint_lines_release(&lines);
    return status_exit_code(status);
}

static int run(const struct globals *globals, const struct hints_options *options,
               const struct operands *operands)
{
    const char *word = operands->count ? operands->values[0] : "list";
    bool is_flush = strcmp(word, "flush") == 0, is_wait = strcmp(word, "wait") == 0;
    if (!is_flush && !is_wait && strcmp(word, "list") != 0)
        return usage_error("hints", "one of list, wait, flush is needed");
    if (operands->count > (is_flush ? 2 : 1) || (is_flush && operands->count != 2))
        return usage_error("hints", is_flush ? "flush: NODE is needed" : "%s: takes no arguments",
                           word);
    const char *node = is_flush ? operands->values[1] : options->node;
    struct ring ring = {0};
    int exit_status = ask_ring_of_living(globals, "hints", &ring);
    if (!exit_status && node && ring_find_node_name(&ring, node) < 0)
        exit_status = report(globals, "hints", STATUS_INVALID, "%s: no such node", node);
    if (!exit_status)
        exit_status = is_flush  ? flush(globals, &ring, node)
                      : is_wait ? wait_until_delivered(globals, &ring, node)
                                : list(globals, &ring);
    ring_release(&ring);
    return exit_status;
}

int verb_hints(struct globals *globals, int argc, char **argv)
{
    struct hints_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_hints, &options, argc, argv, &operands))
        return operands.exit_status;
    int exit_status = run(globals, &options, &operands);
    options_release(options_hints, &options);
    return exit_status;
}
