#include "causal/seen.h"

#include "base/hash.h"
#include "base/xalloc.h"

#include <stdlib.h>

_Static_assert(sizeof(struct interval) == 24, "intervals are hashed as they lie in memory");
_Static_assert(sizeof(struct seen_closed) == 8, "what is closed is hashed as it lies in memory");

enum { PROCESS_END = 1 << 17 };

// Index of the first entry that is not of a smaller process.
static uint32_t position_of(const struct seen *seen, uint32_t process)
{
    uint32_t low = 0, high = seen->closed_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (seen->closed[middle].process < process)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_closed(const struct seen *seen, uint64_t actor)
{
    return seen->closed_count &&
           actor_parse(actor).start <= seen_closed(seen, actor_process(actor));
}

void seen_release(struct seen *seen)
{
    clock_release(&seen->dots);
    free(seen->closed);
    *seen = (struct seen){0};
}

bool seen_has(const struct seen *seen, struct dot dot)
{
    return clock_covers(&seen->dots, dot) || is_closed(seen, dot.actor);
}

bool seen_add(struct seen *seen, struct dot dot)
{
    if (seen_has(seen, dot))
        return false;
    clock_add(&seen->dots, (struct interval){dot.actor, dot.counter, dot.counter});
    return true;
}

uint32_t seen_closed(const struct seen *seen, uint32_t process)
{
    uint32_t at = position_of(seen, process);
    return at < seen->closed_count && seen->closed[at].process == process ? seen->closed[at].start
                                                                          : 0;
}

static void drop_closed(struct seen *seen)
{
    struct clock *dots = &seen->dots;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < dots->count; i++) {
        if (!is_closed(seen, dots->intervals[i].actor))
            dots->intervals[kept++] = dots->intervals[i];
    }
    dots->count = kept;
}

static void set_closed(struct seen *seen, uint32_t process, uint32_t start)
{
    uint32_t at = position_of(seen, process);
    if (at == seen->closed_count || seen->closed[at].process != process) {
        seen->closed = xrealloc(seen->closed, (seen->closed_count + 1) * sizeof *seen->closed);
        memmove(seen->closed + at + 1, seen->closed + at,
                (seen->closed_count - at) * sizeof *seen->closed);
        seen->closed_count++;
        seen->closed[at] = (struct seen_closed){process, 0};
    }
    if (seen->closed[at].start < start)
        seen->closed[at].start = start;
}

void seen_close(struct seen *seen, uint32_t process, uint32_t start)
{
    set_closed(seen, process, start);
    drop_closed(seen);
}

void seen_join(struct seen *into, const struct seen *other)
{
    for (uint32_t i = 0; i < other->closed_count; i++)
        set_closed(into, other->closed[i].process, other->closed[i].start);
    clock_join(&into->dots, &other->dots);
    if (into->closed_count)
        drop_closed(into);
}

uint64_t seen_base(const struct seen *seen, uint64_t actor)
{
    if (is_closed(seen, actor))
        return UINT64_MAX;
    uint32_t i = clock_position(&seen->dots, (struct dot){actor, 1});
    if (i == seen->dots.count)
        return 0;
    const struct interval *first = &seen->dots.intervals[i];
    return first->actor == actor && first->low == 1 ? first->high : 0;
}

uint64_t seen_high(const struct seen *seen, uint64_t actor)
{
    return is_closed(seen, actor) ? UINT64_MAX : clock_high(&seen->dots, actor);
}

uint32_t seen_last_start(const struct seen *seen, uint32_t process)
{
    uint64_t end = actor_last(process, ACTOR_START_MAX);
    uint32_t i = clock_position(&seen->dots, (struct dot){end, UINT64_MAX});
    const struct interval *last = NULL;
    if (i < seen->dots.count && seen->dots.intervals[i].actor == end)
        last = &seen->dots.intervals[i];
    else if (i && actor_process(seen->dots.intervals[i - 1].actor) == process)
        last = &seen->dots.intervals[i - 1];
    uint32_t start = last ? actor_parse(last->actor).start : 0;
    uint32_t closed = seen_closed(seen, process);
    return start > closed ? start : closed;
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
    buf_append_varint(out, seen->closed_count);
    for (uint32_t i = 0; i < seen->closed_count; i++) {
        buf_append_varint(out, seen->closed[i].process);
        buf_append_u32(out, seen->closed[i].start);
    }
    clock_encode(&seen->dots, out);
}

static bool decode_closed(struct seen *seen, struct reader *reader)
{
    uint64_t count = reader_varint(reader), least = 0;
    if (count > reader_left(reader) / 5)
        return false;
    seen->closed = count ? xcalloc(count, sizeof *seen->closed) : NULL;
    seen->closed_count = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t process = reader_varint(reader);
        uint32_t start = reader_u32(reader);
        if (reader->bad || process < least || process >= PROCESS_END || !start ||
            start > ACTOR_START_MAX)
            return false;
        seen->closed[i] = (struct seen_closed){(uint32_t)process, start};
        least = process + 1;
    }
    return true;
}

// Its form is one alone: what is closed is not there a second time.
enum status seen_decode(struct seen *seen, struct reader *reader)
{
    seen_release(seen);
    enum status status = decode_closed(seen, reader) ? STATUS_OK : STATUS_CORRUPT;
    if (!status)
        status = clock_decode(&seen->dots, reader);
    for (uint32_t i = 0; i < seen->dots.count && !status; i++) {
        if (is_closed(seen, seen->dots.intervals[i].actor))
            status = STATUS_CORRUPT;
    }
    if (status)
        seen_release(seen);
    return status;
}

enum status seen_decode_1(struct seen *seen, struct reader *reader)
{
    seen_release(seen);
    return clock_decode(&seen->dots, reader);
}

// A set of dots has one form as intervals, so hashing those hashes the set.
uint64_t seen_hash(const struct seen *seen)
{
    uint64_t hash =
        hash64(bytes_of(seen->dots.intervals, seen->dots.count * sizeof *seen->dots.intervals));
    return hash64_seeded(bytes_of(seen->closed, seen->closed_count * sizeof *seen->closed), hash);
}
