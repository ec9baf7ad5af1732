#include "quorum/scan.h"

static struct scan_step answer(enum status status)
{
    return (struct scan_step){.answer = true, .status = status};
}

// As many more owners as are missing to R. If none are, and all that were asked have replied, their
// pages are enough.
static struct scan_step ask(struct scan *scan)
{
    if (needs_hopeless(&scan->r, scan->live | scan->replied))
        return answer(STATUS_UNAVAILABLE);
    struct scan_step step = {0};
    for (unsigned i = 0; i < scan->n; i++) {
        target_set busy = scan->asked | scan->replied;
        if (!(scan->live & target_bit(i)) || !needs_help_of(&scan->r, busy, i))
            continue;
        step.ask |= target_bit(i);
        scan->asked |= target_bit(i);
    }
    step.join = !scan->asked;
    return step;
}

struct scan_step scan_start(struct scan *scan, uint8_t n, const struct needs *r, target_set live)
{
    *scan = (struct scan){.n = n, .r = *r, .live = live};
    return ask(scan);
}

struct scan_step scan_on_reply(struct scan *scan, unsigned owner)
{
    if (!(scan->asked & target_bit(owner)))
        return (struct scan_step){0};
    scan->asked &= ~target_bit(owner);
    scan->replied |= target_bit(owner);
    return (struct scan_step){.join = !scan->asked};
}

struct scan_step scan_on_failed(struct scan *scan, unsigned owner)
{
    scan->live &= ~target_bit(owner);
    if (!(scan->asked & target_bit(owner)))
        return (struct scan_step){0};
    scan->asked &= ~target_bit(owner);
    return ask(scan);
}

struct scan_step scan_on_deadline(struct scan *scan)
{
    scan->asked = 0;
    return answer(STATUS_TIMEOUT);
}
