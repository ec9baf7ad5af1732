// dkv resolve: one value from the siblings of a key, made by a command.
#include "base/text.h"
#include "base/xalloc.h"
#include "causal/token.h"
#include "dkv/arguments.h"
#include "dkv/bulk/format.h"
#include "dkv/connect.h"
#include "dkv/json.h"
#include "dkv/jsonl.h"
#include "dkv/level.h"
#include "dkv/pipe.h"
#include "os/clock.h"
#include "os/file.h"
#include "wire/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct resolve_options {
    const char *key_file, *read_level, *write_level;
    bool print_context;
};

#define RESOLVE_OPTION(...)                                                                        \
    {                                                                                              \
        OPTION_OF(struct resolve_options, __VA_ARGS__)                                             \
    }

const struct option_spec options_resolve[] = {
    RESOLVE_OPTION(0, "key-file", OPTION_TEXT, key_file, "FILE", "the key is the content of FILE"),
    RESOLVE_OPTION('R', "read-quorum", OPTION_TEXT, read_level, "LEVEL",
                   "replicas to ask: a number, one, quorum, all, ..."),
    RESOLVE_OPTION('W', "write-quorum", OPTION_TEXT, write_level, "LEVEL",
                   "durable copies to wait for: a number, one, quorum, all, ..."),
    RESOLVE_OPTION(0, "print-context", OPTION_FLAG, print_context, NULL,
                   "print context=TOKEN on stderr"),
    {0}};

struct resolve {
    struct globals *globals;
    struct resolve_options options;
    struct client *client;
    struct buf key, name; // as it is, and for people
    uint8_t read_level, write_level;
    const struct operands *command;

    enum status status; // of the last step
    struct buf record, context, value;
    uint32_t count; // of siblings
    struct buf token;
    int exit_status;
};

static void release(struct resolve *resolve)
{
    struct buf *buffers[] = {&resolve->key,     &resolve->name,  &resolve->record,
                             &resolve->context, &resolve->value, &resolve->token};
    for (unsigned i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buf_release(buffers[i]);
}

// ---- The siblings ------------------------------------------------------------------------

static void on_got(void *context, const struct op_got *got)
{
    struct resolve *resolve = context;
    resolve->status = got->status;
    if (got->status == STATUS_NOT_FOUND)
        resolve->exit_status = status_exit_code(STATUS_NOT_FOUND);
    else if (got->status)
        resolve->exit_status = argument_report(resolve->globals, "resolve", got->status, got->text);
    buf_set(&resolve->record, got->record);
    buf_set(&resolve->context, got->context);
}

static void read_siblings(struct resolve *resolve)
{
    struct op_get op = {.level = resolve->read_level,
                        .flags = GET_WANT_CONTEXT,
                        .keyspace = bytes_of_text(resolve->globals->keyspace),
                        .key = buf_bytes(&resolve->key)};
    client_get(resolve->client, &op, argument_deadline_ms(resolve->globals), on_got, resolve);
    client_drain(resolve->client);
}

// ---- The command -------------------------------------------------------------------------

static enum status write_files(const struct sibling *const *siblings, uint32_t count,
                               const char *dir, char **paths, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; !status && i < count; i++) {
        char dot[JSONL_DOT_SIZE];
        paths[i] = xmalloc(FILE_PATH_SIZE);
        *paths[i] = '\0';
        jsonl_dot_format(siblings[i]->dot, dot);
        status = file_join(paths[i], dir, dot, fault);
        if (!status)
            status = file_write(paths[i], 0600, false, siblings[i]->value, fault);
    }
    return status;
}

// The command and its arguments, then the files; NULL ends them. The files are at *paths.
static char **make_arguments(const struct operands *command, uint32_t count, char ***paths)
{
    size_t given = (size_t)command->count;
    char **arguments = xcalloc(given + count + 1, sizeof *arguments);
    memcpy(arguments, command->values, given * sizeof *arguments);
    *paths = arguments + given;
    return arguments;
}

// Makes the value. The files are gone when it returns.
static enum status run_command(struct resolve *resolve, const struct sibling *const *siblings,
                               uint32_t count, struct fault *fault)
{
    char dir[FILE_PATH_SIZE];
    const char *parent = getenv("TMPDIR");
    enum status status =
        file_join(dir, parent && *parent ? parent : "/tmp", "dkv-resolve.XXXXXX", fault);
    if (status)
        return status;
    if (!mkdtemp(dir))
        return fault_set(fault, STATUS_IO, "%s: %s", dir, strerror(errno));
    char **paths, **arguments = make_arguments(resolve->command, count, &paths);
    status = write_files(siblings, count, dir, paths, fault);
    if (!status)
        status = pipe_run(arguments, FORMAT_VALUE_SIZE_MAX, &resolve->value, fault);
    (void)!file_remove_tree(dir, NULL);
    for (uint32_t i = 0; i < count; i++)
        free(paths[i]);
    free(arguments);
    return status;
}

