// notation.h - records and seen-clocks as text, and processes that hold them.
//
//     record   "a1-3,b2 | a3 b2!"    its clock, and its siblings: ! is a tombstone, ~ has expired
//     seen     "a1-3,b2"             actors are letters, each a store of its own
//
// Values are not written down: each is named by its dot. "" is nothing.
#pragma once

#include "unit/replica/process.h"

#include "replica/reconcile.h"
#include "replica/strip.h"

#include <stdio.h>
#include <stdlib.h>

static inline uint64_t actor_of(char letter)
{
    return actor_make((struct actor){.node = (uint16_t)(letter - 'a' + 1), .start = 1});
}

// Reads "a1-3"; the rest of the text.
static inline const char *read_interval(const char *text, struct interval *interval)
{
    char *end;
    interval->actor = actor_of(*text);
    interval->low = interval->high = strtoull(text + 1, &end, 10);
    if (*end == '-')
        interval->high = strtoull(end + 1, &end, 10);
    assert_true(interval->low >= 1 && interval->high >= interval->low);
    return end;
}

static inline const char *read_clock(const char *text, struct clock *clock)
{
    clock_clear(clock);
    while (*text && *text != '|') {
        struct interval interval;
        text = read_interval(text, &interval);
        clock_add(clock, interval);
        while (*text == ',' || *text == ' ')
            text++;
    }
    return *text ? text + 1 : text;
}

static inline void read_seen(const char *text, struct seen *seen)
{
    seen_clear(seen);
    read_clock(text, &seen->dots);
}

// By joining records of one sibling each.
static inline void read_record(const char *text, struct record *record)
{
    struct clock clock = {0};
    record_clear(record);
    text = read_clock(text, &clock);
    while (*(text += strspn(text, " "))) {
        struct record one = {0};
        struct interval interval;
        text = read_interval(text, &interval);
        struct record_write write = {
            .dot = {interval.actor, interval.low},
            .flags = *text == '!' ? SIBLING_TOMBSTONE : 0,
            .expires_ms = *text == '~' ? 1000 : 0,
            .keep_siblings = true,
        };
        text += strspn(text, "!~");
        record_update(&one, &write, false);
        record_join(record, &one);
        record_release(&one);
    }
    clock_join(&record->clock, &clock);
    clock_release(&clock);
}

static inline const char *say_clock(const struct clock *clock)
{
    static char text[1000];
    size_t size = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < clock->count; i++) {
        const struct interval *one = &clock->intervals[i];
        int letter = 'a' + actor_parse(one->actor).node - 1;
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%c%d", i ? "," : "", letter,
                                 (int)one->low);
        if (one->high > one->low)
            size += (size_t)snprintf(text + size, sizeof text - size, "-%d", (int)one->high);
    }
    return text;
}

static inline const char *say(const struct process *process)
{
    static char text[2000];
    const struct record *record = &process->held;
    if (record_is_empty(record))
        return "";
    size_t size = (size_t)snprintf(text, sizeof text, "%s |", say_clock(&record->clock));
    for (uint32_t i = 0; i < record->count; i++) {
        const struct sibling *one = &record->siblings[i];
        size += (size_t)snprintf(text + size, sizeof text - size, " %c%d%s",
                                 'a' + actor_parse(one->dot.actor).node - 1, (int)one->dot.counter,
                                 one->flags & SIBLING_TOMBSTONE ? "!"
                                 : one->expires_ms              ? "~"
                                                                : "");
    }
    return text;
}

#define assert_holds(process, text) assert_string_equal(say(process), text)

static inline void encode_text(const char *text, struct buf *out)
{
    struct record record = {0};
    read_record(text, &record);
    buf_clear(out);
    record_encode(&record, KEY, out);
    record_release(&record);
}

// What a process has, as if it had always had it.
static inline void give(struct process *process, const char *record, const char *seen,
                        const char *horizon)
{
    struct buf encoded = {0};
    struct leaf_delta nothing = {0};
    record_clear(&process->held);
    process->leaves = nothing;
    process->replica.encoded = (struct bytes){0};
    if (*record) {
        encode_text(record, &encoded);
        buf_set(&process->encoded, buf_bytes(&encoded));
        process->replica.encoded = buf_bytes(&process->encoded);
        assert_int_equal(record_decode(&process->held, KEY, process->replica.encoded), STATUS_OK);
        leaf_delta_add(&process->leaves, &process->held, process->replica.key_hash);
    }
    read_seen(seen, &process->seen);
    read_seen(horizon, &process->horizon);
    buf_release(&encoded);
}

static inline void raise_horizon(struct process *process, const char *horizon)
{
    struct seen seen = {0};
    read_seen(horizon, &seen);
    seen_join(&process->horizon, &seen);
    seen_release(&seen);
}

// A loss marker: what is left of the record, S := G, lost.
static inline void lose(struct process *process, const char *record)
{
    struct seen horizon = {0};
    seen_copy(&horizon, &process->horizon);
    give(process, record, "", "");
    seen_copy(&process->seen, &horizon);
    seen_copy(&process->horizon, &horizon);
    seen_release(&horizon);
    process->replica.is_lost = true;
}

// Joins a record, which a hint gives for more dots than it shows (NULL: it is none).
static inline void merge(struct process *process, const char *record, const char *dots)
{
    struct buf encoded = {0};
    struct clock clock = {0};
    encode_text(record, &encoded);
    if (dots)
        read_clock(dots, &clock);
    struct join join = {.record = buf_bytes(&encoded), .dots = dots ? &clock : NULL};
    assert_int_equal(process_join(process, &join), STATUS_OK);
    buf_release(&encoded);
    clock_release(&clock);
}

static inline bool strip(struct process *process)
{
    uint64_t expires_ms = UINT64_MAX;
    process->status = STATUS_OK;
    bool is_changed = strip_record(&process->replica, &process->change, &expires_ms);
    if (is_changed)
        process_write(process);
    return is_changed;
}

// A round in which one process pulls from another.
struct round {
    struct process *by;
    struct seen seen, horizon; // of the opening
    bool is_lost;
    struct buf record; // in hand
    struct resolution resolution;
};

// Takes the opening, and the other's record.
static inline void begin_round(struct round *round, struct process *by, const struct process *from)
{
    *round = (struct round){.by = by, .is_lost = from->replica.is_lost};
    seen_copy(&round->seen, &from->seen);
    seen_copy(&round->horizon, &from->horizon);
    buf_set(&round->record, from->replica.encoded);
}

// Applies the record. The process that adopts does so if nothing was left out.
static inline void end_round(struct round *round, bool adopts)
{
    struct process *by = round->by;
    struct reconcile theirs = {.record = buf_bytes(&round->record),
                               .seen = &round->seen,
                               .horizon = &round->horizon,
                               .is_lost = round->is_lost};
    by->status = reconcile_record(&by->replica, &theirs, &by->change, &round->resolution);
    assert_int_equal(by->status, STATUS_OK);
    process_write(by);
    if (adopts && !round->resolution.is_left_out)
        seen_join(&by->seen, &round->seen);
}

static inline void round_release(struct round *round)
{
    seen_release(&round->seen);
    seen_release(&round->horizon);
    buf_release(&round->record);
    resolution_release(&round->resolution);
}

// True if all was decided; adopts then.
static inline bool pull(struct process *by, const struct process *from)
{
    struct round round;
    begin_round(&round, by, from);
    end_round(&round, true);
    bool is_complete = !round.resolution.is_left_out;
    round_release(&round);
    return is_complete;
}
