// Whose clock is off.
#include "peer/clocks.h"

#include "unit/unit.h"

enum { NODES_MAX = 8, REFUSE_MS = 5000, UNKNOWN = INT32_MAX };

// Judges clocks that are so many ms ahead, and says which are off, as digits.
static const char *judged(uint32_t count, const int32_t *ahead_ms)
{
    static char text[NODES_MAX + 1];
    struct clock_offset offsets[NODES_MAX] = {0};
    int64_t sorted[NODES_MAX];
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        offsets[i].is_known = ahead_ms[i] != UNKNOWN;
        offsets[i].ahead_ms = ahead_ms[i];
    }
    clocks_judge(offsets, count, REFUSE_MS, sorted);
    for (uint32_t i = 0; i < count; i++) {
        if (offsets[i].is_off)
            text[size++] = (char)('0' + i);
    }
    text[size] = '\0';
    return text;
}

#define JUDGED(...)                                                                                \
    judged(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t), (const int32_t[]){__VA_ARGS__})

TEST(clocks_that_agree_are_well)
{
    assert_string_equal(JUDGED(0), "");
    assert_string_equal(JUDGED(0, 400, -400), "");
    assert_string_equal(JUDGED(0, 4000, -4000), "");
}

TEST(one_beyond_the_majority_is_off_whoever_looks)
{
    assert_string_equal(JUDGED(0, 10, 3600000), "2");
    assert_string_equal(JUDGED(0, -3600000, -3600010), "0"); // ours
    assert_string_equal(JUDGED(0, 10, -5001), "2");
    assert_string_equal(JUDGED(0, 10, -4999), "");
    assert_string_equal(JUDGED(0, 1, 2, 3600000, -3600000), "34");
}

TEST(without_a_majority_of_all_nodes_nobody_can_say)
{
    assert_string_equal(JUDGED(0, 3600000), "");
    assert_string_equal(JUDGED(0, 3600000, -3600000), "");
    assert_string_equal(JUDGED(0, 10, 3600000, UNKNOWN), "");
    assert_string_equal(JUDGED(0, 10, 3600000, 20, UNKNOWN), "2");
    assert_string_equal(JUDGED(0, UNKNOWN, UNKNOWN), "");
}

TEST(a_clock_between_two_of_the_majority_is_not_off)
{
    assert_string_equal(JUDGED(0, 5000, 9000, 2500), "");
}
