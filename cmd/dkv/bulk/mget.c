// dkv mget: the pairs of many keys, in the order of the keys.
#include "base/text.h"
#include "base/xalloc.h"
#include "dkv/arguments.h"
#include "dkv/bulk/intake.h"
#include "dkv/connect.h"
#include "dkv/level.h"
#include "os/clock.h"
#include "wire/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOOKUPS_MAX = 256,                  // under way at once
    WAITING_SIZE_MAX = 8 * 1024 * 1024, // of values that wait for one before them
    GET_TIMEOUT_MS = 60 * 1000,
    COMPLAINTS_MAX = 20,
};

struct mget_options {
    const char *format, *level;
    bool null, strict, local;
};

#define MGET_OPTION(...)                                                                           \
    {                                                                                              \
        OPTION_OF(struct mget_options, __VA_ARGS__)                                                \
    }

const struct option_spec options_mget[] = {
    MGET_OPTION(0, "format", OPTION_TEXT, format, "FORMAT",
                "of the pairs: tsv (default), json, cdb or null"),
    MGET_OPTION(0, "null", OPTION_FLAG, null, NULL, "keys end with NUL and have no escapes"),
    MGET_OPTION('R', "read-quorum", OPTION_TEXT, level, "LEVEL",
                "replicas to ask: a number, one, quorum, all, ..."),
    MGET_OPTION(0, "strict", OPTION_FLAG, strict, NULL, "only owners of the key count toward R"),
    MGET_OPTION(0, "local", OPTION_FLAG, local, NULL, "ask the contacted node's replica alone"),
    {0},
};

struct lookup {
    struct mget *mget;
    bool ended;
    enum status status;
    uint32_t sibling_count;
    struct buf key;
    struct buf value; // or why there is none, in the router's words
};

struct mget {
    struct globals *globals;
    struct mget_options options;
    enum format format;
    struct op_get op; // template
    struct client *client;
    struct intake intake;
    struct format_reader reader;
    struct lookup *lookups; // a ring by number
    uint64_t oldest, newest;
    size_t waiting_size;
    uint64_t deadline_ms; // 0: each get has GET_TIMEOUT_MS
    uint64_t failed_count;
    struct buf out;
    struct record record;
    int exit_status;
};

static void on_got(void *context, const struct op_got *got)
{
    struct lookup *lookup = context;
    struct record *record = &lookup->mget->record;
    const struct sibling *visible;
    lookup->ended = true;
    lookup->status = got->status;
    if (got->status) {
        buf_set(&lookup->value, got->text);
    } else if (record_decode(record, buf_bytes(&lookup->key), got->record)) {
        lookup->status = STATUS_CORRUPT;
    } else {
        uint32_t count = record_visible(record, clock_wall_ms(), &visible, 1);
        if (count == 1)
            buf_set(&lookup->value, visible->value);
        lookup->status = !count ? STATUS_NOT_FOUND : count > 1 ? STATUS_SIBLINGS : STATUS_OK;
    }
    lookup->mget->waiting_size += lookup->value.size;
}

static void complain(struct mget *mget, struct bytes key, enum status status, struct bytes reason)
{
    struct buf shown = {0}, text = {0};
    text_escape_tsv(key, &shown);
    argument_explain(status, reason, &text);
    report(mget->globals, "mget", status, "%s: %s", buf_text(&text), buf_text(&shown));
    buf_release(&shown);
    buf_release(&text);
    mget->failed_count++;
}

static void print_oldest(struct mget *mget)
{
    struct lookup *lookup = &mget->lookups[mget->oldest++ % LOOKUPS_MAX];
    struct bytes key = buf_bytes(&lookup->key);
    enum status status = lookup->status;
    struct bytes reason = {0};
    if (status)
        reason = buf_bytes(&lookup->value);
    else
        status = format_write(mget->format, key, buf_bytes(&lookup->value), &mget->out);
    if (argument_is_hopeless(lookup->status))
        mget->exit_status = argument_report(mget->globals, "mget", lookup->status, reason);
    else if (status)
        complain(mget, key, status, reason);
    mget->waiting_size -= lookup->value.size;
    buf_clear(&lookup->key);
    buf_release(&lookup->value);
}

static void run_client(struct mget *mget, bool wants_input)
{
    client_run(mget->client, intake_wait_fd(&mget->intake, wants_input), 1000);
    while (!mget->exit_status && mget->oldest < mget->newest &&
           mget->lookups[mget->oldest % LOOKUPS_MAX].ended)
        print_oldest(mget);
    // Show what is there before we wait again: mget may be one end of a conversation.
    print_bytes(buf_bytes(&mget->out));
    fflush(stdout);
    buf_clear(&mget->out);
    if (ferror(stdout) || intake_interrupted(&mget->intake))
        mget->exit_status = 1;
}

