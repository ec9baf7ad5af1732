// The numbers of a store survive the way, also between those who know more and fewer.
#include "wire/metrics.h"

#include "unit/unit.h"

static struct metrics some(void)
{
    struct metrics metrics;
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        metrics.values[i] = 1000 + i;
    return metrics;
}

TEST(what_is_encoded_comes_back)
{
    struct metrics metrics = some(), decoded;
    struct buf bytes = {0};
    metrics_encode(&metrics, &bytes);
    metrics_decode(&decoded, buf_bytes(&bytes));
    assert_memory_equal(&metrics, &decoded, sizeof metrics);
    buf_release(&bytes);
}

TEST(what_did_not_come_is_zero_and_what_is_not_known_is_passed_over)
{
    struct metrics metrics = some(), decoded = some();
    struct buf bytes = {0};
    metrics_encode(&metrics, &bytes);
    metrics_decode(&decoded, bytes_of(bytes.data, 17));
    assert_int_equal(decoded.values[1], 1001);
    for (unsigned i = 2; i < METRIC_COUNT; i++)
        assert_int_equal(decoded.values[i], 0);
    buf_append_u64(&bytes, 1);
    metrics_decode(&decoded, buf_bytes(&bytes));
    assert_memory_equal(&metrics, &decoded, sizeof metrics);
    buf_release(&bytes);
}

TEST(every_name_is_there_once)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        for (unsigned j = 0; metrics_table[i].name && j < i; j++) {
            if (metrics_table[j].name)
                assert_string_not_equal(metrics_table[i].name, metrics_table[j].name);
        }
    }
}
