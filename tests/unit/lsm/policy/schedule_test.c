#include "lsm/policy/schedule.h"

#include "unit/unit.h"

static struct schedule schedule;

static int start(void **state)
{
    (void)state;
    schedule = (struct schedule){0};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    schedule_release(&schedule);
    return 0;
}

AROUND_EACH(start, stop)

static void tick(uint64_t now_ms)
{
    schedule_on_tick(&schedule, now_ms, schedule.written);
}

TEST(it_is_idle_a_second_after_the_last_write)
{
    schedule_on_tick(&schedule, 5000, 1);
    assert_false(schedule_is_idle(&schedule));
    tick(5999);
    assert_false(schedule_is_idle(&schedule));
    tick(6000);
    assert_true(schedule_is_idle(&schedule));
    schedule_on_tick(&schedule, 6100, 2);
    assert_false(schedule_is_idle(&schedule));
}

// ---- The budget ------------------------------------------------------------------------

TEST(without_a_rate_merges_write_as_they_can)
{
    schedule_on_written(&schedule, UINT64_C(1) << 40);
    assert_true(schedule_may_write(&schedule));
}

TEST(what_a_step_wrote_beyond_the_budget_is_saved_up_first)
{
    schedule.rate = 1000;
    assert_false(schedule_may_write(&schedule));
    tick(500);
    assert_true(schedule_may_write(&schedule));
    schedule_on_written(&schedule, 1200);
    tick(1100);
    assert_false(schedule_may_write(&schedule)); // 1100 of 1200
    tick(1201);
    assert_true(schedule_may_write(&schedule));
}

TEST(a_budget_is_saved_for_no_longer_than_a_second)
{
    schedule.rate = 1000;
    for (uint64_t now_ms = 0; now_ms <= 10000; now_ms += 200)
        tick(now_ms);
    tick(100000);
    schedule_on_written(&schedule, 999);
    assert_true(schedule_may_write(&schedule));
    schedule_on_written(&schedule, 1);
    assert_false(schedule_may_write(&schedule));
}

// ---- Failures --------------------------------------------------------------------------

TEST(after_a_failure_that_may_pass_merges_rest_for_ten_seconds)
{
    tick(5000);
    assert_true(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_DISK_FULL));
    tick(14999);
    assert_false(schedule_may_begin(&schedule));
    tick(15000);
    assert_true(schedule_may_begin(&schedule));
    assert_true(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_EXHAUSTED));
    assert_false(schedule_may_begin(&schedule));
}

TEST(damage_does_not_pass_and_holds_up_nobody)
{
    assert_false(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_CORRUPT));
    assert_true(schedule_may_begin(&schedule));
}

TEST(a_disk_that_fails_twice_at_one_place_is_damaged)
{
    assert_true(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_IO));
    assert_true(schedule_on_failure(&schedule, bytes_of_text("b"), STATUS_IO));
    assert_true(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_IO));
    assert_false(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_IO));
}

TEST(a_merge_that_went_well_forgets_the_failure_at_its_place)
{
    assert_true(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_IO));
    schedule_on_merged(&schedule, bytes_of_text("b"));
    schedule_on_merged(&schedule, bytes_of_text("a"));
    assert_true(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_IO));
    schedule_on_merged(&schedule, bytes_of_text("b"));
    assert_false(schedule_on_failure(&schedule, bytes_of_text("a"), STATUS_IO));
}

// ---- Age -------------------------------------------------------------------------------

TEST(runs_are_old_after_the_age_and_not_much_later)
{
    enum { AGE_MS = 70000, STEP_MS = 1000 };
    schedule.purge_age_ms = AGE_MS;
    for (uint64_t now_ms = STEP_MS; now_ms < 10 * AGE_MS; now_ms += STEP_MS) {
        tick(now_ms);
        schedule_mark_age(&schedule, now_ms / STEP_MS); // a file each second
        uint64_t newest_ms = schedule.purge_run * STEP_MS;
        assert_true(!newest_ms || newest_ms + AGE_MS <= now_ms);
        assert_true(now_ms < 2 * AGE_MS || newest_ms + AGE_MS + AGE_MS / 3 >= now_ms);
    }
    assert_true(schedule.purge_run > 0);
}

TEST(without_an_age_nothing_is_old)
{
    for (uint64_t now_ms = 0; now_ms < 100000; now_ms += 100) {
        tick(now_ms);
        schedule_mark_age(&schedule, now_ms);
    }
    assert_int_equal(schedule.purge_run, 0);
}

// ---- Rounds ----------------------------------------------------------------------------

static uint64_t round_after(unsigned dead, uint64_t pointing_since, bool is_sound)
{
    struct schedule_values values = {dead, pointing_since, is_sound, .next_file = 100};
    schedule_update_round(&schedule, &values);
    return schedule.value_round;
}

TEST(a_round_begins_when_much_is_dead_and_ends_when_little_is)
{
    schedule_on_tick(&schedule, 5000, 1);
    assert_int_equal(round_after(450, 0, true), 0);
    assert_int_equal(round_after(451, 0, true), 100);
    assert_int_equal(round_after(460, 99, true), 100);
    assert_int_equal(round_after(450, 99, true), 0);
}

TEST(when_nobody_writes_a_round_begins_earlier)
{
    schedule_on_tick(&schedule, 5000, 1);
    tick(6000);
    assert_int_equal(round_after(150, 0, true), 0);
    assert_int_equal(round_after(151, 0, true), 100);
}

TEST(a_round_that_all_took_part_in_is_over_and_the_next_one_begins)
{
    schedule_on_tick(&schedule, 5000, 1);
    assert_int_equal(round_after(500, 0, true), 100);
    schedule.value_round = 90; // as if it had begun earlier
    assert_int_equal(round_after(500, 90, true), 100);
}

TEST(what_damaged_ranges_hold_on_to_begins_no_further_round)
{
    schedule_on_tick(&schedule, 5000, 1);
    assert_int_equal(round_after(500, 0, false), 100);
    assert_int_equal(round_after(500, 100, false), 0);
    assert_int_equal(round_after(950, 100, false), 0);
    assert_int_equal(round_after(951, 100, false), 100);
}
