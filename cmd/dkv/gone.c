#include "dkv/gone.h"

#include "base/text.h"
#include "dkv/arguments.h"
#include "dkv/replicas.h"
#include "os/clock.h"

#include <inttypes.h>

// Whether the record shows the deletion: any, if its dot is not known.
static bool shows(const struct record *head, struct dot dot)
{
    for (uint32_t i = 0; i < head->count; i++) {
        const struct sibling *sibling = &head->siblings[i];
        if (dot.counter ? dot_equal(sibling->dot, dot) : sibling->flags & SIBLING_TOMBSTONE)
            return true;
    }
    return false;
}

// The set of owners that have had it, and keep nothing of it.
static uint32_t gone_from(const struct replicas *replicas, struct dot dot)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < replicas->count; i++) {
        bool has_said = replicas->replied >> i & 1;
        if (has_said && replicas->items[i].replica.has_write &&
            !shows(&replicas->items[i].head, dot))
            set |= 1u << i;
    }
    return set;
}

static bool is_gone(void *context, const struct replicas *replicas)
{
    const struct dot *dot = context;
    return (uint32_t)__builtin_popcount(gone_from(replicas, *dot)) == replicas->count;
}

static int say_late(const struct globals *globals, const struct replicas *replicas, struct dot dot)
{
    struct buf key = {0}, others = {0};
    text_escape_log(replicas->op.key, &key);
    replicas_name_others(replicas, gone_from(replicas, dot), "keeps it", &others);
    int exit_status = report(globals, "del", STATUS_CHECK_FAILED,
                             "%s: it is deleted, and not purged after %" PRIu64 " ms at: %s",
                             buf_text(&key), globals->timeout_ms, buf_text(&others));
    buf_release(&key);
    buf_release(&others);
    return exit_status;
}

int gone_wait(const struct globals *globals, struct client *client, struct bytes receipt,
              struct dot dot)
{
    struct replicas replicas = {0};
    struct op_explain op = {.keyspace = bytes_of_text(globals->keyspace), .receipt = receipt};
    uint64_t until_ms = globals->timeout_given ? clock_mono_ms() + globals->timeout_ms : UINT64_MAX;
    bool is_met;
    enum status status = replicas_wait(
        &replicas, client, &op, &(struct replicas_wait){globals, until_ms, is_gone, &dot}, &is_met);
    int exit_status = status   ? argument_report(globals, "del", status, buf_bytes(&replicas.text))
                      : is_met ? 0
                               : say_late(globals, &replicas, dot);
    replicas_release(&replicas);
    return exit_status;
}
