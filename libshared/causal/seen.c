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

void seen_clear(struct seen *seen)
{
    clock_clear(&seen->dots);
    seen->closed_count = 0;
}

static void copy_closed(struct seen *to, const struct seen *from)
{
    if (to->closed_count < from->closed_count)
        to->closed = xrealloc(to->closed, from->closed_count * sizeof *to->closed);
    to->closed_count = from->closed_count;
    if (from->closed_count)
        memcpy(to->closed, from->closed, from->closed_count * sizeof *to->closed);
}

void seen_copy(struct seen *to, const struct seen *from)
{
    if (to == from)
        return;
    clock_copy(&to->dots, &from->dots);
    copy_closed(to, from);
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

// ---- What is contiguous ------------------------------------------------------------------

static bool is_base(const struct interval *interval)
{
    return interval->low == 1;
}

void seen_contiguous(struct seen *to, const struct seen *from)
{
    seen_copy(to, from);
    struct clock *dots = &to->dots;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < dots->count; i++) {
        if (is_base(&dots->intervals[i]))
            dots->intervals[kept++] = dots->intervals[i];
    }
    dots->count = kept;
}

static void meet_closed(struct seen *into, const struct seen *other)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < into->closed_count; i++) {
        struct seen_closed closed = into->closed[i];
        uint32_t start = seen_closed(other, closed.process);
        closed.start = start < closed.start ? start : closed.start;
        if (closed.start)
            into->closed[kept++] = closed;
    }
    into->closed_count = kept;
}

// Of an actor whose start one has closed, the base of the other one counts.
void seen_meet(struct seen *into, const struct seen *other)
{
    struct clock met = {0};
    for (uint32_t i = 0; i < into->dots.count; i++) {
        struct interval base = into->dots.intervals[i];
        uint64_t theirs = seen_base(other, base.actor);
        base.high = theirs < base.high ? theirs : base.high;
        if (base.high)
            clock_add(&met, base);
    }
    for (uint32_t i = 0; i < other->dots.count; i++) {
        const struct interval *base = &other->dots.intervals[i];
        if (is_base(base) && is_closed(into, base->actor))
            clock_add(&met, *base);
    }
    clock_release(&into->dots);
    into->dots = met;
    meet_closed(into, other);
}

bool seen_includes(const struct seen *seen, const struct seen *horizon)
{
    for (uint32_t i = 0; i < horizon->closed_count; i++) {
        if (seen_closed(seen, horizon->closed[i].process) < horizon->closed[i].start)
            return false;
    }
    return seen_base_covers(seen, &horizon->dots);
}

// True if `other` knows every dot of `seen` that lies between two actors.
static bool has_between(const struct seen *other, const struct seen *seen, uint64_t first,
                        uint64_t last)
{
    const struct clock *dots = &seen->dots;
    for (uint32_t i = clock_position(dots, (struct dot){first, 0});
         i < dots->count && dots->intervals[i].actor <= last; i++) {
        struct clock one = {.intervals = &dots->intervals[i], .count = 1};
        if (!clock_includes(&other->dots, &one))
            return false;
    }
    return true;
}

bool seen_same_starts(const struct seen *a, const struct seen *b, uint32_t process, uint32_t start)
{
    uint32_t from = seen_closed(a, process), other = seen_closed(b, process);
    from = other > from ? other : from;
    if (from >= start)
        return true;
    uint64_t first = actor_first(process, from + 1), last = actor_last(process, start);
    return has_between(a, b, first, last) && has_between(b, a, first, last);
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
