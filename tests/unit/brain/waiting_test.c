// Requests that wait for their replies.
#include "dkv-repair/waiting.h"

#include "unit/unit.h"

TEST(a_reply_counts_once)
{
    struct waiting waiting = {0};
    waiting_add(&waiting, 7);
    waiting_add(&waiting, 8);
    assert_true(waiting_take(&waiting, 7));
    assert_false(waiting_take(&waiting, 7));
    assert_true(waiting_take(&waiting, 8));
}

TEST(what_nobody_asked_for_is_no_reply)
{
    struct waiting waiting = {0};
    assert_false(waiting_take(&waiting, 0));
    assert_false(waiting_take(&waiting, 3));
}

TEST(the_oldest_is_forgotten_when_there_are_too_many)
{
    struct waiting waiting = {0};
    for (uint64_t number = 1; number <= WAITING_MAX + 2; number++)
        waiting_add(&waiting, number);
    assert_false(waiting_take(&waiting, 1));
    assert_false(waiting_take(&waiting, 2));
    for (uint64_t number = 3; number <= WAITING_MAX + 2; number++)
        assert_true(waiting_take(&waiting, number));
}
