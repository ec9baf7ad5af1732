// dkv dump: every live pair. dkv scan: every live key; dkv conflicts: those with siblings. All in
// token order.
#include "base/text.h"
#include "base/xalloc.h"
#include "causal/token.h"
#include "client/net/scanner.h"
#include "dkv/arguments.h"
#include "dkv/bulk/format.h"
#include "dkv/bulk/progress.h"
#include "dkv/connect.h"
#include "dkv/jsonl.h"
#include "dkv/level.h"
#include "os/clock.h"
#include "ring/engine_key.h"
#include "wire/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { OUTPUT_SIZE = 64 * 1024, MISSING_SHOWN = 3 };

struct dump_options {
    const char *format, *prefix, *after, *level;
    uint64_t limit;
    bool full, local, null;
};

#define DUMP_OPTION(...)                                                                           \
    {                                                                                              \
        OPTION_OF(struct dump_options, __VA_ARGS__)                                                \
    }

#define SCAN_OPTIONS                                                                               \
    DUMP_OPTION(0, "prefix", OPTION_TEXT, prefix, "P", "only keys that begin with P"),             \
        DUMP_OPTION('R', "read-quorum", OPTION_TEXT, level, "LEVEL",                               \
                    "replicas to ask: a number, one, quorum, all, ..."),                           \
        DUMP_OPTION(0, "local", OPTION_FLAG, local, NULL,                                          \
                    "ask the contacted node's replica alone")

const struct option_spec options_dump[] = {
    DUMP_OPTION(0, "format", OPTION_TEXT, format, "FORMAT", "tsv (default), json, cdb or null"),
    DUMP_OPTION(0, "full", OPTION_FLAG, full, NULL,
                "json with siblings and contexts; 'dkv load --format json' restores them"),
    SCAN_OPTIONS,
    {0},
};

const struct option_spec options_scan[] = {
    DUMP_OPTION(0, "limit", OPTION_NUMBER, limit, "N", "at most N keys"),
    DUMP_OPTION(0, "after", OPTION_TEXT, after, "CURSOR", "go on behind a key; see --limit"),
    DUMP_OPTION(0, "null", OPTION_FLAG, null, NULL, "end each key with NUL"),
    SCAN_OPTIONS,
    {0},
};

const struct option_spec options_conflicts[] = {
    DUMP_OPTION(0, "limit", OPTION_NUMBER, limit, "N", "at most N keys"),
    DUMP_OPTION(0, "after", OPTION_TEXT, after, "CURSOR", "go on behind a key; see --limit"),
    DUMP_OPTION(0, "null", OPTION_FLAG, null, NULL, "end each key with NUL"),
    SCAN_OPTIONS,
    {0},
};

struct dump {
    struct globals *globals;
    const char *verb;
    struct dump_options options;
    enum format format;
    bool keys_only, conflicts_only;
    struct client *client;
    struct scanner scanner;
    struct progress progress;
    struct record record;
    const struct sibling **visible;
    uint32_t visible_capacity;
    struct buf out;
    uint64_t count, size;
    uint64_t left_out_count; // keys that the output could not hold
    bool is_cut;             // by --limit
};

static bool flush(struct dump *dump)
{
    bool is_ok = print_bytes(buf_bytes(&dump->out));
    dump->size += dump->out.size;
    buf_clear(&dump->out);
    return is_ok;
}

static void leave_out(struct dump *dump, struct bytes key, const char *why)
{
    struct buf text = {0};
    text_escape_tsv(key, &text);
    progress_clear(&dump->progress);
    report(dump->globals, dump->verb, STATUS_PARTIAL, "left out, %s: %s", why, buf_text(&text));
    buf_release(&text);
    dump->left_out_count++;
}

static void append_cursor(const struct dump *dump, struct bytes key, struct buf *out)
{
    struct buf encoded = {0};
    struct engine_key cursor = engine_key_of(dump->scanner.lanes.keyspace, key);
    engine_key_encode(&cursor, &encoded);
    token_format(buf_bytes(&encoded), out);
    buf_release(&encoded);
}

