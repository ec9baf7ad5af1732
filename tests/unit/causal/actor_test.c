#include "causal/actor.h"

#include "base/random.h"
#include "unit/unit.h"

TEST(an_actor_says_whose_it_is)
{
    struct random random;
    random_init(&random, 1);
    for (unsigned i = 0; i < 1000; i++) {
        struct actor actor = {
            .node = (uint16_t)random_u64(&random),
            .kind = random_below(&random, 2) ? ACTOR_HINTD : ACTOR_STORE,
            .start = (uint32_t)random_below(&random, ACTOR_START_MAX) + 1,
            .random = (uint16_t)random_u64(&random),
        };
        uint64_t bits = actor_make(actor);
        struct actor back = actor_parse(bits);
        assert_true(back.node == actor.node && back.kind == actor.kind);
        assert_true(back.start == actor.start && back.random == actor.random);
        assert_true(actor_parse(bits).node == bits >> 48);
        uint32_t process = actor_process(bits);
        assert_true(actor_first(process, actor.start) <= bits);
        assert_true(actor_last(process, actor.start) >= bits);
        assert_true(actor_last(process, actor.start) < actor_first(process, actor.start) + 65536);
    }
}

TEST(of_two_actors_of_one_process_the_greater_is_younger)
{
    struct actor old = {.node = 3, .start = 1000, .random = UINT16_MAX};
    struct actor young = {.node = 3, .start = 1001, .random = 0};
    assert_true(actor_make(old) < actor_make(young));
    assert_int_equal(actor_process(actor_make(old)), actor_process(actor_make(young)));
    struct actor hintd = {.node = 3, .kind = ACTOR_HINTD, .start = 1};
    assert_int_not_equal(actor_process(actor_make(old)), actor_process(actor_make(hintd)));
}

TEST(a_start_is_now_or_above_all_that_are_known)
{
    assert_int_equal(actor_start_after(1577836800000, 0), 1);
    assert_int_equal(actor_start_after(1577836803999, 0), 3);
    assert_int_equal(actor_start_after(1577836803999, 2), 3);
    assert_int_equal(actor_start_after(1577836803999, 3), 4);
    assert_int_equal(actor_start_after(0, 0), 1); // a clock that was never set
    assert_int_equal(actor_start_after(0, 500), 501);
    assert_int_equal(actor_start_after(UINT64_MAX, 0), ACTOR_START_MAX);
    assert_int_equal(actor_start_after(0, ACTOR_START_MAX - 1), ACTOR_START_MAX);
    assert_int_equal(actor_start_after(0, ACTOR_START_MAX), 0);
}
