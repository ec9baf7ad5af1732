#include "wire/tries.h"
#include "wire/client.h"

static uint32_t young_ms(const struct tries *tries)
{
    return tries->budget_ms / 2;
}

void tries_init(struct tries *tries, uint32_t budget_ms, size_t size, bool is_repeated)
{
    budget_ms += (uint32_t)(size / TRIES_BYTES_PER_MS);
    *tries = (struct tries){
        .budget_ms = budget_ms,
        .is_repeated = is_repeated,
        .is_unknown = is_repeated,
        .is_foreign = is_repeated,
    };
}

// How long ago the first try was sent. 0: it is this one, or nobody knows.
static uint32_t first_ms(struct tries *tries, uint64_t now_ms)
{
    if (tries->is_foreign)
        return 0;
    if (!tries->first_ms)
        tries->first_ms = now_ms;
    uint64_t ago_ms = now_ms - tries->first_ms;
    return ago_ms < UINT32_MAX ? (uint32_t)ago_ms : 0;
}

struct put_try tries_next(struct tries *tries, uint64_t name, uint64_t now_ms)
{
    if (tries->is_unknown)
        tries->over_ms = now_ms + tries->budget_ms + young_ms(tries);
    bool must_wait = tries->is_repeated && tries->over_ms > now_ms;
    uint64_t wait_ms = must_wait ? tries->over_ms - now_ms : 0;
    struct put_try next = {
        .is_repeated = tries->is_repeated,
        .name = name,
        .budget_ms = tries->budget_ms + (uint32_t)wait_ms, // what it waits is not its own time
        .young_ms = young_ms(tries),
        .wait_ms = (uint32_t)wait_ms,
        .first_ms = first_ms(tries, now_ms),
    };
    tries->before_ms = tries->over_ms;
    tries->over_ms = now_ms + next.budget_ms + next.young_ms;
    tries->is_unknown = false;
    return next;
}

void tries_take_back(struct tries *tries)
{
    tries->over_ms = tries->before_ms;
}
