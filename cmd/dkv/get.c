// dkv get: one read.
#include "base/text.h"
#include "base/xalloc.h"
#include "causal/token.h"
#include "dkv/arguments.h"
#include "dkv/connect.h"
#include "dkv/jsonl.h"
#include "dkv/level.h"
#include "dkv/replicas.h"
#include "os/clock.h"
#include "os/file.h"
#include "wire/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { AFTER_PAUSE_FIRST_MS = 10, AFTER_PAUSE_MAX_MS = 250 };

struct get_options {
    const char *key_file;
    const char *level;
    const char *context_to;
    const char *siblings;
    const char *after;
    bool newline, strict, monotonic, all, local;
};

#define GET_OPTION(...)                                                                            \
    {                                                                                              \
        OPTION_OF(struct get_options, __VA_ARGS__)                                                 \
    }

const struct option_spec options_get[] = {
    GET_OPTION(0, "key-file", OPTION_TEXT, key_file, "FILE", "the key is the content of FILE"),
    GET_OPTION('n', "newline", OPTION_FLAG, newline, NULL, "add a newline"),
    GET_OPTION('R', "read-quorum", OPTION_TEXT, level, "LEVEL",
               "replicas to ask: a number, one, quorum, all, ..."),
    GET_OPTION(0, "strict", OPTION_FLAG, strict, NULL, "only owners of the key count toward R"),
    GET_OPTION(0, "monotonic", OPTION_FLAG, monotonic, NULL,
               "print nothing that a later read may miss"),
    GET_OPTION(0, "context-to", OPTION_TEXT, context_to, "FILE", "write the context to FILE"),
    GET_OPTION(0, "siblings", OPTION_TEXT, siblings, "DIR",
               "write each value to a file in DIR, named by its dot"),
    GET_OPTION(0, "all", OPTION_FLAG, all, NULL, "print every value as a line of JSON"),
    GET_OPTION(0, "local", OPTION_FLAG, local, NULL, "ask the contacted node's replica alone"),
    GET_OPTION(0, "after", OPTION_TEXT, after, "RECEIPT|@FILE",
               "wait until the answer has the write of a receipt"),
    {0},
};

struct read {
    struct globals *globals;
    struct get_options options;
    struct buf key;
    struct op_get op;
    uint64_t deadline_ms;
    int exit_status;

    // With --after.
    struct buf receipt;
    struct replicas replicas;
    bool
        is_any_good; // every read meets an owner that has the write, even if it shows nothing of it
    bool is_early;   // the answer does not have it
};

static int print_siblings(const struct globals *globals, const struct sibling *const *visible,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count && !globals->quiet; i++) {
        char dot[JSONL_DOT_SIZE];
        jsonl_dot_format(visible[i]->dot, dot);
        fprintf(stderr, "%s\t%" PRIu64 "\t%" PRIu64 "\n", dot, visible[i]->value_size,
                visible[i]->hlc);
    }
    return status_exit_code(STATUS_SIBLINGS);
}

static int print_all(struct bytes key, const struct sibling *const *visible, uint32_t count)
{
    struct buf out = {0};
    for (uint32_t i = 0; i < count; i++) {
        json_t *json = json_pack("{s:i,s:o}", "v", 1, "key", jsonl_bytes(key));
        json_object_update_new(json, jsonl_sibling(visible[i]));
        jsonl_append(json, &out);
    }
    print_bytes(buf_bytes(&out));
    buf_release(&out);
    return 0;
}

static int write_files(const struct read *read, const struct sibling *const *visible,
                       uint32_t count)
{
    struct fault fault;
    enum status status = file_make_dir(read->options.siblings, 0777, &fault);
    for (uint32_t i = 0; !status && i < count; i++) {
        char dot[JSONL_DOT_SIZE], path[FILE_PATH_SIZE];
        jsonl_dot_format(visible[i]->dot, dot);
        status = file_join(path, read->options.siblings, dot, &fault);
        if (!status)
            status = file_write(path, FILE_MODE_ANY, false, visible[i]->value, &fault);
    }
    return status ? report(read->globals, "get", status, "%s", fault.text) : 0;
}

