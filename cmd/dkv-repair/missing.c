#include "dkv-repair/missing.h"

#include "causal/seen.h"

// Of one interval: those that no interval of the clock covers.
static uint64_t missing_of(const struct clock *clock, struct interval interval)
{
    uint64_t next = interval.low, missing = 0;
    uint32_t i = clock_position(clock, (struct dot){interval.actor, interval.low});
    for (; i < clock->count && clock->intervals[i].actor == interval.actor; i++) {
        const struct interval *covered = &clock->intervals[i];
        if (covered->low > interval.high)
            break;
        missing += covered->low > next ? covered->low - next : 0;
        next = covered->high + 1;
    }
    return next <= interval.high ? missing + (interval.high - next + 1) : missing;
}

static bool is_closed(const struct seen *seen, uint64_t actor)
{
    return actor_parse(actor).start <= seen_closed(seen, actor_process(actor));
}

uint64_t missing_dots(struct bytes ours, struct bytes theirs)
{
    struct seen our_seen = {0}, their_seen = {0};
    struct reader our_reader = reader_of(ours), their_reader = reader_of(theirs);
    uint64_t missing = 0;
    if (!seen_decode(&our_seen, &our_reader) && !seen_decode(&their_seen, &their_reader)) {
        for (uint32_t i = 0; i < their_seen.dots.count; i++) {
            struct interval interval = their_seen.dots.intervals[i];
            if (!is_closed(&our_seen, interval.actor))
                missing += missing_of(&our_seen.dots, interval);
        }
    }
    seen_release(&our_seen);
    seen_release(&their_seen);
    return missing;
}