static void print_key(struct dump *dump, struct bytes key, uint32_t value_count)
{
    if (!dump->globals->json) {
        format_write_key(dump->options.null ? FORMAT_NULL : FORMAT_TSV, key, &dump->out);
        return;
    }
    struct buf cursor = {0};
    append_cursor(dump, key, &cursor);
    json_t *json =
        json_pack("{s:i,s:o,s:s}", "v", 1, "key", jsonl_bytes(key), "cursor", buf_text(&cursor));
    if (dump->conflicts_only)
        json_object_set_new(json, "siblings", json_integer((json_int_t)value_count));
    jsonl_append(json, &dump->out);
    buf_release(&cursor);
}

// With everything that is needed to restore the key as it is: the record itself.
static void print_full(struct dump *dump, const struct lanes_item *item, uint64_t now_ms)
{
    json_t *json = jsonl_record(item->key, &dump->record, item->context, now_ms);
    json_object_set_new(json, "record", jsonl_base64(item->record));
    jsonl_append(json, &dump->out);
}

static enum status print_one(struct dump *dump, const struct lanes_item *item, uint64_t now_ms)
{
    struct record *record = &dump->record;
    struct bytes key = item->key;
    if (record_decode(record, key, item->record))
        return STATUS_CORRUPT;
    if (dump->visible_capacity < record->count) {
        dump->visible_capacity = 2 * record->count;
        dump->visible = xrealloc(dump->visible, dump->visible_capacity * sizeof *dump->visible);
    }
    uint32_t count = record_visible(record, now_ms, dump->visible, record->count);
    if (!count || (dump->conflicts_only && count == 1))
        return STATUS_OK;
    if (dump->keys_only) {
        print_key(dump, key, count);
    } else if (dump->options.full) {
        print_full(dump, item, now_ms);
    } else if (count > 1) {
        leave_out(dump, key, "has siblings");
        return STATUS_OK;
    } else if (format_write(dump->format, key, dump->visible[0]->value, &dump->out)) {
        leave_out(dump, key, "does not fit the format");
        return STATUS_OK;
    }
    dump->count++;
    return STATUS_OK;
}

static bool reached_limit(struct dump *dump, struct bytes key)
{
    if (dump->count < dump->options.limit)
        return false;
    struct buf cursor = {0};
    append_cursor(dump, key, &cursor);
    fprintf(stderr, "cursor=%s\n", buf_text(&cursor));
    buf_release(&cursor);
    dump->is_cut = true;
    return true;
}

// A partition that could not be read. A node that is down may be missed in all of them.
static void report_missing(const struct dump *dump, enum status status, const struct fault *fault)
{
    uint32_t count = dump->scanner.lanes.missing_count;
    if (count <= MISSING_SHOWN)
        report(dump->globals, dump->verb, status, "partition %" PRIu32 ": %s%s%s",
               dump->scanner.lanes.partition - 1, status_text(status), *fault->text ? ": " : "",
               fault->text);
    else if (count == MISSING_SHOWN + 1)
        report(dump->globals, dump->verb, status, "further partitions are missing; counted below");
}

// Returns the exit status.
static int print_all(struct dump *dump)
{
    struct lanes_item item = {0};
    struct fault fault;
    uint64_t now_ms = clock_wall_ms();
    while (dump->options.limit) {
        enum status status = scanner_next(&dump->scanner, &item, &fault);
        if (status == STATUS_END)
            break;
        if (!status && print_one(dump, &item, now_ms))
            leave_out(dump, item.key, "fails its checksum");
        if (status) {
            progress_clear(&dump->progress);
            if (status == STATUS_UNREACHABLE || status == STATUS_NOT_AUTHORISED)
                return !flush(dump) ? 1
                                    : argument_report(dump->globals, dump->verb, status,
                                                      bytes_of_text(fault.text));
            report_missing(dump, status, &fault);
        } else if (reached_limit(dump, item.key)) {
            break;
        }
        if (dump->out.size >= OUTPUT_SIZE && !flush(dump))
            return 1; // main says why
        progress_show(&dump->progress, dump->count, dump->size, clock_mono_ms());
    }
    if (!dump->keys_only && !dump->options.full)
        format_write_end(dump->format, &dump->out);
    return flush(dump) ? 0 : 1;
}

