#include "dkv/ring_change.h"

#include "dkv/ask.h"
#include "ring/ring_successor.h"
#include "ring/ring_text.h"

// An answer that leaves it open, or came from a router that has seen later changes: the ring itself
// may tell.
static bool has_come(const struct globals *globals, const struct ring *wanted, uint64_t hash)
{
    struct buf text = {0};
    struct fault fault;
    struct ring now = {0};
    bool is_read =
        !ask(globals, "ring", &text, &fault) && !ring_text_parse(&now, buf_bytes(&text), &fault);
    bool has_come = is_read && ((now.epoch == wanted->epoch && ring_text_hash(&now) == hash) ||
                                (now.epoch == wanted->epoch + 1 && now.parent == hash));
    ring_release(&now);
    buf_release(&text);
    return has_come;
}

int ring_change_begin(const struct globals *globals, const char *verb, struct ring_change *change)
{
    *change = (struct ring_change){0};
    int exit_status = ask_ring(globals, verb, NULL, &change->before, NULL);
    if (!exit_status)
        change->next = ring_copy(&change->before);
    return exit_status;
}

void ring_change_release(struct ring_change *change)
{
    ring_release(&change->before);
    ring_release(&change->next);
}

bool ring_change_succeed(struct ring_change *change)
{
    if (ring_text_hash(&change->next) == ring_text_hash(&change->before))
        return false;
    ring_succeed(&change->next, &change->before);
    return true;
}

int ring_change_propose(const struct globals *globals, const char *verb,
                        const struct ring_change *change, const char *what)
{
    const struct ring *next = &change->next;
    struct buf document = {0}, answer = {0};
    struct fault fault = {""};
    ring_text_format(next, &document);
    enum status status = ask_about(globals, "ring/propose", buf_bytes(&document), &answer, &fault);
    bool is_open =
        status == STATUS_TIMEOUT || status == STATUS_INDETERMINATE || status == STATUS_RING_CHANGED;
    if (is_open && has_come(globals, next, ring_text_hash(next)))
        status = STATUS_OK;
    int exit_status;
    if (status == STATUS_TIMEOUT || status == STATUS_INDETERMINATE)
        exit_status = report(globals, verb, STATUS_INDETERMINATE,
                             "it is not known whether the change will come; 'dkv ring show' tells "
                             "when it has");
    else if (status)
        exit_status = ask_report(globals, verb, status, &fault);
    else
        exit_status = report(globals, verb, STATUS_OK, "%s: %s", what, buf_text(&answer));
    buf_release(&document);
    buf_release(&answer);
    return exit_status;
}
