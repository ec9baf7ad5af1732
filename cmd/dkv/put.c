// dkv put, dkv del: one write.
#include "base/text.h"
#include "causal/token.h"
#include "dkv/arguments.h"
#include "dkv/bulk/format.h"
#include "dkv/connect.h"
#include "dkv/gone.h"
#include "dkv/level.h"
#include "ring/ring.h"
#include "wire/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct put_options {
    const char *file;
    const char *key_file;
    const char *context;
    const char *level;
    const char *request_id;
    const char *ttl;
    const char *if_match;
    bool if_absent, sibling, strict, print_context, receipt, wait_gone;
};

#define PUT_OPTION(...)                                                                            \
    {                                                                                              \
        OPTION_OF(struct put_options, __VA_ARGS__)                                                 \
    }

#define WRITE_OPTIONS                                                                              \
    PUT_OPTION(0, "key-file", OPTION_TEXT, key_file, "FILE", "the key is the content of FILE"),    \
        PUT_OPTION(0, "context", OPTION_TEXT, context, "TOKEN|@FILE",                              \
                   "supersede exactly what the context has seen"),                                 \
        PUT_OPTION(0, "sibling", OPTION_FLAG, sibling, NULL,                                       \
                   "supersede nothing: the value stands beside those that are there"),             \
        PUT_OPTION(0, "if-absent", OPTION_FLAG, if_absent, NULL,                                   \
                   "only if the key has no value; else exit status 8"),                            \
        PUT_OPTION(0, "if-match", OPTION_TEXT, if_match, "TOKEN|@FILE",                            \
                   "as --context, only if the key is still as it saw it; else 8"),                 \
        PUT_OPTION('W', "write-quorum", OPTION_TEXT, level, "LEVEL",                               \
                   "durable copies to wait for: a number, one, quorum, all, ..."),                 \
        PUT_OPTION(0, "strict", OPTION_FLAG, strict, NULL,                                         \
                   "only owners of the key count toward W and R"),                                 \
        PUT_OPTION(0, "request-id", OPTION_TEXT, request_id, "HEX",                                \
                   "32 hex digits; a repeated id is applied once"),                                \
        PUT_OPTION(0, "print-context", OPTION_FLAG, print_context, NULL,                           \
                   "print context=TOKEN on stderr"),                                               \
        PUT_OPTION(0, "receipt", OPTION_FLAG, receipt, NULL, "print receipt=TOKEN on stderr")

const struct option_spec options_put[] = {
    PUT_OPTION('f', "file", OPTION_TEXT, file, "FILE", "the value is the content of FILE"),
    PUT_OPTION(0, "ttl", OPTION_TEXT, ttl, "SECONDS", "the value expires so long after it was put"),
    WRITE_OPTIONS,
    {0},
};

const struct option_spec options_del[] = {
    WRITE_OPTIONS,
    PUT_OPTION(0, "wait-gone", OPTION_FLAG, wait_gone, NULL,
               "return when it is purged everywhere; for ever without --timeout"),
    {0},
};

struct write {
    struct globals *globals;
    const char *verb;
    struct put_options options;
    struct buf key, value, context;
    struct op_put op;
    struct buf sealed; // its receipt, if it is to be waited for
    struct dot dot;
    int exit_status;
};

static void release(struct write *write)
{
    buf_release(&write->key);
    buf_release(&write->value);
    buf_release(&write->context);
    buf_release(&write->sealed);
}

static void print_token(const char *name, struct bytes binary)
{
    struct buf text = {0};
    token_format(binary, &text);
    fprintf(stderr, "%s=%s\n", name, buf_text(&text));
    buf_release(&text);
}

// With this id the same write can be sent again, and is applied once.
static void print_request(const struct request_id *request)
{
    struct buf text = {0};
    text_format_hex(bytes_of(request->bytes, sizeof request->bytes), &text);
    fprintf(stderr, "request-id=%s\n", buf_text(&text));
    buf_release(&text);
}

// Of a write that no router answered a receipt can say no more than which one it was. The
// number of the keyspace is not known then either, but that of the default one is.
static void print_receipt(const struct write *write, struct bytes sealed)
{
    struct buf binary = {0};
    struct receipt receipt = {.key = write->op.key, .request = write->op.request};
    if (!strcmp(write->globals->keyspace, "default"))
        receipt.keyspace = RING_DEFAULT_KEYSPACE;
    if (!sealed.size)
        receipt_encode(&receipt, NULL, &binary);
    print_token("receipt", sealed.size ? sealed : buf_bytes(&binary));
    buf_release(&binary);
}

// A blind write that was superseded before its answer came has none: what it superseded itself is
// not known any more.
static void print_context(const struct write *write, struct bytes context)
{
    if (context.size)
        print_token("context", context);
    else
        fprintf(stderr, "dkv %s: written, and superseded since: get the key for a context\n",
                write->verb);
}