static void look_up(struct mget *mget, struct bytes key)
{
    struct lookup *lookup = &mget->lookups[mget->newest++ % LOOKUPS_MAX];
    lookup->mget = mget;
    lookup->ended = false;
    buf_set(&lookup->key, key);
    struct op_get op = mget->op;
    op.key = buf_bytes(&lookup->key);
    client_get(mget->client, &op,
               mget->deadline_ms ? mget->deadline_ms : clock_mono_ms() + GET_TIMEOUT_MS, on_got,
               lookup);
}

// False at the end of the input.
static bool take_key(struct mget *mget)
{
    struct pair pair;
    struct fault fault;
    enum status status;
    switch (format_next(&mget->reader, &pair, &fault)) {
    case FORMAT_PAIR:
        look_up(mget, pair.key);
        return true;
    case FORMAT_MORE:
        status = intake_feed(&mget->intake, &mget->reader, &fault);
        if (status == STATUS_BUSY)
            run_client(mget, true);
        else if (status && status != STATUS_END)
            mget->exit_status = report(mget->globals, "mget", status, "%s", fault.text);
        return true;
    case FORMAT_REJECT:
        report(mget->globals, "mget", STATUS_INVALID, "%s", fault.text);
        mget->failed_count++;
        return true;
    case FORMAT_PART:
        return true;
    case FORMAT_BROKEN:
    case FORMAT_END:
        break;
    }
    return false;
}

static void run(struct mget *mget)
{
    bool is_more = true;
    while (!mget->exit_status && (is_more || mget->oldest < mget->newest)) {
        bool has_room = mget->newest - mget->oldest < LOOKUPS_MAX &&
                        mget->waiting_size < WAITING_SIZE_MAX && client_has_room(mget->client);
        if (is_more && has_room)
            is_more = take_key(mget);
        else if (mget->oldest < mget->newest)
            run_client(mget, false);
    }
    if (!mget->exit_status)
        format_write_end(mget->format, &mget->out);
    print_bytes(buf_bytes(&mget->out));
    if (!mget->exit_status && mget->failed_count)
        mget->exit_status = report(mget->globals, "mget", STATUS_PARTIAL,
                                   "%" PRIu64 " keys are not in the output", mget->failed_count);
}

static enum status open_all(struct mget *mget, const struct operands *operands, struct fault *fault)
{
    if (operands->count)
        return fault_set(fault, STATUS_INVALID, "keys come from standard input");
    if (format_parse(mget->options.format, &mget->format))
        return fault_set(fault, STATUS_INVALID, "'%s' is no format; use tsv, json, cdb or null",
                         mget->options.format);
    if (!mget->options.format && mget->globals->json)
        mget->format = FORMAT_JSON;
    mget->op = (struct op_get){.keyspace = bytes_of_text(mget->globals->keyspace),
                               .flags = (uint8_t)((mget->options.strict ? GET_STRICT : 0) |
                                                  (mget->options.local ? GET_LOCAL : 0))};
    enum status status = level_parse(mget->options.level, &mget->op.level, fault);
    if (!status)
        status = connect_bulk(&mget->client, mget->globals, fault);
    if (!status)
        status = intake_open(&mget->intake, NULL, 0, fault);
    format_reader_init(&mget->reader, mget->options.null ? FORMAT_NULL : FORMAT_TSV, true);
    mget->lookups = xcalloc(LOOKUPS_MAX, sizeof *mget->lookups);
    mget->deadline_ms =
        mget->globals->timeout_given ? clock_mono_ms() + mget->globals->timeout_ms : 0;
    return status;
}

int verb_mget(struct globals *globals, int argc, char **argv)
{
    struct mget mget = {.globals = globals, .intake = {.fd = -1, .signal_fd = -1, .wait_fd = -1}};
    struct operands operands;
    struct fault fault;
    if (!options_parse(globals, options_mget, &mget.options, argc, argv, &operands))
        return operands.exit_status;
    enum status status = open_all(&mget, &operands, &fault);
    if (status == STATUS_INVALID)
        mget.exit_status = usage_error("mget", "%s", fault.text);
    else if (status)
        mget.exit_status = report(globals, "mget", status, "%s", fault.text);
    else
        run(&mget);
    client_close(mget.client);
    for (uint32_t i = 0; mget.lookups && i < LOOKUPS_MAX; i++) {
        buf_release(&mget.lookups[i].key);
        buf_release(&mget.lookups[i].value);
    }
    free(mget.lookups);
    record_release(&mget.record);
    format_reader_release(&mget.reader);
    buf_release(&mget.out);
    intake_close(&mget.intake);
    return mget.exit_status;
}
