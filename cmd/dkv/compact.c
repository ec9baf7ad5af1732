// dkv compact: every store merges what it has.
#include "dkv/arguments.h"
#include "dkv/ask.h"
#include "os/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/xalloc.h"

enum { PAUSE_MS = 200 };

struct compact_options {
    bool wait;
};

const struct option_spec options_compact[] = {
    {OPTION_OF(struct compact_options, 0, "wait", OPTION_FLAG, wait, NULL,
               "return when all stores are done")},
    {0}};

// One question to the store of a node.
static enum status ask_store(const struct globals *globals, const char *topic, const char *node,
                             struct buf *answer, struct fault *fault)
{
    buf_clear(answer);
    return ask_about(globals, topic, bytes_of_text(node), answer, fault);
}

// Asks every store that is not done. Returns how many are left; those that do not answer are
// reported and count as done, and *status is PARTIAL.
static uint32_t look(const struct globals *globals, const struct ring *ring, bool *is_done,
                     const char *topic, enum status *status)
{
    struct buf answer = {0};
    uint32_t left = 0;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        struct fault fault = {""};
        if (is_done[i])
            continue;
        enum status one = ask_store(globals, topic, ring->nodes[i].name, &answer, &fault);
        if (one) {
            *status = STATUS_PARTIAL;
            report(globals, "compact", one, "%s", fault.text);
        }
        is_done[i] = one || bytes_equal(buf_bytes(&answer), bytes_of_text("0"));
        left += !is_done[i];
    }
    buf_release(&answer);
    return left;
}

static int compact(const struct globals *globals, const struct ring *ring, bool wait)
{
    bool *is_done = xcalloc(ring->node_count, sizeof *is_done);
    uint64_t until_ms = globals->timeout_given ? clock_mono_ms() + globals->timeout_ms : UINT64_MAX;
    enum status status = STATUS_OK;
    uint32_t left = look(globals, ring, is_done, "store/compact", &status);
    while (wait && left && clock_mono_ms() < until_ms) {
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000}, NULL);
        left = look(globals, ring, is_done, "store/compacting", &status);
    }
    free(is_done);
    if (wait && left)
        return report(globals, "compact", STATUS_CHECK_FAILED,
                      "%u stores are not done yet; they go on", left);
    return status_exit_code(status);
}

int verb_compact(struct globals *globals, int argc, char **argv)
{
    struct compact_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_compact, &options, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count)
        return usage_error("compact", "takes no arguments");
    struct ring ring;
    int exit_status = ask_ring_of_living(globals, "compact", &ring);
    if (exit_status)
        return exit_status;
    exit_status = compact(globals, &ring, options.wait);
    ring_release(&ring);
    return exit_status;
}
