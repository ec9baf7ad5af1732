// dkv load: many pairs from files or standard input.
//
// Records are numbered in the order of the input and settled in that order (window.h); the
// journal and the rejects file (account.h) know of those that are settled.
#include "base/hash.h"
#include "base/text.h"
#include "dkv/arguments.h"
#include "dkv/bulk/account.h"
#include "dkv/bulk/progress.h"
#include "dkv/bulk/window.h"
#include "dkv/connect.h"
#include "dkv/level.h"
#include "os/clock.h"
#include "ring/ring.h"
#include "wire/client.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

enum {
    CHECKPOINT_MS = 250,
    STOP_MS = 3000, // after an interrupt, for what is under way
    COMPLAINTS_MAX = 20,
    MMAP_SIZE_MIN = 256 * 1024,
    REQUEST_MEMORY_MS = 10 * 60 * 1000, // the default of request/memory
};

struct load_options {
    const char *format, *journal, *rejects, *level;
    uint64_t window;
    bool continue_on_error, remove, strict;
};

#define LOAD_OPTION(...) OPTION_OF(struct load_options, __VA_ARGS__)

const struct option_spec options_load[] = {
    {LOAD_OPTION(0, "format", OPTION_TEXT, format, "FORMAT", "tsv (default), json, cdb or null")},
    {LOAD_OPTION(0, "window", OPTION_NUMBER, window, "N", "records under way at once"),
     .value = "1024", .min = 1, .max = WINDOW_RECORDS_MAX},
    {LOAD_OPTION(0, "journal", OPTION_TEXT, journal, "FILE",
                 "remember in FILE how far it came, to go on from there")},
    {LOAD_OPTION(0, "rejects", OPTION_TEXT, rejects, "FILE", "write records that failed to FILE")},
    {LOAD_OPTION(0, "continue-on-error", OPTION_FLAG, continue_on_error, NULL,
                 "do not stop at the first record that fails")},
    {LOAD_OPTION(0, "delete", OPTION_FLAG, remove, NULL, "the input is keys; delete them")},
    {LOAD_OPTION('W', "write-quorum", OPTION_TEXT, level, "LEVEL",
                 "durable copies to wait for: a number, one, quorum, all, ...")},
    {LOAD_OPTION(0, "strict", OPTION_FLAG, strict, NULL,
                 "only owners of the key count toward W and R")},
    {0},
};

struct load {
    struct globals *globals;
    struct load_options options;
    enum format format;
    struct client *client;
    struct intake intake;
    struct format_reader reader;
    struct window window;
    struct progress progress;
    struct account account;
    struct journal_position *position; // = &account.journal.position
    uint32_t complaint_count;
    bool stopping;
    int exit_status;
};

// ---- where to begin ------------------------------------------------------------------

