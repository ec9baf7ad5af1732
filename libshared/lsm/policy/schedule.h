// schedule.h - when merges may begin, and what they look for.
//
//   idle     Without a write for a second, merges that only save space are done too.
//   budget   Bytes that merges may write in a second. A step may overdraw it; then they wait.
//   failure  After one that may pass merges rest for a while. One that fails a second time at the
//            same place is damage, so that it does not hold up all others.
//   age      Which runs are so old that their tombstones are merged away.
//   round    When much of the files with large values is dead, each range that points there merges
//            once, and copies on the values left in them (compaction.h).
//
// Pure: values go in, decisions come out. It knows no version, no file and no clock.
#pragma once

#include "base/buf.h"
#include "base/status.h"

enum {
    SCHEDULE_MARK_COUNT = 8,
};

// Zero-filled but for the first two.
struct schedule {
    uint64_t rate;         // bytes that merges may write in a second; 0: as they can
    uint64_t purge_age_ms; // of tombstones; 0: there is none

    uint64_t now_ms;     // of the last tick
    uint64_t written;    // at that tick ...
    uint64_t written_ms; // ... and since when

    int64_t budget; // bytes

    uint64_t retry_ms;
    struct buf failed; // where the merge began that failed last in a way that may pass
    bool has_failed;

    struct schedule_mark {
        uint64_t ms, file;
    } marks[SCHEDULE_MARK_COUNT]; // what the next file was when, newest first
    uint64_t purge_run;           // runs before this one are old

    uint64_t value_round; // the next file when it began, 0: none
    unsigned dead_rest;   // permille of dead values that the last round could not win back
};

void schedule_release(struct schedule *schedule);

// `written` counts all writes ever.
void schedule_on_tick(struct schedule *schedule, uint64_t now_ms, uint64_t written);

// Notes what number the next file has at this tick.
void schedule_mark_age(struct schedule *schedule, uint64_t next_file);

bool schedule_is_idle(const struct schedule *schedule);
bool schedule_may_begin(const struct schedule *schedule);
bool schedule_may_write(const struct schedule *schedule);

// A merge has written `size` bytes more, ...
void schedule_on_written(struct schedule *schedule, uint64_t size);

// ... the one that began at this key is done, ...
void schedule_on_merged(struct schedule *schedule, struct bytes begin);

// ... or has failed so. Whether that may be over when the same is tried again: no room, no
// descriptors, a disk that did not answer. Then merges rest.
bool schedule_on_failure(struct schedule *schedule, struct bytes begin, enum status status);

// The facts that decide on a round; while there is none, the second and the third are of no
// account.
struct schedule_values {
    unsigned dead;           // permille of all large values that merges could win back
    uint64_t pointing_since; // the oldest bottom that points to some (compaction.h)
    bool is_sound;           // no range is damaged: those hold on to theirs
    uint64_t next_file;
};

// Begins and ends the rounds.
void schedule_update_round(struct schedule *schedule, const struct schedule_values *values);
