// dkv shell: verbs from standard input, one a line, on connections that stay.
#include "base/text.h"
#include "base/xalloc.h"
#include "causal/token.h"
#include "dkv/arguments.h"
#include "dkv/command.h"
#include "dkv/connect.h"
#include "dkv/jsonl.h"
#include "dkv/level.h"
#include "os/clock.h"
#include "wire/client.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_SIZE_MAX = 40 * 1024 * 1024, READ_SIZE = 64 * 1024, PIPELINE_MAX = 4096 };

struct shell_options {
    uint64_t pipeline;
    const char *read_level, *write_level;
    bool strict;
};

const struct option_spec options_shell[] = {
    {.name = "pipeline",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct shell_options, pipeline),
     .argument = "N",
     .min = 1,
     .max = PIPELINE_MAX,
     .help = "with --json: N lines under way at once, answers as they come"},
    {.letter = 'W',
     .name = "write-quorum",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct shell_options, write_level),
     .argument = "LEVEL",
     .help = "of lines that do not say it: durable copies to wait for"},
    {.letter = 'R',
     .name = "read-quorum",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct shell_options, read_level),
     .argument = "LEVEL",
     .help = "of lines that do not say it: replicas to ask"},
    {.name = "strict",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct shell_options, strict),
     .help = "in every line: as in 'dkv put' and 'dkv get'"},
    {0},
};

// The editor is loaded when there is a terminal to use it on, so that nobody else pays.
struct editor {
    char *(*readline)(const char *prompt);
    void (*add_history)(const char *line);
};

struct shell {
    struct globals *globals;
    struct shell_options options;
    uint8_t read_level, write_level; // of the options
    struct client *client;
    struct editor editor;
    struct buf input;
    size_t input_at, scanned;
    bool ended;
    struct buf out;
    struct record record;
    int exit_status;
};

struct call { // one line under way
    struct shell *shell;
    struct command command;
};

// ---- lines --------------------------------------------------------------------------

static void open_editor(struct editor *editor)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return;
    void *library = dlopen("libedit.so.2", RTLD_NOW);
    if (!library)
        return;
    *(void **)&editor->readline = dlsym(library, "readline");
    *(void **)&editor->add_history = dlsym(library, "add_history");
}

static void edit_line(struct shell *shell)
{
    char *line = shell->editor.readline("dkv> ");
    if (!line) {
        shell->ended = true;
        return;
    }
    if (*line && shell->editor.add_history)
        shell->editor.add_history(line);
    buf_append_text(&shell->input, line);
    buf_append_u8(&shell->input, '\n');
    free(line);
}

static void read_input(struct shell *shell)
{
    if (shell->editor.readline) {
        edit_line(shell);
        return;
    }
    buf_reserve(&shell->input, READ_SIZE);
    ssize_t size = read(STDIN_FILENO, shell->input.data + shell->input.size, READ_SIZE);
    if (size > 0)
        shell->input.size += (size_t)size;
    else if (size == 0 || errno != EINTR)
        shell->ended = true;
}

// The next whole line without its end, borrowed. False if none is here yet.
static bool next_line(struct shell *shell, struct bytes *line)
{
    struct buf *input = &shell->input;
    uint8_t *begin = input->data + shell->input_at;
    size_t left = input->size - shell->input_at;
    uint8_t *end =
        left > shell->scanned ? memchr(begin + shell->scanned, '\n', left - shell->scanned) : NULL;
    shell->scanned = end ? 0 : left;
    if (end || (shell->ended && left)) {
        *line = bytes_of(begin, end ? (size_t)(end - begin) : left);
        shell->input_at += line->size + (end != NULL);
        return true;
    }
    if (left)
        memmove(input->data, begin, left);
    input->size = left;
    shell->input_at = 0;
    return false;
}

// ---- answers ------------------------------------------------------------------------

static void flush(struct shell *shell)
{
    print_bytes(buf_bytes(&shell->out));
    fflush(stdout);
    buf_clear(&shell->out);
}

static void note(struct shell *shell, int exit_code)
{
    if (exit_code && exit_code != 3 && exit_code != 4)
        shell->exit_status = status_exit_code(STATUS_PARTIAL);
}