// The head of the input tells it from others of the same size.
static enum status read_head(struct load *load, uint64_t *hash, struct fault *fault)
{
    enum status status = STATUS_OK;
    while (!status && load->reader.input.size < JOURNAL_HEAD_SIZE) {
        status = intake_feed(&load->intake, &load->reader, fault);
        if (status == STATUS_BUSY) {
            client_run(load->client, intake_wait_fd(&load->intake, true), 1000);
            status = STATUS_OK;
            if (intake_interrupted(&load->intake))
                status = fault_set(fault, STATUS_PARTIAL, "interrupted");
        }
    }
    size_t size = load->reader.input.size;
    *hash = hash64(
        bytes_of(load->reader.input.data, size < JOURNAL_HEAD_SIZE ? size : JOURNAL_HEAD_SIZE));
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status skip_input(struct load *load, struct fault *fault)
{
    uint64_t target = load->position->offset;
    for (;;) {
        format_reader_skip(&load->reader, target - format_reader_offset(&load->reader));
        if (format_reader_offset(&load->reader) == target)
            return STATUS_OK;
        enum status status =
            load->reader.ended ? STATUS_END : intake_feed(&load->intake, &load->reader, fault);
        if (status == STATUS_BUSY) {
            client_run(load->client, intake_wait_fd(&load->intake, true), 1000);
            if (intake_interrupted(&load->intake))
                return fault_set(fault, STATUS_PARTIAL, "interrupted");
            continue;
        }
        if (status == STATUS_END)
            status = intake_next(&load->intake, &load->reader, fault);
        if (status == STATUS_END)
            return fault_set(fault, STATUS_INVALID, "the input ends before the journal does");
        if (status)
            return status;
    }
}

static void say_resumed(struct load *load)
{
    const struct journal_position *position = load->position;
    if (load->globals->quiet || !position->wall_ms)
        return;
    fprintf(stderr, "dkv: load: going on behind record %" PRIu64 " (byte %" PRIu64 ")\n",
            position->record, position->offset);
    if (clock_wall_ms() - position->wall_ms > REQUEST_MEMORY_MS &&
        position->reserved > position->record)
        fprintf(stderr,
                "dkv: load: the last run ended long ago: records %" PRIu64 " to %" PRIu64
                " are applied again if they were sent then\n",
                position->record + 1, position->reserved);
}

static enum status open_journal(struct load *load, struct fault *fault)
{
    char format[32];
    if (!load->options.journal)
        return STATUS_OK;
    snprintf(format, sizeof format, "%s%s", load->options.format ? load->options.format : "tsv",
             load->options.remove ? " delete" : "");
    struct journal_input input = {
        .size = load->intake.size, .format = format, .keyspace = load->globals->keyspace};
    enum status status = read_head(load, &input.head_hash, fault);
    if (!status)
        status = account_open_journal(&load->account, &input, fault);
    return status ? status : skip_input(load, fault);
}

// ---- records ------------------------------------------------------------------------

static void complain(struct load *load, uint64_t number, enum status status, const char *text)
{
    progress_clear(&load->progress);
    if (load->complaint_count++ == COMPLAINTS_MAX)
        report(load->globals, "load", status, "further failures are not shown");
    if (load->complaint_count > COMPLAINTS_MAX)
        return;
    report(load->globals, "load", status, "record %" PRIu64 ": %s", number + 1, text);
}

static void stop(struct load *load, int exit_status)
{
    if (!load->stopping)
        load->exit_status = exit_status;
    load->stopping = true;
}

static void fail(struct load *load, enum status status, const struct fault *fault)
{
    progress_clear(&load->progress);
    stop(load, report(load->globals, "load", status, "%s", fault->text));
}

// True for failures that would come again: of the record, not of the cluster.
static bool is_lasting(enum status status)
{
    int exit_code = status_exit_code(status);
    return exit_code == 2 || exit_code == 10 || status == STATUS_CORRUPT;
}

static void keep_reject(struct load *load, struct bytes raw, bool is_end)
{
    struct fault fault;
    bool is_line = load->format == FORMAT_TSV || load->format == FORMAT_JSON;
    enum status status = account_reject(&load->account, raw, is_end && is_line, &fault);
    if (status)
        fail(load, status, &fault);
}

// Settles the oldest record if it has ended. False if nothing can be settled.
static bool settle_one(struct load *load)
{
    const struct window_record *record = window_oldest(&load->window);
    if (!record)
        return false;
    if (record->status) {
        bool is_gone =
            record->status == STATUS_UNREACHABLE || record->status == STATUS_NOT_AUTHORISED;
        bool goes_on = load->options.continue_on_error && !is_gone;
        bool is_kept = goes_on || (is_lasting(record->status) && load->options.rejects);
        if (load->stopping && !is_kept)
            return false;               // it stays ahead of the position, for the next run
        if (record->op.keyspace.size) { // otherwise it was never sent, and the reason was said
            struct buf text = {0};
            argument_explain_write(record->status, buf_bytes(&record->text), &text);
            complain(load, record->number, record->status, buf_text(&text));
            buf_release(&text);
        }
        if (!goes_on)
            stop(load, status_exit_code(is_kept ? STATUS_PARTIAL : record->status));
        if (!is_kept)
            return false;
        keep_reject(load, buf_bytes(&record->raw), true);
    }
    account_settle(&load->account, record->number + 1, record->offset, record->status);
    window_settle(&load->window);
    return true;
}

static void run_client(struct load *load, bool wants_input)
{
    client_run(load->client, intake_wait_fd(&load->intake, wants_input), CHECKPOINT_MS);
    while (settle_one(load))
        ;
    if (intake_interrupted(&load->intake))
        stop(load, 1);
}

static void add_pair(struct load *load, const struct pair *pair)
{
    uint64_t number = load->window.newest;
    struct request_id request;
    struct fault fault;
    enum status status = account_request_id(&load->account, number,
                                            client_new_request_id(load->client), &request, &fault);
    if (status) {
        fail(load, status, &fault);
        return;
    }
    bool is_large = pair->raw.size > WINDOW_RAW_SIZE_MAX;
    while (is_large && window_has_key(&load->window, pair->key) && !load->stopping)
        run_client(load, false);
    uint8_t flags = (uint8_t)((pair->is_record ? PUT_RECORD : 0) |
                              (number < load->account.retry_before ? PUT_RETRY : 0));
    window_add(&load->window, pair, format_reader_offset(&load->reader), request, flags);
    if (!is_large)
        return;
    // One large record at a time: its text is still in the reader should it fail.
    format_reader_trim(&load->reader);
    struct window_record *record;
    while (!(record = window_newest(&load->window)))
        client_run(load->client, -1, -1);
    if (record->status && load->window.keep_raw)
        buf_set(&record->raw, pair->raw);
}

// A part of a record that is too large goes where its end will go, behind all before it.
static void add_part(struct load *load, const struct pair *pair)
{
    while (!window_is_empty(&load->window) && !load->stopping)
        run_client(load, false);
    if (load->options.continue_on_error || load->options.rejects)
        keep_reject(load, pair->raw, false);
}

static void add_reject(struct load *load, const struct pair *pair, const struct fault *fault)
{
    struct bytes raw = pair->raw;
    complain(load, load->window.newest, STATUS_INVALID, fault->text);
    if (raw.size > WINDOW_RAW_SIZE_MAX) { // not copied, but written at once
        add_part(load, pair);
        raw = (struct bytes){0};
    }
    window_add_rejected(&load->window, raw, format_reader_offset(&load->reader), STATUS_INVALID);
    if (!load->options.continue_on_error)
        stop(load, status_exit_code(STATUS_PARTIAL));
}

static void on_more(struct load *load)
{
    struct fault fault;
    enum status status = intake_feed(&load->intake, &load->reader, &fault);
    if (status == STATUS_BUSY)
        run_client(load, true);
    else if (status && status != STATUS_END)
        fail(load, status, &fault);
}

// One step: takes a record from the input. False at the end of the input.
static bool take_record(struct load *load)
{
    struct pair pair;
    struct fault fault = {""};
    enum status status;
    switch (format_next(&load->reader, &pair, &fault)) {
    case FORMAT_MORE:
        on_more(load);
        break;
    case FORMAT_PAIR:
        add_pair(load, &pair);
        break;
    case FORMAT_REJECT:
        add_reject(load, &pair, &fault);
        break;
    case FORMAT_PART:
        add_part(load, &pair);
        break;
    case FORMAT_BROKEN:
        complain(load, load->window.newest, STATUS_CORRUPT, fault.text);
        stop(load, status_exit_code(STATUS_PARTIAL));
        break;
    case FORMAT_END:
        status = intake_next(&load->intake, &load->reader, &fault);
        if (status && status != STATUS_END)
            fail(load, status, &fault);
        return !status;
    }
    return true;
}

static void run(struct load *load)
{
    struct fault fault;
    bool is_more = true;
    while (!load->stopping && (is_more || !window_is_empty(&load->window))) {
        while (settle_one(load))
            ;
        if (is_more && window_has_room(&load->window) && !load->stopping)
            is_more = take_record(load);
        else if (!window_is_empty(&load->window))
            run_client(load, false);
        uint64_t now_ms = clock_mono_ms();
        progress_show(&load->progress, load->position->record, load->position->offset, now_ms);
        if (now_ms - load->account.noted_ms < CHECKPOINT_MS)
            continue;
        enum status status = account_checkpoint(&load->account, now_ms, &fault);
        if (status)
            fail(load, status, &fault);
    }
    // Wait for what is under way: the more is settled, the less is sent again.
    uint64_t until_ms = clock_mono_ms() + STOP_MS;
    while (client_in_flight(load->client) && clock_mono_ms() < until_ms)
        client_run(load->client, -1, 100);
    while (settle_one(load))
        ;
    enum status status = account_checkpoint(&load->account, clock_mono_ms(), &fault);
    if (status)
        fail(load, status, &fault);
}

// ---- the verb -----------------------------------------------------------------------

static void say_end(struct load *load, uint64_t start_ms)
{
    const struct journal_position *position = load->position;
    progress_clear(&load->progress);
    if (load->globals->quiet)
        return;
    if (load->stopping)
        fprintf(stderr,
                "dkv: load: stopped behind record %" PRIu64 ", byte %" PRIu64 "; to go on: %s\n",
                position->record, position->offset,
                load->options.journal ? "the same command again" : "the input from that byte on");
    fprintf(stderr, "loaded %" PRIu64 ", rejected %" PRIu64 ", in %.1f s\n", position->loaded,
            position->rejected, (double)(clock_mono_ms() - start_ms) / 1000);
}

static enum status open_all(struct load *load, const struct operands *operands, struct fault *fault)
{
    if (format_parse(load->options.format, &load->format))
        return fault_set(fault, STATUS_INVALID, "'%s' is no format; use tsv, json, cdb or null",
                         load->options.format);
    struct window *window = &load->window;
    uint8_t level;
    enum status status = level_parse(load->options.level, &level, fault);
    if (!status)
        status = intake_open(&load->intake, (const char *const *)operands->values,
                             (uint32_t)operands->count, fault);
    if (!status)
        status = account_check_rejects(&load->account, &load->intake, fault);
    if (!status)
        status = connect_bulk(&load->client, load->globals, fault);
    if (status)
        return status;
    format_reader_init(&load->reader, load->format, load->options.remove);
    status = open_journal(load, fault);
    if (!status)
        status = account_open_rejects(&load->account, &load->intake, fault);
    window_init(window, load->client, (uint32_t)load->options.window, load->position->record);
    window->keep_raw = load->account.rejects_fd >= 0;
    window->keyspace = bytes_of_text(load->globals->keyspace);
    window->level = level;
    window->flags = (uint8_t)((load->options.remove ? PUT_DELETE : 0) |
                              (load->options.strict ? PUT_STRICT : 0));
    window->deadline_ms =
        load->globals->timeout_given ? clock_mono_ms() + load->globals->timeout_ms : 0;
    return status;
}

int verb_load(struct globals *globals, int argc, char **argv)
{
    struct load load = {.globals = globals, .intake = {.fd = -1, .signal_fd = -1, .wait_fd = -1}};
    struct operands operands;
    struct fault fault;
    load.position = &load.account.journal.position;
    // Large values come and go: their memory goes back to the system, not to a heap with
    // holes. (Setting the threshold keeps glibc from raising it.)
    mallopt(M_MMAP_THRESHOLD, MMAP_SIZE_MIN);
    if (!options_parse(globals, options_load, &load.options, argc, argv, &operands))
        return operands.exit_status;
    account_init(&load.account, load.options.journal, load.options.rejects);
    uint64_t start_ms = clock_mono_ms();
    enum status status = open_all(&load, &operands, &fault);
    if (status) {
        load.exit_status = status == STATUS_INVALID
                               ? usage_error("load", "%s", fault.text)
                               : report(globals, "load", status, "%s", fault.text);
    } else {
        say_resumed(&load);
        progress_init(&load.progress, globals->quiet, load.intake.size, start_ms);
        run(&load);
        say_end(&load, start_ms);
        if (!load.stopping && load.position->rejected)
            load.exit_status = status_exit_code(STATUS_PARTIAL);
    }
    client_close(load.client);
    if (load.window.records)
        window_release(&load.window);
    format_reader_release(&load.reader);
    account_release(&load.account);
    int signal_caught = load.intake.signal_caught;
    intake_close(&load.intake);
    if (signal_caught)
        raise(signal_caught);
    return load.exit_status;
}