static void on_done(void *context, const struct op_put_done *done)
{
    struct write *write = context;
    enum status status = done->status;
    if ((write->op.flags & PUT_DELETE) && status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    if (write->options.print_context && !status)
        print_context(write, done->context);
    if (write->options.receipt && (!status || status == STATUS_INDETERMINATE))
        print_receipt(write, done->receipt);
    write->dot = done->dot;
    buf_set(&write->sealed, done->receipt);
    if (status == STATUS_INDETERMINATE && !write->globals->quiet)
        print_request(&write->op.request);
    write->exit_status =
        status ? argument_report_write(write->globals, write->verb, status, done->text) : 0;
}

static enum status read_value(struct write *write, struct operands *operands, struct fault *fault)
{
    const char *path = write->options.file;
    if (operands->count && path)
        return fault_set(fault, STATUS_INVALID, "the value is given twice");
    if (operands->count) {
        buf_append_text(&write->value, operands->values[0]);
        operands->values++;
        operands->count--;
        return STATUS_OK;
    }
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (fd < 0)
        return fault_set(fault, STATUS_INVALID, "%s: unable to open: %s", path, strerror(errno));
    struct fault reason = {0};
    enum status status = argument_read(fd, FORMAT_VALUE_SIZE_MAX, &write->value, &reason);
    if (path)
        close(fd);
    if (status)
        fault_set(fault, status, "%s%s%s", path ? path : "", path ? ": " : "", reason.text);
    return status;
}

// Each of them says what is superseded.
static enum status check_options(const struct put_options *options, struct fault *fault)
{
    bool is_plain = options->context || options->sibling; // both: the context says it
    if (options->if_absent + !!options->if_match + is_plain < 2)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID,
                     "--if-absent, --if-match, --context and --sibling exclude each other");
}

// Everything that can be wrong is found before anything is sent.
static enum status read_arguments(struct write *write, struct operands *operands,
                                  struct client *client, struct fault *fault)
{
    struct op_put *op = &write->op;
    const struct put_options *options = &write->options;
    enum status status = argument_key(options->key_file, operands, &write->key, fault);
    op->keyspace = bytes_of_text(write->globals->keyspace);
    if (!status) {
        // The connection is made while the value is read.
        client_prepare(client, op->keyspace, buf_bytes(&write->key));
        status = level_parse(options->level, &op->level, fault);
    }
    if (!status && options->context)
        status = argument_token("context", options->context, &write->context, fault);
    if (!status && options->if_match)
        status = argument_token("context", options->if_match, &write->context, fault);
    if (!status)
        status = check_options(options, fault);
    op->request = client_new_request_id(client);
    if (!status)
        status = argument_ttl(options->ttl, &op->ttl_ms, fault);
    if (!status && options->request_id)
        status = argument_request_id(options->request_id, &op->request, fault);
    if (!status && !(op->flags & PUT_DELETE))
        status = read_value(write, operands, fault);
    if (!status && operands->count)
        status = fault_set(fault, STATUS_INVALID, "unexpected argument '%s'", operands->values[0]);
    if (options->strict)
        op->flags |= PUT_STRICT;
    if (options->sibling)
        op->flags |= PUT_KEEP_SIBLINGS;
    if (options->if_absent || options->if_match)
        op->flags |= PUT_CONDITIONAL;
    if (options->request_id)
        op->flags |= PUT_RETRY; // an id that was chosen may have been used before
    if (options->print_context)
        op->flags |= PUT_WANT_CONTEXT;
    if (options->receipt || options->wait_gone)
        op->flags |= PUT_WANT_RECEIPT;
    op->key = buf_bytes(&write->key);
    op->value = buf_bytes(&write->value);
    op->context = buf_bytes(&write->context);
    return status;
}

static int write_one(struct globals *globals, const struct option_spec *specs, uint8_t flags,
                     int argc, char **argv)
{
    struct write write = {.globals = globals, .verb = argv[0], .op = {.flags = flags}};
    struct operands operands;
    struct fault fault;
    struct client *client;
    if (!options_parse(globals, specs, &write.options, argc, argv, &operands))
        return operands.exit_status;
    enum status status = connect_cluster(&client, globals, &fault);
    if (status)
        return report(globals, write.verb, status, "%s", fault.text);
    status = read_arguments(&write, &operands, client, &fault);
    if (status == STATUS_INVALID)
        write.exit_status = usage_error(write.verb, "%s", fault.text);
    else if (status)
        write.exit_status = report(globals, write.verb, status, "%s", fault.text);
    else
        client_put(client, &write.op, argument_deadline_ms(globals), on_done, &write);
    client_drain(client); // and not closed: the process ends (main.c)
    if (write.options.wait_gone && !status && !write.exit_status)
        write.exit_status = gone_wait(globals, client, buf_bytes(&write.sealed), write.dot);
    release(&write);
    return write.exit_status;
}

int verb_put(struct globals *globals, int argc, char **argv)
{
    return write_one(globals, options_put, 0, argc, argv);
}

int verb_del(struct globals *globals, int argc, char **argv)
{
    return write_one(globals, options_del, PUT_DELETE, argc, argv);
}
