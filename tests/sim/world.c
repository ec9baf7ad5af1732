#include "sim/world.h"

#include "base/hash.h"

#include <stdarg.h>
#include <stdio.h>

void world_init(struct world *world, uint64_t seed, bool verbose)
{
    *world = (struct world){.verbose = verbose};
    random_init(&world->random, seed);
}

void world_release(struct world *world)
{
    events_release(&world->events);
}

void world_run(struct world *world, uint64_t until_us)
{
    struct event event;
    while (!world->failed && events_next(&world->events, until_us, &event)) {
        world->now_us = event.at_us;
        world->event_count++;
        world_trace(world, event.at_us);
        event.fire(event.self, &event);
        buf_release(&event.bytes);
    }
    world->now_us = until_us;
}

void world_plan(struct world *world, uint64_t delay_us, void (*fire)(void *, struct event *),
                void *self, uint64_t a, uint64_t b)
{
    struct event event = {
        .at_us = world->now_us + delay_us, .fire = fire, .self = self, .a = a, .b = b};
    events_add_take(&world->events, &event);
}

uint64_t world_below(struct world *world, uint64_t limit)
{
    return random_below(&world->random, limit);
}

uint64_t world_between(struct world *world, uint64_t low, uint64_t high)
{
    return low + random_below(&world->random, high - low + 1);
}

bool world_chance(struct world *world, uint64_t per_mille)
{
    return random_below(&world->random, 1000) < per_mille;
}

void world_trace(struct world *world, uint64_t number)
{
    world->trace = hash_mix(world->trace, number);
}

void world_trace_bytes(struct world *world, struct bytes bytes)
{
    world_trace(world, hash64(bytes));
}

void world_note(struct world *world, const char *format, ...)
{
    if (!world->verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("# %9.3f ms  ", (double)world->now_us / WORLD_MS);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void world_fail(struct world *world, const char *format, ...)
{
    if (world->failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    int size = snprintf(world->reason, sizeof world->reason,
                        "at %.3f ms: ", (double)world->now_us / WORLD_MS);
    vsnprintf(world->reason + size, sizeof world->reason - (size_t)size, format, arguments);
    va_end(arguments);
    world->failed = true;
    world_note(world, "FAILED: %s", world->reason);
}
