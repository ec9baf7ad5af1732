#include "dkv/hint_lines.h"

#include "base/text.h"
#include "base/xalloc.h"
#include "dkv/connect.h"
#include "os/clock.h"
#include "wire/client.h"

#include <stdlib.h>

struct holder { // that was asked
    struct buf answer;
    enum status status;
};

static void on_answer(void *context, const struct op_answer *answer)
{
    struct holder *holder = context;
    holder->status = answer->status;
    buf_set(&holder->answer, answer->text);
}

// One connection for all questions: each has the name of its holder as its first line.
static enum status ask_all(const struct globals *globals, const struct ring *ring,
                           const char *topic, const char *argument, struct holder *holders,
                           struct fault *fault)
{
    struct client *client;
    struct buf text = {0};
    enum status status = connect_cluster(&client, globals, fault);
    if (status)
        return status;
    uint64_t deadline_ms = clock_mono_ms() + globals->timeout_ms;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        holders[i] = (struct holder){.status = STATUS_UNREACHABLE};
        buf_clear(&text);
        buf_printf(&text, "%s\n%s", ring->nodes[i].name, argument);
        client_ask(client, topic, buf_bytes(&text), deadline_ms, on_answer, &holders[i]);
    }
    client_drain(client);
    client_close(client);
    buf_release(&text);
    return STATUS_OK;
}

static void add_line(struct hint_lines *lines, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    if (!json_is_object(line)) {
        json_decref(line);
        return;
    }
    lines->lines = xrealloc(lines->lines, (lines->count + 1) * sizeof(json_t *));
    lines->lines[lines->count++] = line;
}

static void add_lines(struct hint_lines *lines, struct buf *answer)
{
    char *line = (char *)(uintptr_t)buf_text(answer);
    while (*line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        add_line(lines, line);
        line = end ? end + 1 : line + strlen(line);
    }
}

static int compare_lines(const void *left, const void *right)
{
    json_t *const *a = left, *const *b = right;
    int order = strverscmp(hint_lines_text(*a, "node"), hint_lines_text(*b, "node"));
    return order ? order : strverscmp(hint_lines_text(*a, "holder"), hint_lines_text(*b, "holder"));
}

// UNREACHABLE, TIMEOUT: no router was reached.
static enum status gather(const struct ring *ring, struct holder *holders, bool has_lines,
                          struct hint_lines *lines, struct fault *fault)
{
    enum status status = STATUS_OK;
    lines->is_silent = xcalloc(ring->node_count, sizeof *lines->is_silent);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        struct holder *holder = &holders[i];
        lines->is_silent[i] = holder->status != STATUS_OK;
        lines->silent_count += lines->is_silent[i];
        if (holder->status == STATUS_UNREACHABLE || holder->status == STATUS_TIMEOUT ||
            holder->status == STATUS_NOT_AUTHORISED)
            status = fault_set(fault, holder->status, "%.*s", (int)holder->answer.size,
                               (const char *)holder->answer.data);
        if (!holder->status && has_lines)
            add_lines(lines, &holder->answer);
        buf_release(&holder->answer);
    }
    if (lines->count)
        qsort(lines->lines, lines->count, sizeof(json_t *), compare_lines);
    return lines->silent_count == ring->node_count ? status : STATUS_OK;
}

static enum status ask_and_gather(const struct globals *globals, const struct ring *ring,
                                  const char *topic, const char *argument, bool has_lines,
                                  struct hint_lines *lines, struct fault *fault)
{
    struct holder *holders = xcalloc(ring->node_count, sizeof *holders);
    enum status status = ask_all(globals, ring, topic, argument, holders, fault);
    if (!status)
        status = gather(ring, holders, has_lines, lines, fault);
    free(holders);
    if (status)
        hint_lines_release(lines);
    return status;
}

enum status hint_lines_ask(const struct globals *globals, const struct ring *ring,
                           struct hint_lines *lines, struct fault *fault)
{
    return ask_and_gather(globals, ring, "hintd/list", "", true, lines, fault);
}

enum status hint_lines_ask_key(const struct globals *globals, const struct ring *ring,
                               uint32_t keyspace, struct bytes key, struct hint_lines *lines,
                               struct fault *fault)
{
    struct buf argument = {0};
    buf_printf(&argument, "%u ", keyspace);
    text_format_hex(key, &argument);
    enum status status =
        ask_and_gather(globals, ring, "hintd/key", buf_text(&argument), true, lines, fault);
    buf_release(&argument);
    return status;
}

enum status hint_lines_flush(const struct globals *globals, const struct ring *ring,
                             const char *node, struct hint_lines *lines, struct fault *fault)
{
    return ask_and_gather(globals, ring, "hintd/flush", node, false, lines, fault);
}

void hint_lines_release(struct hint_lines *lines)
{
    for (unsigned i = 0; i < lines->count; i++)
        json_decref(lines->lines[i]);
    free(lines->lines);
    free(lines->is_silent);
    *lines = (struct hint_lines){0};
}

const char *hint_lines_text(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "";
}

uint64_t hint_lines_number(const json_t *line, const char *name)
{
    const json_t *value = json_object_get(line, name);
    uint64_t number = 0;
    if (json_is_integer(value))
        return (uint64_t)json_integer_value(value);
    if (json_is_string(value) &&
        text_parse_number(bytes_of_text(json_string_value(value)), &number, NULL))
        return 0;
    return number;
}

uint64_t hint_lines_sum(const struct hint_lines *lines, const char *node)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < lines->count; i++) {
        if (strcmp(hint_lines_text(lines->lines[i], "node"), node) == 0)
            sum += hint_lines_number(lines->lines[i], "hints");
    }
    return sum;
}
