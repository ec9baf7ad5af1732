#include "dkv-repair/runs.h"

_Static_assert(RUNS_MAX <= 256, "a place takes 8 bits of an id");

void runs_remove(struct runs *runs, struct run *run)
{
    round_release(&run->round);
    run->is_used = false;
    runs->count--;
}

void runs_release(struct runs *runs)
{
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        if (runs->items[i].is_used)
            runs_remove(runs, &runs->items[i]);
    }
}

bool runs_has_room(const struct runs *runs)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < RUNS_MAX; i++)
        busy += runs->items[i].is_used && runs->items[i].round.state != ROUND_SETTLING;
    return busy < RUNS_BUSY_MAX && runs->count < RUNS_MAX;
}

struct run *runs_add(struct runs *runs)
{
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        struct run *run = &runs->items[i];
        if (run->is_used)
            continue;
        *run = (struct run){.is_used = true};
        runs->count++;
        return run;
    }
    return NULL;
}

uint64_t runs_ask(struct runs *runs, struct run *run, uint8_t part)
{
    waiting_add(&run->waiting, ++runs->asked);
    return runs->asked << 16 | (uint64_t)part << 8 | (uint64_t)(run - runs->items);
}

struct run *runs_take(struct runs *runs, uint64_t id, uint8_t *part)
{
    struct run *run = &runs->items[(uint8_t)id];
    *part = (uint8_t)(id >> 8);
    return run->is_used && waiting_take(&run->waiting, id >> 16) ? run : NULL;
}
