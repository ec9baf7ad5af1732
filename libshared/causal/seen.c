#include "causal/seen.h"

#include "base/hash.h"

_Static_assert(sizeof(struct interval) == 24, "intervals are hashed as they lie in memory");

void seen_release(struct seen *seen)
{
    clock_release(&seen->dots);
}

bool seen_has(const struct seen *seen, struct dot dot)
{
    return clock_covers(&seen->dots, dot);
}

bool seen_add(struct seen *seen, struct dot dot)
{
    if (seen_has(seen, dot))
        return false;
    clock_add(&seen->dots, (struct interval){dot.actor, dot.counter, dot.counter});
    return true;
}

void seen_join(struct seen *into, const struct seen *other)
{
    clock_join(&into->dots, &other->dots);
}

uint64_t seen_base(const struct seen *seen, uint64_t actor)
{
    uint32_t i = clock_position(&seen->dots, (struct dot){actor, 1});
    if (i == seen->dots.count)
        return 0;
    const struct interval *first = &seen->dots.intervals[i];
    return first->actor == actor && first->low == 1 ? first->high : 0;
}

uint64_t seen_high(const struct seen *seen, uint64_t actor)
{
    return clock_high(&seen->dots, actor);
}

bool seen_base_covers(const struct seen *seen, const struct clock *clock)
{
    for (uint32_t i = 0; i < clock->count; i++)
        if (clock->intervals[i].high > seen_base(seen, clock->intervals[i].actor))
            return false;
    return true;
}

void seen_encode(const struct seen *seen, struct buf *out)
{
    clock_encode(&seen->dots, out);
}

enum status seen_decode(struct seen *seen, struct reader *reader)
{
    return clock_decode(&seen->dots, reader);
}

// A set of dots has one form as intervals, so hashing those hashes the set.
uint64_t seen_hash(const struct seen *seen)
{
    return hash64(bytes_of(seen->dots.intervals, seen->dots.count * sizeof *seen->dots.intervals));
}
