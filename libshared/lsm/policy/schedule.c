#include "lsm/policy/schedule.h"

#include "lsm/policy/space.h"

enum {
    IDLE_MS = 1000,
    RETRY_MS = 10000,
    DEAD_MAX = 450,      // permille of all large values, while writes come in ...
    DEAD_IDLE_MAX = 150, // ... and when nobody writes
};

void schedule_release(struct schedule *schedule)
{
    buf_release(&schedule->failed);
}

// Steps are large: bytes that one wrote beyond the budget are saved up for first.
static void renew_budget(struct schedule *schedule, uint64_t passed_ms)
{
    int64_t rate = (int64_t)schedule->rate;
    schedule->budget += rate * (int64_t)(passed_ms < 1000 ? passed_ms : 1000) / 1000;
    if (schedule->budget > rate)
        schedule->budget = rate;
}

void schedule_on_tick(struct schedule *schedule, uint64_t now_ms, uint64_t written)
{
    uint64_t passed_ms = now_ms - schedule->now_ms;
    schedule->now_ms = now_ms;
    if (written != schedule->written)
        schedule->written_ms = now_ms;
    schedule->written = written;
    renew_budget(schedule, passed_ms);
}

void schedule_mark_age(struct schedule *schedule, uint64_t next_file)
{
    struct schedule_mark *marks = schedule->marks;
    const struct schedule_mark *oldest = &marks[SCHEDULE_MARK_COUNT - 1];
    uint64_t now_ms = schedule->now_ms;
    if (!schedule->purge_age_ms ||
        (marks[0].ms && now_ms - marks[0].ms < schedule->purge_age_ms / (SCHEDULE_MARK_COUNT - 1)))
        return;
    if (oldest->ms)
        schedule->purge_run = oldest->file;
    memmove(marks + 1, marks, (SCHEDULE_MARK_COUNT - 1) * sizeof *marks);
    marks[0] = (struct schedule_mark){.ms = now_ms ? now_ms : 1, .file = next_file};
}

bool schedule_is_idle(const struct schedule *schedule)
{
    return schedule->now_ms - schedule->written_ms >= IDLE_MS;
}

bool schedule_may_begin(const struct schedule *schedule)
{
    return schedule->now_ms >= schedule->retry_ms;
}

bool schedule_may_write(const struct schedule *schedule)
{
    return !schedule->rate || schedule->budget > 0;
}

void schedule_on_written(struct schedule *schedule, uint64_t size)
{
    schedule->budget -= (int64_t)size;
}

static bool is_where_failed(const struct schedule *schedule, struct bytes begin)
{
    return schedule->has_failed && bytes_equal(buf_bytes(&schedule->failed), begin);
}

void schedule_on_merged(struct schedule *schedule, struct bytes begin)
{
    if (is_where_failed(schedule, begin))
        schedule->has_failed = false; // it has passed
}

bool schedule_on_failure(struct schedule *schedule, struct bytes begin, enum status status)
{
    bool may_pass = space_may_return(status);
    if (status == STATUS_IO) {
        may_pass = !is_where_failed(schedule, begin);
        schedule->has_failed = may_pass;
        buf_set(&schedule->failed, begin);
    }
    if (may_pass)
        schedule->retry_ms = schedule->now_ms + RETRY_MS;
    return may_pass;
}

void schedule_update_round(struct schedule *schedule, const struct schedule_values *values)
{
    unsigned dead = values->dead, max = schedule_is_idle(schedule) ? DEAD_IDLE_MAX : DEAD_MAX;
    bool has_ended = schedule->value_round && values->pointing_since >= schedule->value_round;
    // Damaged ranges hold on to theirs, so the same again would win nothing.
    if (has_ended)
        schedule->dead_rest = values->is_sound ? 0 : dead;
    if (dead < schedule->dead_rest)
        schedule->dead_rest = dead;
    if (has_ended || dead <= max)
        schedule->value_round = 0;
    if (!schedule->value_round && dead > max + schedule->dead_rest)
        schedule->value_round = values->next_file;
}
