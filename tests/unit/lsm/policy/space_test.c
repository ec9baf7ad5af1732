#include "lsm/policy/space.h"

#include "unit/unit.h"

TEST(what_may_return_is_room_or_a_descriptor)
{
    assert_true(space_may_return(STATUS_DISK_FULL));
    assert_true(space_may_return(STATUS_EXHAUSTED));
    assert_false(space_may_return(STATUS_IO));
    assert_false(space_may_return(STATUS_CORRUPT));
    assert_false(space_may_return(STATUS_OK));
}

TEST(a_full_disk_is_tried_again_after_a_second)
{
    struct space space = {0};
    space_on_failure(&space, STATUS_DISK_FULL, 5000);
    assert_true(space.is_full && space.is_waiting);
    space_on_tick(&space, 5999);
    assert_true(space.is_waiting);
    space_on_tick(&space, 6000);
    assert_true(space.is_full && !space.is_waiting);
}

TEST(without_descriptors_all_wait_but_the_disk_is_not_full)
{
    struct space space = {0};
    space_on_failure(&space, STATUS_EXHAUSTED, 5000);
    assert_true(!space.is_full && space.is_waiting);
}

TEST(what_was_written_tells_of_room_unless_someone_still_waits)
{
    struct space space = {.is_full = true};
    space_on_written(&space, true);
    assert_true(space.is_full);
    space_on_written(&space, false);
    assert_false(space.is_full);
    space_on_written(&space, true);
    assert_false(space.is_full);
}

TEST(a_segment_that_found_no_room_is_left_for_ten_seconds)
{
    struct space space = {0};
    space_on_segment(&space, STATUS_DISK_FULL, 5000);
    assert_true(space.is_frugal && !space.is_full && !space.is_waiting);
    space_on_tick(&space, 14999);
    assert_true(space.is_frugal);
    space_on_tick(&space, 15000);
    assert_false(space.is_frugal);
    space_on_segment(&space, STATUS_DISK_FULL, 16000);
    space_on_segment(&space, STATUS_OK, 16001);
    assert_false(space.is_frugal);
}