// ---- The value ---------------------------------------------------------------------------

static void on_done(void *context, const struct op_put_done *done)
{
    struct resolve *resolve = context;
    resolve->exit_status =
        done->status ? argument_report_write(resolve->globals, "resolve", done->status, done->text)
                     : 0;
    if (!done->status)
        token_format(done->context, &resolve->token);
}

static void write_value(struct resolve *resolve)
{
    bool wants_context = resolve->options.print_context || resolve->globals->json;
    struct op_put op = {.level = resolve->write_level,
                        .flags = wants_context ? PUT_WANT_CONTEXT : 0,
                        .request = client_new_request_id(resolve->client),
                        .keyspace = bytes_of_text(resolve->globals->keyspace),
                        .key = buf_bytes(&resolve->key),
                        .context = buf_bytes(&resolve->context),
                        .value = buf_bytes(&resolve->value)};
    client_put(resolve->client, &op, argument_deadline_ms(resolve->globals), on_done, resolve);
    client_drain(resolve->client);
}

static void print_result(const struct resolve *resolve)
{
    if (resolve->options.print_context && resolve->token.size)
        fprintf(stderr, "context=%s\n", resolve->token.data);
    if (resolve->globals->json)
        json_print_line(json_pack(
            "{s:i,s:o,s:i,s:s%}", "v", 1, "key", jsonl_bytes(buf_bytes(&resolve->key)), "siblings",
            (int)resolve->count, "context",
            resolve->token.size ? (const char *)resolve->token.data : "", resolve->token.size));
}

// ---- The verb ----------------------------------------------------------------------------

static void resolve_siblings(struct resolve *resolve, const struct record *record)
{
    const struct globals *globals = resolve->globals;
    struct fault fault;
    const struct sibling **visible = xmalloc((record->count + 1) * sizeof *visible);
    uint32_t count = record_visible(record, clock_wall_ms(), visible, record->count);
    resolve->count = count > 1 ? count : 0;
    if (!count) {
        resolve->exit_status = status_exit_code(STATUS_NOT_FOUND);
    } else if (count == 1) {
        report(globals, "resolve", STATUS_OK, "%s: it has no siblings, nothing was done",
               buf_text(&resolve->name));
    } else {
        enum status status = run_command(resolve, visible, count, &fault);
        if (status)
            resolve->exit_status = report(globals, "resolve", status, "%s: nothing was written: %s",
                                          buf_text(&resolve->name), fault.text);
        else
            write_value(resolve);
    }
    free(visible);
    if (!resolve->exit_status)
        print_result(resolve);
}

static void resolve_key(struct resolve *resolve)
{
    struct record record = {0};
    read_siblings(resolve);
    if (resolve->status)
        return;
    if (record_decode(&record, buf_bytes(&resolve->key), buf_bytes(&resolve->record)))
        resolve->exit_status =
            argument_report(resolve->globals, "resolve", STATUS_CORRUPT, buf_bytes(&resolve->name));
    else
        resolve_siblings(resolve, &record);
    record_release(&record);
}

static enum status read_arguments(struct resolve *resolve, struct operands *operands,
                                  struct fault *fault)
{
    enum status status = argument_key(resolve->options.key_file, operands, &resolve->key, fault);
    if (!status)
        status = level_parse(resolve->options.read_level, &resolve->read_level, fault);
    if (!status)
        status = level_parse(resolve->options.write_level, &resolve->write_level, fault);
    if (!status && !operands->count)
        status = fault_set(fault, STATUS_INVALID, "a command is missing: KEY -- COMMAND");
    text_escape_log(buf_bytes(&resolve->key), &resolve->name);
    resolve->command = operands;
    return status;
}

int verb_resolve(struct globals *globals, int argc, char **argv)
{
    struct resolve resolve = {.globals = globals};
    struct operands operands;
    struct fault fault;
    if (!options_parse(globals, options_resolve, &resolve.options, argc, argv, &operands))
        return operands.exit_status;
    enum status status = read_arguments(&resolve, &operands, &fault);
    if (status == STATUS_INVALID)
        resolve.exit_status = usage_error("resolve", "%s", fault.text);
    else if (status || (status = connect_cluster(&resolve.client, globals, &fault)))
        resolve.exit_status = report(globals, "resolve", status, "%s", fault.text);
    else
        resolve_key(&resolve);
    release(&resolve);
    return resolve.exit_status;
}