static int print_value(const struct read *read, const struct op_got *got,
                       const struct record *record, const struct sibling *const *visible,
                       uint32_t count)
{
    struct bytes key = buf_bytes(&read->key);
    if (!count)
        return status_exit_code(STATUS_NOT_FOUND);
    if (read->options.siblings)
        return write_files(read, visible, count);
    if (read->options.all)
        return print_all(key, visible, count);
    if (read->globals->json) {
        struct buf out = {0};
        jsonl_append(jsonl_record(key, record, got->context, clock_wall_ms()), &out);
        print_bytes(buf_bytes(&out));
        buf_release(&out);
        return 0;
    }
    if (count > 1)
        return print_siblings(read->globals, visible, count);
    print_bytes(visible[0]->value);
    if (read->options.newline)
        putchar('\n');
    return 0;
}

static enum status write_context(const struct read *read, struct bytes context, struct fault *fault)
{
    struct buf text = {0};
    token_format(context, &text);
    buf_append_u8(&text, '\n');
    enum status status =
        file_write(read->options.context_to, FILE_MODE_ANY, false, buf_bytes(&text), fault);
    buf_release(&text);
    return status;
}

// Whether the answer has the write of the receipt.
static bool has_write(const struct read *read, const struct record *record)
{
    struct receipt receipt;
    if (!read->receipt.size || read->is_any_good)
        return true;
    if (receipt_peek(&receipt, buf_bytes(&read->receipt)))
        return false;
    return (receipt.dot.counter && clock_covers(&record->clock, receipt.dot)) ||
           record_find_request(record, &receipt.request);
}

static void on_got(void *context, const struct op_got *got)
{
    struct read *read = context;
    struct record record = {0};
    struct fault fault;
    enum status status = got->status;
    if (!status && record_decode(&record, buf_bytes(&read->key), got->record))
        status = STATUS_CORRUPT;
    read->is_early = (!status || status == STATUS_NOT_FOUND) && !has_write(read, &record);
    if (read->is_early) {
        record_release(&record);
        return;
    }
    if (status == STATUS_NOT_FOUND)
        read->exit_status = status_exit_code(status);
    else if (status)
        read->exit_status = argument_report(read->globals, "get", status, got->text);
    else if (read->options.context_to && got->context.size &&
             (status = write_context(read, got->context, &fault)))
        read->exit_status = report(read->globals, "get", status, "%s", fault.text);
    if (!status) {
        const struct sibling **visible = xmalloc((record.count + 1) * sizeof *visible);
        uint32_t count = record_visible(&record, clock_wall_ms(), visible, record.count);
        read->exit_status = print_value(read, got, &record, visible, count);
        free(visible);
    }
    record_release(&record);
}

static int say_early(const struct read *read)
{
    struct buf key = {0}, others = {0};
    text_escape_log(buf_bytes(&read->key), &key);
    replicas_name_others(&read->replicas, replicas_having(&read->replicas), "has not got it yet",
                         &others);
    int exit_status = report(read->globals, "get", STATUS_TIMEOUT,
                             "%s: the write of the receipt was not met within %" PRIu64
                             " ms; it is not known to be at: %s",
                             buf_text(&key), read->globals->timeout_ms, buf_text(&others));
    buf_release(&key);
    buf_release(&others);
    return exit_status;
}

// The level of a read that asks one that has the write, if as many as R have it: the nearest owners
// may lack it. 0: there is none.
static uint8_t level_of_holders(const struct replicas *replicas)
{
    uint32_t having = replicas_having(replicas) & replicas->replied;
    unsigned lacking = (unsigned)__builtin_popcount(replicas->replied & ~having);
    if (replicas->op.level >= RING_LEVEL_LOCAL_QUORUM || replicas->need_count != 1 ||
        !replicas_can_answer(replicas, having))
        return 0;
    unsigned r = replicas->needs[0].count;
    return (uint8_t)(lacking + 1 > r ? lacking + 1 : r);
}

