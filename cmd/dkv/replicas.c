#include "dkv/replicas.h"

#include "base/text.h"
#include "os/clock.h"
#include "wire/replica.h"

#include <stdio.h>

enum { PAUSE_FIRST_MS = 10, PAUSE_MAX_MS = 250 };

static void release_copy(struct replica_copy *copy)
{
    record_release(&copy->head);
    seen_release(&copy->seen);
}

void replicas_release(struct replicas *replicas)
{
    for (uint32_t i = 0; i < REPLICAS_MAX; i++)
        release_copy(&replicas->items[i]);
    buf_release(&replicas->bytes);
    buf_release(&replicas->text);
    *replicas = (struct replicas){0};
}

static enum status read_copy(struct replica_copy *copy, struct bytes key)
{
    struct reader seen = reader_of(copy->replica.seen);
    record_clear(&copy->head);
    seen_clear(&copy->seen);
    copy->is_seen_told = copy->replica.seen.size;
    if (copy->is_seen_told && seen_decode(&copy->seen, &seen))
        return STATUS_CORRUPT;
    return copy->replica.head.size ? record_decode(&copy->head, key, copy->replica.head)
                                   : STATUS_OK;
}

static enum status read_replicas(struct replicas *replicas)
{
    struct reader list = reader_of(replicas->op.replicas);
    struct explained_replica replica;
    while (replicas->count < REPLICAS_MAX && explained_next(&list, &replica)) {
        struct replica_copy *copy = &replicas->items[replicas->count];
        copy->replica = replica;
        if (read_copy(copy, replicas->op.key))
            return STATUS_CORRUPT;
        if (replica.status == STATUS_OK || replica.status == STATUS_NOT_FOUND)
            replicas->replied |= 1u << replicas->count;
        if (replica.purge == PURGE_LOST)
            replicas->lost |= 1u << replicas->count;
        replicas->count++;
    }
    struct reader needs = reader_of(replicas->op.needs);
    while (replicas->need_count < REPLICAS_NEEDS_MAX &&
           explained_next_need(&needs, &replicas->needs[replicas->need_count]))
        replicas->need_count++;
    return list.bad || needs.bad || replicas->count != replicas->op.replica_count ? STATUS_CORRUPT
                                                                                  : STATUS_OK;
}

// Keeps the answer beyond the message that brought it, and the one before if there is none.
static void on_explained(void *context, const struct op_explained *op)
{
    struct replicas *replicas = context;
    replicas->status = op->status;
    buf_set(&replicas->text, op->text);
    if (op->status)
        return;
    buf_clear(&replicas->bytes);
    op_encode_explained(op, &replicas->bytes);
    struct reader body = reader_of(buf_bytes(&replicas->bytes));
    replicas->count = replicas->need_count = replicas->replied = replicas->lost = 0;
    if (op_decode_explained(&replicas->op, &body) || read_replicas(replicas))
        replicas->status = STATUS_CORRUPT;
}

enum status replicas_ask(struct replicas *replicas, struct client *client,
                         const struct op_explain *op, uint64_t deadline_ms)
{
    client_explain(client, op, deadline_ms, on_explained, replicas);
    client_drain(client);
    return replicas->status;
}

enum status replicas_wait(struct replicas *replicas, struct client *client,
                          const struct op_explain *op, const struct replicas_wait *wait,
                          bool *is_met)
{
    bool is_known = false;
    *is_met = false;
    for (uint64_t pause_ms = PAUSE_FIRST_MS;;) {
        uint64_t now_ms = clock_mono_ms();
        uint64_t ask_ms = now_ms + wait->globals->timeout_ms;
        enum status status =
            replicas_ask(replicas, client, op, ask_ms < wait->until_ms ? ask_ms : wait->until_ms);
        is_known |= !status;
        if (status && (status != STATUS_TIMEOUT || !is_known))
            return status;
        now_ms = clock_mono_ms();
        *is_met = !status && wait->are_enough(wait->context, replicas);
        if (*is_met || now_ms >= wait->until_ms)
            return STATUS_OK;
        if (pause_ms > wait->until_ms - now_ms)
            pause_ms = wait->until_ms - now_ms;
        client_run(client, -1, (int)pause_ms);
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}

uint32_t replicas_having(const struct replicas *replicas)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < replicas->count; i++)
        set |= replicas->items[i].replica.has_write ? 1u << i : 0;
    return set;
}

bool replicas_can_answer(const struct replicas *replicas, uint32_t set)
{
    for (uint32_t i = 0; i < replicas->need_count; i++) {
        const struct explained_need *need = &replicas->needs[i];
        if (__builtin_popcount(need->of & set) < need->count)
            return false;
    }
    return replicas->need_count;
}

bool replicas_are_met(const struct replicas *replicas, uint32_t set)
{
    uint32_t all = replicas->count < 32 ? (1u << replicas->count) - 1 : UINT32_MAX;
    return replicas->need_count && !replicas_can_answer(replicas, all & ~set);
}

const char *replicas_problem(const struct replicas *replicas, uint32_t index, char problem[128])
{
    const struct explained_replica *replica = &replicas->items[index].replica;
    enum status status = replica->status;
    if (replicas->replied >> index & 1)
        return "";
    if (status == STATUS_UNREACHABLE && replica->problem.size)
        snprintf(problem, 128, "%.*s", (int)replica->problem.size, replica->problem.data);
    else if (status == STATUS_UNREACHABLE) // it is back by now
        snprintf(problem, 128, "did not answer");
    else
        snprintf(problem, 128, "%s", status_text(status));
    return problem;
}

void replicas_name_others(const struct replicas *replicas, uint32_t set, const char *otherwise,
                          struct buf *out)
{
    const char *between = "";
    for (uint32_t i = 0; i < replicas->count; i++) {
        char problem[128];
        if (set >> i & 1)
            continue;
        const char *said = replicas_problem(replicas, i, problem);
        if (!*said)
            said = otherwise;
        buf_append_text(out, between);
        text_escape_log(replicas->items[i].replica.node, out);
        buf_printf(out, *said ? " (%s)" : "%s", said);
        between = ", ";
    }
}
