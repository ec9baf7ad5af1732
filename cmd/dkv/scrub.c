// dkv scrub: lets every store read all of its data again.
#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/node_ask.h"
#include "dkv/options.h"

#include "base/xalloc.h"

#include <inttypes.h>
#include <stdlib.h>

struct scrub_options {
    bool wait;
};

const struct option_spec options_scrub[] = {
    {.name = "wait",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct scrub_options, wait),
     .help = "return when all was read; exit status 12 if something is damaged"},
    {0}};

struct pass {
    bool is_begun, is_over;
    uint64_t left, damaged, records;
    char what[256]; // is damaged
};

// False: it does not answer.
static bool look(const struct globals *globals, const char *node, struct pass *pass)
{
    struct buf answer = {0};
    struct fault fault = {""};
    enum status status =
        node_ask(globals, node, "repair/scrub", pass->is_begun ? "progress" : "", &answer, &fault);
    const char *at = buf_text(&answer);
    if (status) {
        (void)report(globals, "scrub", status, "%s: %s", node, fault.text);
    } else {
        pass->left = node_ask_number(&at);
        pass->damaged = node_ask_number(&at);
        pass->records = node_ask_number(&at);
        snprintf(pass->what, sizeof pass->what, "%s", at);
        pass->is_over = pass->is_begun && !pass->left;
        pass->is_begun = true;
    }
    buf_release(&answer);
    return !status;
}

static void print(const struct globals *globals, const struct ring *ring, const struct pass *passes)
{
    static const char *const heading[] = {"node", "records", "damaged", "what"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        const struct pass *pass = &passes[i];
        if (globals->json) {
            json_print_line(json_pack("{s:i,s:s,s:I,s:I,s:s}", "v", 1, "node", ring->nodes[i].name,
                                      "records", (json_int_t)pass->records, "damaged",
                                      (json_int_t)pass->damaged, "what", pass->what));
            continue;
        }
        columns_add(&columns, "%s", ring->nodes[i].name);
        columns_add(&columns, "%" PRIu64, pass->records);
        columns_add(&columns, "%" PRIu64, pass->damaged);
        columns_add(&columns, "%s", pass->what);
        columns_end_row(&columns);
    }
    if (globals->json)
        buf_release(&columns.text);
    else
        columns_print(&columns);
}

// One question to each node that is not done. Returns how many do not answer.
static uint32_t look_at_all(const struct globals *globals, const struct ring *ring,
                            struct pass *passes, bool *is_over)
{
    uint32_t failed = 0;
    *is_over = true;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (!passes[i].is_over)
            failed += !look(globals, ring->nodes[i].name, &passes[i]);
        *is_over &= passes[i].is_over;
    }
    return failed;
}

static int run(const struct globals *globals, const struct ring *ring, bool wait)
{
    struct pass *passes = xcalloc(ring->node_count, sizeof *passes);
    uint64_t deadline_ms = node_ask_deadline(globals), damaged = 0;
    bool is_over = false;
    uint32_t failed = look_at_all(globals, ring, passes, &is_over);
    while (wait && !failed && !is_over && node_ask_pause(deadline_ms))
        failed = look_at_all(globals, ring, passes, &is_over);
    for (uint32_t i = 0; i < ring->node_count; i++)
        damaged += passes[i].damaged;
    if (wait)
        print(globals, ring, passes);
    free(passes);
    enum status status = failed                          ? STATUS_PARTIAL
                         : wait && (damaged || !is_over) ? STATUS_CHECK_FAILED
                                                         : STATUS_OK;
    return status_exit_code(status);
}

int verb_scrub(struct globals *globals, int argc, char **argv)
{
    struct scrub_options options = {0};
    struct operands operands;
    struct ring ring = {0};
    if (!options_parse(globals, options_scrub, &options, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count)
        return usage_error("scrub", "takes no arguments");
    int failed = ask_ring_of_living(globals, "scrub", &ring);
    if (failed)
        return failed;
    failed = run(globals, &ring, options.wait);
    ring_release(&ring);
    return failed;
}
