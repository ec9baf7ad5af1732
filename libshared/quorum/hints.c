#include "quorum/hints.h"

static target_set hold(const struct hints *hints, unsigned owner)
{
    return hints->asked[owner] | hints->kept[owner];
}

static target_set used(const struct hints *hints, uint8_t n)
{
    target_set set = 0;
    for (unsigned i = 0; i < n; i++)
        set |= hold(hints, i);
    return set;
}

// One of these holders: the first that is near, or else the first.
static void want_of(struct hints *hints, unsigned owner, target_set holders)
{
    target_set near = holders & hints->near[owner];
    target_set chosen = target_bit(target_first(near ? near : holders));
    hints->wanted[owner] |= chosen;
    hints->asked[owner] |= chosen;
}

static bool would_meet(const struct hints *hints, uint8_t n, target_set own, const struct needs *w)
{
    target_set some[RING_OWNERS_MAX];
    for (unsigned i = 0; i < n; i++)
        some[i] = hold(hints, i);
    struct acks acks = {.n = n, .own = own, .hints = some};
    return acks_meet(&acks, w);
}

static unsigned poorest(const struct hints *hints, target_set owners)
{
    unsigned best = target_first(owners);
    for (; owners; owners &= owners - 1) {
        unsigned owner = target_first(owners);
        if (target_count(hold(hints, owner)) < target_count(hold(hints, best)))
            best = owner;
    }
    return best;
}

bool hints_plan(struct hints *hints, uint8_t n, target_set missing, target_set own,
                const struct needs *w)
{
    bool is_any = false;
    for (target_set left = missing; left && hints->holders; left &= left - 1) {
        unsigned owner = target_first(left);
        target_set unused = hints->holders & ~used(hints, n);
        if (hold(hints, owner))
            continue;
        want_of(hints, owner, unused ? unused : hints->holders);
        is_any = true;
    }
    while (w && missing && !would_meet(hints, n, own, w)) {
        target_set unused = hints->holders & ~used(hints, n);
        if (!unused)
            break;
        want_of(hints, poorest(hints, missing), unused);
        is_any = true;
    }
    return is_any;
}

bool hints_take(struct hints *hints, uint8_t n, unsigned *owner, unsigned *holder)
{
    for (*owner = 0; *owner < n; ++*owner) {
        target_set *wanted = &hints->wanted[*owner];
        if (!*wanted)
            continue;
        *holder = target_first(*wanted);
        *wanted &= *wanted - 1;
        return true;
    }
    return false;
}

void hints_ask_all(struct hints *hints, uint8_t n, unsigned holder)
{
    for (unsigned i = 0; i < n; i++)
        hints->asked[i] |= target_bit(holder);
}

void hints_drop(struct hints *hints, uint8_t n, unsigned holder)
{
    target_set others = ~target_bit(holder);
    hints->holders &= others;
    for (unsigned i = 0; i < n; i++) {
        hints->wanted[i] &= others;
        hints->asked[i] &= others;
    }
}

void hints_reset(struct hints *hints, uint8_t n)
{
    hints->late = 0;
    for (unsigned i = 0; i < n; i++)
        hints->wanted[i] = hints->asked[i] = hints->kept[i] = hints->told[i] = 0;
}

bool hints_are_open(const struct hints *hints, uint8_t n)
{
    target_set open = 0;
    for (unsigned i = 0; i < n; i++)
        open |= hints->asked[i];
    return open;
}

bool hints_lack_told(const struct hints *hints, uint8_t n)
{
    target_set silent = 0;
    for (unsigned i = 0; i < n; i++)
        silent |= hints->asked[i] & ~hints->told[i];
    return silent;
}

target_set hints_keepers(const struct hints *hints, uint8_t n)
{
    target_set keepers = 0;
    for (unsigned i = 0; i < n; i++)
        keepers |= hints->kept[i];
    return keepers;
}