// An answer: v, id and status, then the members of `more`, whose reference it takes.
static void answer_json(struct call *call, json_t *more, int exit_code)
{
    json_t *json = json_pack("{s:i}", "v", 1);
    if (call->command.id)
        json_object_set(json, "id", call->command.id);
    json_object_set_new(json, "status", json_integer(exit_code));
    json_object_update_new(json, more);
    jsonl_append(json, &call->shell->out);
}

// Takes the text.
static void answer_error(struct call *call, enum status status, struct buf *text)
{
    struct shell *shell = call->shell;
    int exit_code = status_exit_code(status);
    note(shell, exit_code);
    if (shell->globals->json)
        answer_json(call, json_pack("{s:s}", "error", buf_text(text)), exit_code);
    else
        buf_printf(&shell->out, "! %d %s\n", exit_code, buf_text(text));
    buf_release(text);
}

static void answer_failure(struct call *call, enum status status, struct bytes reason)
{
    struct buf text = {0};
    if (call->command.verb == COMMAND_GET)
        argument_explain(status, reason, &text);
    else
        argument_explain_write(status, reason, &text);
    answer_error(call, status, &text);
}

static void end_call(struct call *call)
{
    command_release(&call->command);
    free(call);
}

static void on_put(void *context, const struct op_put_done *done)
{
    struct call *call = context;
    enum status status = done->status;
    if (status == STATUS_NOT_FOUND && call->command.verb == COMMAND_DEL)
        status = STATUS_OK;
    if (status) {
        answer_failure(call, status, done->text);
    } else if (call->shell->globals->json) {
        struct buf token = {0};
        token_format(done->context, &token);
        answer_json(call, json_pack("{s:s}", "context", buf_text(&token)), 0);
        buf_release(&token);
    } else {
        buf_append_text(&call->shell->out, "ok\n");
    }
    end_call(call);
}

// A value as a line; one that could be taken for a failure begins with an escape.
static void answer_value(struct shell *shell, struct bytes value)
{
    if (value.size && *value.data == '!') {
        buf_append_text(&shell->out, "\\x21");
        value = bytes_of(value.data + 1, value.size - 1);
    }
    text_escape_tsv(value, &shell->out);
    buf_append_u8(&shell->out, '\n');
}

static void on_got(void *context, const struct op_got *got)
{
    struct call *call = context;
    struct shell *shell = call->shell;
    struct bytes key = buf_bytes(&call->command.key);
    const struct sibling *visible;
    enum status status = got->status;
    if (!status && record_decode(&shell->record, key, got->record))
        status = STATUS_CORRUPT;
    uint64_t now_ms = clock_wall_ms();
    uint32_t count = status ? 0 : record_visible(&shell->record, now_ms, &visible, 1);
    if (status) {
        answer_failure(call, status, got->text);
    } else if (shell->globals->json) {
        answer_json(call, jsonl_record(key, &shell->record, got->context, now_ms),
                    count ? 0 : status_exit_code(STATUS_NOT_FOUND));
    } else if (count == 1) {
        answer_value(shell, visible->value);
    } else {
        answer_failure(call, count ? STATUS_SIBLINGS : STATUS_NOT_FOUND, (struct bytes){0});
    }
    end_call(call);
}

// ---- calls --------------------------------------------------------------------------

static void send_call(struct call *call)
{
    struct shell *shell = call->shell;
    const struct command *command = &call->command;
    struct bytes keyspace = bytes_of_text(shell->globals->keyspace);
    uint64_t deadline_ms = argument_deadline_ms(shell->globals);
    if (command->verb == COMMAND_GET) {
        struct op_get op = {.level = command->read_level,
                            .flags = (uint8_t)((command->strict ? GET_STRICT : 0) |
                                               (command->local ? GET_LOCAL : 0) |
                                               (shell->globals->json ? GET_WANT_CONTEXT : 0)),
                            .keyspace = keyspace,
                            .key = buf_bytes(&command->key)};
        client_get(shell->client, &op, deadline_ms, on_got, call);
        return;
    }
    bool is_match = command->if_match.size, is_conditional = is_match || command->if_absent;
    struct op_put op = {.request = client_new_request_id(shell->client),
                        .level = command->write_level,
                        .flags = (uint8_t)((command->verb == COMMAND_DEL ? PUT_DELETE : 0) |
                                           (command->strict ? PUT_STRICT : 0) |
                                           (command->sibling ? PUT_KEEP_SIBLINGS : 0) |
                                           (is_conditional ? PUT_CONDITIONAL : 0) |
                                           (shell->globals->json ? PUT_WANT_CONTEXT : 0)),
                        .keyspace = keyspace,
                        .ttl_ms = command->ttl_ms,
                        .key = buf_bytes(&command->key),
                        .context = buf_bytes(is_match ? &command->if_match : &command->context),
                        .value = buf_bytes(&command->value)};
    client_put(shell->client, &op, deadline_ms, on_put, call);
}

