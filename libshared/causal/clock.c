#include "causal/clock.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum { INTERVAL_ENCODED_SIZE_MIN = 8 + 1 + 1 };

static void reserve(struct clock *clock, size_t count)
{
    if (count <= clock->capacity)
        return;
    size_t capacity = clock->capacity ? 2 * (size_t)clock->capacity : 4;
    if (capacity < count)
        capacity = count;
    assert(capacity <= UINT32_MAX);
    clock->intervals = xrealloc(clock->intervals, capacity * sizeof *clock->intervals);
    clock->capacity = (uint32_t)capacity;
}

// `first` ends before `second` begins, and there is a hole between them.
static bool is_apart(const struct interval *first, const struct interval *second)
{
    if (first->actor != second->actor)
        return first->actor < second->actor;
    return first->high < second->low && second->low - first->high > 1;
}

static bool is_within(const struct interval *inner, const struct interval *outer)
{
    return inner->actor == outer->actor && outer->low <= inner->low && inner->high <= outer->high;
}

// Appends an interval that begins after the last one began; they become one if they touch.
static void append(struct clock *clock, const struct interval *interval)
{
    struct interval *last = clock->count ? &clock->intervals[clock->count - 1] : NULL;
    if (!last || is_apart(last, interval))
        clock->intervals[clock->count++] = *interval;
    else if (interval->high > last->high)
        last->high = interval->high;
}

void clock_release(struct clock *clock)
{
    free(clock->intervals);
    *clock = (struct clock){0};
}

void clock_clear(struct clock *clock)
{
    clock->count = 0;
}

void clock_copy(struct clock *to, const struct clock *from)
{
    if (to == from)
        return;
    reserve(to, from->count);
    to->count = from->count;
    if (from->count)
        memcpy(to->intervals, from->intervals, from->count * sizeof *from->intervals);
}

uint32_t clock_position(const struct clock *clock, struct dot dot)
{
    uint32_t low = 0, high = clock->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct interval *interval = &clock->intervals[middle];
        if (dot_compare((struct dot){interval->actor, interval->high}, dot) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t clock_high(const struct clock *clock, uint64_t actor)
{
    uint32_t i = clock_position(clock, (struct dot){actor, UINT64_MAX});
    if (i < clock->count && clock->intervals[i].actor == actor)
        return clock->intervals[i].high;
    return i > 0 && clock->intervals[i - 1].actor == actor ? clock->intervals[i - 1].high : 0;
}

bool clock_covers(const struct clock *clock, struct dot dot)
{
    uint32_t i = clock_position(clock, dot);
    return i < clock->count && clock->intervals[i].actor == dot.actor &&
           clock->intervals[i].low <= dot.counter;
}

// Intervals touch nowhere, so an included one lies within exactly one of ours.
bool clock_includes(const struct clock *clock, const struct clock *other)
{
    uint32_t ours = 0;
    for (uint32_t i = 0; i < other->count; i++) {
        const struct interval *wanted = &other->intervals[i];
        while (ours < clock->count && is_apart(&clock->intervals[ours], wanted))
            ours++;
        if (ours == clock->count || !is_within(wanted, &clock->intervals[ours]))
            return false;
    }
    return true;
}

bool clock_equal(const struct clock *a, const struct clock *b)
{
    return a->count == b->count && (a->count == 0 || memcmp(a->intervals, b->intervals,
                                                            a->count * sizeof *a->intervals) == 0);
}

void clock_add(struct clock *clock, struct interval interval)
{
    assert(1 <= interval.low && interval.low <= interval.high);
    // Those from `first` up to `after` touch the new interval, and it takes their place.
    uint32_t first = clock_position(clock, (struct dot){interval.actor, interval.low - 1});
    uint32_t after = first;
    for (; after < clock->count && !is_apart(&interval, &clock->intervals[after]); after++) {
        const struct interval *touched = &clock->intervals[after];
        if (touched->low < interval.low)
            interval.low = touched->low;
        if (touched->high > interval.high)
            interval.high = touched->high;
    }
    reserve(clock, (size_t)clock->count + 1);
    if (after != first + 1)
        memmove(&clock->intervals[first + 1], &clock->intervals[after],
                (clock->count - after) * sizeof *clock->intervals);
    clock->intervals[first] = interval;
    clock->count = clock->count + 1 - (after - first);
}

void clock_remove(struct clock *clock, struct dot dot)
{
    if (!clock_covers(clock, dot))
        return;
    uint32_t i = clock_position(clock, dot);
    struct interval whole = clock->intervals[i];
    memmove(&clock->intervals[i], &clock->intervals[i + 1],
            (clock->count - i - 1) * sizeof *clock->intervals);
    clock->count--;
    if (whole.low < dot.counter)
        clock_add(clock, (struct interval){dot.actor, whole.low, dot.counter - 1});
    if (dot.counter < whole.high)
        clock_add(clock, (struct interval){dot.actor, dot.counter + 1, whole.high});
}

// A merge in place: ours move to the end of the array, and the result grows from its
// beginning. It never overtakes what is still to be read.
void clock_join(struct clock *into, const struct clock *other)
{
    if (clock_includes(into, other))
        return;
    uint32_t ours = other->count, end = into->count + other->count;
    reserve(into, (size_t)into->count + other->count);
    if (into->count)
        memmove(&into->intervals[ours], into->intervals, into->count * sizeof *into->intervals);
    into->count = 0;
    for (uint32_t theirs = 0; theirs < other->count || ours < end;) {
        const struct interval *a = &into->intervals[ours], *b = &other->intervals[theirs];
        bool is_ours = theirs == other->count ||
                       (ours < end && dot_compare((struct dot){a->actor, a->low},
                                                  (struct dot){b->actor, b->low}) <= 0);
        struct interval next = is_ours ? into->intervals[ours++] : other->intervals[theirs++];
        append(into, &next);
    }
}

void clock_mint(struct clock *clock, struct dot dot, bool held)
{
    struct interval interval = {dot.actor, dot.counter, dot.counter};
    uint32_t after = clock_position(clock, dot);
    if (held && after > 0 && clock->intervals[after - 1].actor == dot.actor)
        interval.low = clock->intervals[after - 1].low;
    clock_add(clock, interval);
}

void clock_encode(const struct clock *clock, struct buf *out)
{
    buf_append_varint(out, clock->count);
    for (uint32_t i = 0; i < clock->count; i++) {
        const struct interval *interval = &clock->intervals[i];
        buf_append_u64(out, interval->actor);
        buf_append_varint(out, interval->low);
        buf_append_varint(out, interval->high - interval->low);
    }
}

enum status clock_decode(struct clock *clock, struct reader *reader)
{
    clock->count = 0;
    uint64_t count = reader_varint(reader);
    if (reader->bad || count > reader_left(reader) / INTERVAL_ENCODED_SIZE_MIN)
        return STATUS_CORRUPT;
    reserve(clock, count);
    for (uint32_t i = 0; i < count; i++) {
        struct interval *interval = &clock->intervals[i];
        interval->actor = reader_u64(reader);
        interval->low = reader_varint(reader);
        uint64_t width = reader_varint(reader);
        interval->high = interval->low + width;
        if (reader->bad || interval->low == 0 || interval->high < width ||
            (i > 0 && !is_apart(interval - 1, interval)))
            return STATUS_CORRUPT;
    }
    clock->count = (uint32_t)count;
    return STATUS_OK;
}