// Reads with this R. The answer was printed unless read->is_early.
static void get_with(struct read *read, struct client *client, uint8_t level)
{
    struct op_get op = read->op;
    op.level = level;
    client_get(client, &op, read->deadline_ms, on_got, read);
    client_drain(client);
}

// Asks who has the write, and reads, until the answer has it.
static int get_after(struct read *read, struct client *client)
{
    struct op_explain op = {.level = read->op.level,
                            .keyspace = read->op.keyspace,
                            .key = read->op.key,
                            .receipt = buf_bytes(&read->receipt)};
    for (uint64_t pause_ms = AFTER_PAUSE_FIRST_MS;; pause_ms *= 2) {
        struct replicas *replicas = &read->replicas;
        enum status status = replicas_ask(replicas, client, &op, read->deadline_ms);
        if (status == STATUS_TIMEOUT && replicas->count)
            return say_early(read);
        if (status)
            return argument_report(read->globals, "get", status, buf_bytes(&replicas->text));
        read->is_any_good = replicas_are_met(replicas, replicas_having(replicas));
        get_with(read, client, read->op.level);
        uint8_t level = level_of_holders(replicas);
        if (read->is_early && level)
            get_with(read, client, level);
        if (!read->is_early)
            return read->exit_status;
        uint64_t now_ms = clock_mono_ms();
        if (now_ms >= read->deadline_ms)
            return say_early(read);
        pause_ms = pause_ms < AFTER_PAUSE_MAX_MS ? pause_ms : AFTER_PAUSE_MAX_MS;
        uint64_t left_ms = read->deadline_ms - now_ms;
        client_run(client, -1, (int)(pause_ms < left_ms ? pause_ms : left_ms));
    }
}

static enum status read_arguments(struct read *read, struct operands *operands, struct fault *fault)
{
    const struct get_options *options = &read->options;
    bool wants_context = options->context_to || read->globals->json;
    read->op.flags =
        (uint8_t)((options->strict ? GET_STRICT : 0) | (options->local ? GET_LOCAL : 0) |
                  (options->monotonic ? GET_MONOTONIC : 0) |
                  (wants_context ? GET_WANT_CONTEXT : 0));
    enum status status = argument_key(options->key_file, operands, &read->key, fault);
    if (!status)
        status = level_parse(options->level, &read->op.level, fault);
    if (!status && options->after)
        status = argument_token("receipt", options->after, &read->receipt, fault);
    if (!status && options->local && (options->after || options->monotonic))
        status = fault_set(fault, STATUS_INVALID,
                           "--local asks one replica: it excludes --after and --monotonic");
    if (!status && operands->count)
        status = fault_set(fault, STATUS_INVALID, "unexpected argument '%s'", operands->values[0]);
    read->op.keyspace = bytes_of_text(read->globals->keyspace);
    read->op.key = buf_bytes(&read->key);
    return status;
}

int verb_get(struct globals *globals, int argc, char **argv)
{
    struct read read = {.globals = globals};
    struct operands operands;
    struct fault fault;
    struct client *client;
    if (!options_parse(globals, options_get, &read.options, argc, argv, &operands))
        return operands.exit_status;
    read.deadline_ms = argument_deadline_ms(globals);
    enum status status = read_arguments(&read, &operands, &fault);
    if (status == STATUS_INVALID) {
        read.exit_status = usage_error("get", "%s", fault.text);
    } else if (status || (status = connect_cluster(&client, globals, &fault))) {
        read.exit_status = report(globals, "get", status, "%s", fault.text);
    } else if (read.options.after) {
        read.exit_status = get_after(&read, client);
    } else {
        get_with(&read, client, read.op.level); // not closed: the process ends (main.c)
    }
    buf_release(&read.key);
    buf_release(&read.receipt);
    replicas_release(&read.replicas);
    return read.exit_status;
}
