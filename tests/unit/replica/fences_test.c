#include "replica/fences.h"

#include "unit/unit.h"

static struct request_id request_of(uint32_t number)
{
    struct request_id request = {{1}};
    memcpy(request.bytes + 8, &number, sizeof number);
    return request;
}

TEST(without_a_fence_any_try_may_mint)
{
    struct fences fences = {0};
    struct request_id request = request_of(1);
    assert_true(fences_allow(&fences, &request, 5));
}

TEST(a_fence_lets_its_own_try_through_and_the_last_one_counts)
{
    struct fences fences = {0};
    struct request_id request = request_of(1), other = request_of(2);
    assert_true(fences_put(&fences, &request, 5, 1000));
    assert_true(fences_allow(&fences, &request, 5));
    assert_false(fences_allow(&fences, &request, 4));
    assert_true(fences_allow(&fences, &other, 4));
    assert_true(fences_put(&fences, &request, 6, 1500));
    assert_false(fences_allow(&fences, &request, 5));
    fences_release(&fences);
}

TEST(a_fence_stands_as_long_as_an_earlier_try_could_be_obeyed)
{
    struct fences fences = {0};
    struct request_id request = request_of(1);
    assert_true(fences_put(&fences, &request, 5, 1000));
    assert_true(fences_put(&fences, &request, 6, 2000));
    fences_forget_old(&fences, 2000 + FENCES_LIFE_MS); // the first is over, the second is not
    assert_false(fences_allow(&fences, &request, 5));
    fences_forget_old(&fences, 2001 + FENCES_LIFE_MS);
    assert_true(fences_allow(&fences, &request, 5));
    fences_release(&fences);
}

// A router lets a put mint for 30 s at most, and a store obeys an UPDATE of 10 s at most.
TEST(a_fence_outlives_what_routers_may_send_late)
{
    struct fences fences = {0};
    struct request_id request = request_of(1);
    assert_true(fences_put(&fences, &request, 5, 1000));
    fences_forget_old(&fences, 1000 + 30000 + 10000);
    assert_false(fences_allow(&fences, &request, 4));
    fences_release(&fences);
}

TEST(there_are_no_more_fences_than_the_limit)
{
    struct fences fences = {0};
    for (uint32_t i = 0; i < FENCES_COUNT_MAX; i++) {
        struct request_id request = request_of(i);
        assert_true(fences_put(&fences, &request, i, 1000));
    }
    struct request_id one = request_of(0), more = request_of(FENCES_COUNT_MAX);
    assert_false(fences_put(&fences, &more, 1, 1000));
    assert_false(fences_allow(&fences, &one, 1));
    assert_true(fences_put(&fences, &more, 1, 1001 + FENCES_LIFE_MS));
    assert_true(fences_allow(&fences, &one, 1));
    fences_release(&fences);
}