// With --json both forms are taken: no verb begins so.
static bool is_json_line(struct bytes line)
{
    while (line.size && (*line.data == ' ' || *line.data == '\t'))
        line = bytes_of(line.data + 1, line.size - 1);
    return line.size && (*line.data == '{' || *line.data == '[');
}

static void take_line(struct shell *shell, struct bytes line)
{
    struct fault fault = {""};
    struct call *call = xcalloc(1, sizeof *call);
    call->shell = shell;
    call->command.strict = shell->options.strict;
    call->command.read_level = shell->read_level;
    call->command.write_level = shell->write_level;
    bool is_json = shell->globals->json && is_json_line(line);
    enum status status = is_json ? command_parse_json(&call->command, line, &fault)
                                 : command_parse_words(&call->command, line, &fault);
    if (status) {
        struct buf text = {0};
        text_escape_log(bytes_of_text(fault.text), &text);
        answer_error(call, status, &text);
        end_call(call);
    } else if (call->command.verb == COMMAND_GET || call->command.verb == COMMAND_PUT ||
               call->command.verb == COMMAND_DEL) {
        send_call(call);
    } else {
        shell->ended |= call->command.verb == COMMAND_QUIT;
        if (shell->ended)
            shell->input_at = shell->input.size;
        end_call(call);
    }
}

static void run(struct shell *shell)
{
    uint64_t capacity = shell->options.pipeline ? shell->options.pipeline : 1;
    struct bytes line;
    while (!ferror(stdout)) {
        bool is_full =
            client_in_flight(shell->client) >= capacity || !client_has_room(shell->client);
        if (!is_full && next_line(shell, &line)) {
            take_line(shell, line);
            continue;
        }
        flush(shell);
        bool wants_input = !is_full && !shell->ended;
        if (wants_input && shell->input.size > LINE_SIZE_MAX) {
            shell->exit_status = report(shell->globals, "shell", STATUS_TOO_LARGE,
                                        "a line is longer than %d bytes", LINE_SIZE_MAX);
            return;
        }
        if (client_in_flight(shell->client)) {
            client_run(shell->client, wants_input ? STDIN_FILENO : -1, -1);
            // An answer is written before we wait for more: it may be what the other end waits for.
            if (!wants_input || poll(&(struct pollfd){STDIN_FILENO, POLLIN, 0}, 1, 0) <= 0)
                continue;
        } else if (shell->ended && shell->input_at == shell->input.size) {
            return;
        }
        if (wants_input)
            read_input(shell);
    }
}

int verb_shell(struct globals *globals, int argc, char **argv)
{
    struct shell shell = {.globals = globals};
    struct operands operands;
    struct fault fault;
    if (!options_parse(globals, options_shell, &shell.options, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count)
        return usage_error("shell", "unexpected argument '%s'", operands.values[0]);
    if (shell.options.pipeline && !globals->json)
        return usage_error("shell", "--pipeline needs --json: answers are told apart by their id");
    if (level_parse(shell.options.read_level, &shell.read_level, &fault) ||
        level_parse(shell.options.write_level, &shell.write_level, &fault))
        return usage_error("shell", "%s", fault.text);
    enum status status = connect_cluster(&shell.client, globals, &fault);
    if (status)
        return report(globals, "shell", status, "%s", fault.text);
    open_editor(&shell.editor);
    run(&shell);
    client_close(shell.client);
    buf_release(&shell.input);
    buf_release(&shell.out);
    record_release(&shell.record);
    return shell.exit_status;
}
