#include "quorum/get.h"

#include "unit/unit.h"

static const struct needs two = {.items = {{7, 2}}, .count = 1};

static const uint8_t order[] = {1, 0, 2}; // owner 1 is the nearest

static struct get asking(struct get_step *step)
{
    struct get get;
    *step = get_start(&get, 3, &two, 7, order);
    return get;
}

static void expect_answer(struct get_step step, enum status status)
{
    assert_true(step.answer && step.ended);
    assert_int_equal(step.status, status);
}

TEST(the_nearest_owner_gives_the_record_and_the_others_a_head)
{
    struct get_step step;
    asking(&step);
    assert_int_equal(step.fetch, 2);
    assert_int_equal(step.head, 1);
}

TEST(owners_that_are_down_are_not_asked)
{
    struct get get;
    struct get_step step = get_start(&get, 3, &two, 5, order);
    assert_int_equal(step.fetch, 1);
    assert_int_equal(step.head, 4);
}

TEST(fewer_than_r_live_owners_are_too_few)
{
    struct get get;
    expect_answer(get_start(&get, 3, &two, 4, order), STATUS_UNAVAILABLE);
}

TEST(r_equal_replies_are_the_answer)
{
    struct get_step step;
    struct get get = asking(&step);
    assert_false(get_on_reply(&get, 0, false).compare);
    assert_true(get_on_reply(&get, 1, true).compare);
    expect_answer(get_on_compared(&get, (struct get_comparison){0}), STATUS_OK);
}

TEST(what_a_head_names_and_no_record_has_is_fetched)
{
    struct get_step step;
    struct get get = asking(&step);
    get_on_reply(&get, 1, true);
    assert_true(get_on_reply(&get, 0, false).compare);
    step = get_on_compared(&get, (struct get_comparison){.ahead = 1});
    assert_int_equal(step.fetch, 1);
    assert_false(step.answer);
    assert_true(get_on_reply(&get, 0, true).compare);
}

TEST(a_failed_owner_is_replaced_by_the_next)
{
    struct get_step step;
    struct get get = asking(&step);
    assert_int_equal(get_on_failed(&get, 0).fetch, 4);
    get_on_reply(&get, 2, true);
    assert_true(get_on_reply(&get, 1, true).compare);
}

TEST(an_owner_that_fails_while_its_record_is_fetched_counts_no_more)
{
    struct get_step step;
    struct get get = asking(&step);
    get_on_reply(&get, 1, true);
    get_on_hedge(&get); // owner 2 is asked too
    get_on_reply(&get, 0, false);
    assert_int_equal(get_on_compared(&get, (struct get_comparison){.ahead = 1}).fetch, 1);
    assert_false(get_on_failed(&get, 0).answer); // one reply is left
    assert_true(get_on_reply(&get, 2, true).compare);
    expect_answer(get_on_compared(&get, (struct get_comparison){0}), STATUS_OK);
}

TEST(too_many_failures_are_unavailable)
{
    struct get_step step;
    struct get get = asking(&step);
    get_on_failed(&get, 0);
    expect_answer(get_on_failed(&get, 1), STATUS_UNAVAILABLE);
}

TEST(heads_alone_are_no_answer)
{
    struct get_step step;
    struct get get = asking(&step);
    get_on_reply(&get, 0, false);
    get_on_failed(&get, 1); // the one asked for the record
    struct get_step next = get_on_reply(&get, 2, false);
    assert_false(next.answer);
    assert_int_not_equal(next.fetch, 0);
}

TEST(a_reply_that_comes_twice_counts_once)
{
    struct get_step step;
    struct get get = asking(&step);
    assert_false(get_on_reply(&get, 1, true).compare);
    assert_false(get_on_reply(&get, 1, true).compare);
}

TEST(a_slow_read_asks_one_more_owner)
{
    struct get_step step;
    struct get get = asking(&step);
    get_on_reply(&get, 1, true);
    assert_int_equal(get_on_hedge(&get).fetch, 4);
    assert_true(get_on_reply(&get, 2, true).compare);
    assert_int_equal(get_on_hedge(&get).fetch, 0); // nobody is left to ask
}

TEST(the_deadline_ends_it_once)
{
    struct get_step step;
    struct get get = asking(&step);
    expect_answer(get_on_deadline(&get), STATUS_TIMEOUT);
    assert_false(get_on_deadline(&get).answer);
    assert_false(get_on_reply(&get, 1, true).answer);
}
