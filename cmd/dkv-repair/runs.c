#include "dkv-repair/runs.h"

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
        *run = (struct run){.is_used = true, .generation = run->generation + 1};
        runs->count++;
        return run;
    }
    return NULL;
}

uint64_t runs_id(const struct runs *runs, const struct run *run, uint8_t part)
{
    return (uint64_t)run->generation << 24 | (uint64_t)part << 16 | (uint64_t)(run - runs->items);
}

struct run *runs_find(struct runs *runs, uint64_t id, uint8_t *part)
{
    unsigned index = (unsigned)(id & 0xffff);
    struct run *run = index < RUNS_MAX ? &runs->items[index] : NULL;
    *part = (uint8_t)(id >> 16);
    return run && run->is_used && run->generation == (uint32_t)(id >> 24) ? run : NULL;
}