static int print_end(struct dump *dump, int exit_status)
{
    const struct lanes *lanes = &dump->scanner.lanes;
    uint32_t done = dump->is_cut ? lanes->partition + 1 : lanes->partition;
    progress_clear(&dump->progress);
    if (!dump->globals->quiet)
        fprintf(stderr,
                "%" PRIu64 " records, %" PRIu32 "/%" PRIu32 " partitions, epoch %" PRIu64 "\n",
                dump->count, done - lanes->missing_count, lanes->partition_count, lanes->epoch);
    if (!exit_status && (lanes->missing_count || dump->left_out_count))
        return status_exit_code(STATUS_PARTIAL);
    return exit_status;
}

static enum status read_arguments(struct dump *dump, const struct operands *operands,
                                  struct op_scan *op, struct buf *after, struct fault *fault)
{
    const struct dump_options *options = &dump->options;
    struct engine_key cursor;
    if (operands->count)
        return fault_set(fault, STATUS_INVALID, "unexpected argument '%s'", operands->values[0]);
    if (format_parse(options->format, &dump->format))
        return fault_set(fault, STATUS_INVALID, "'%s' is no format; use tsv, json, cdb or null",
                         options->format);
    if (options->full && dump->format != FORMAT_JSON && options->format)
        return fault_set(fault, STATUS_INVALID, "--full is json");
    if (!options->format && dump->globals->json)
        dump->format = FORMAT_JSON;
    if (options->after && (token_parse(bytes_of_text(options->after), after) ||
                           !engine_key_decode(&cursor, buf_bytes(after))))
        return fault_set(fault, STATUS_INVALID, "the cursor is damaged");
    op->keyspace = bytes_of_text(dump->globals->keyspace);
    op->prefix = bytes_of_text(options->prefix ? options->prefix : "");
    op->flags = (uint8_t)((options->local ? SCAN_LOCAL : 0) | (dump->keys_only ? SCAN_HEADS : 0) |
                          (options->full ? SCAN_WANT_CONTEXT : 0));
    if (op->prefix.size > RECORD_KEY_SIZE_MAX)
        return fault_set(fault, STATUS_INVALID, "the prefix is longer than any key");
    return level_parse(options->level, &op->level, fault);
}

static int dump_all(struct dump *dump, const struct option_spec *specs, int argc, char **argv)
{
    struct operands operands;
    struct fault fault = {""};
    struct op_scan op = {0};
    struct buf after = {0};
    int exit_status;
    dump->verb = argv[0];
    if (!options_parse(dump->globals, specs, &dump->options, argc, argv, &operands))
        return operands.exit_status;
    if (read_arguments(dump, &operands, &op, &after, &fault))
        return usage_error(dump->verb, "%s", fault.text);
    uint64_t now_ms = clock_mono_ms();
    uint64_t until_ms = dump->globals->timeout_given ? now_ms + dump->globals->timeout_ms : 0;
    enum status status = connect_cluster(&dump->client, dump->globals, &fault);
    if (status) {
        exit_status = report(dump->globals, dump->verb, status, "%s", fault.text);
    } else if ((status = scanner_open(&dump->scanner, dump->client, &op, buf_bytes(&after),
                                      until_ms, &fault))) {
        exit_status = argument_report(dump->globals, dump->verb, status, bytes_of_text(fault.text));
    } else {
        progress_init(&dump->progress, dump->globals->quiet || dump->keys_only, 0, now_ms);
        exit_status = print_end(dump, print_all(dump));
    }
    client_close(dump->client);
    scanner_close(&dump->scanner);
    record_release(&dump->record);
    free(dump->visible);
    buf_release(&dump->out);
    buf_release(&after);
    return exit_status;
}

int verb_dump(struct globals *globals, int argc, char **argv)
{
    struct dump dump = {.globals = globals, .options.limit = UINT64_MAX};
    return dump_all(&dump, options_dump, argc, argv);
}

int verb_scan(struct globals *globals, int argc, char **argv)
{
    struct dump dump = {.globals = globals, .options.limit = UINT64_MAX, .keys_only = true};
    return dump_all(&dump, options_scan, argc, argv);
}

int verb_conflicts(struct globals *globals, int argc, char **argv)
{
    struct dump dump = {
        .globals = globals, .options.limit = UINT64_MAX, .keys_only = true, .conflicts_only = true};
    return dump_all(&dump, options_conflicts, argc, argv);
}
