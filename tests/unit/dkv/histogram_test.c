// What the benchmark says about latencies.
#include "unit/unit.h"

#include "dkv/histogram.h"

TEST(an_empty_histogram_says_zero)
{
    struct histogram histogram = {0};
    assert_int_equal(histogram_quantile(&histogram, 0.99), 0);
}

TEST(small_numbers_are_exact)
{
    struct histogram histogram = {0};
    for (uint64_t us = 0; us < 32; us++)
        histogram_add(&histogram, us);
    assert_int_equal(histogram_quantile(&histogram, 0.0), 0);
    assert_int_equal(histogram_quantile(&histogram, 0.5), 16);
    assert_int_equal(histogram_quantile(&histogram, 1.0), 31);
}

TEST(a_quantile_is_off_by_three_percent_at_most)
{
    for (uint64_t us = 1; us < 3600000000u; us = us * 5 / 4 + 1) {
        struct histogram histogram = {0};
        histogram_add(&histogram, us);
        histogram_add(&histogram, 2 * us);
        uint64_t found = histogram_quantile(&histogram, 0.25);
        uint64_t off = found > us ? found - us : us - found;
        assert_true(off * 100 <= us * 3);
        assert_int_equal(histogram.max_us, 2 * us);
    }
}

TEST(histograms_add_up)
{
    struct histogram a = {0}, b = {0};
    histogram_add(&a, 10);
    histogram_add(&b, 20);
    histogram_join(&a, &b);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.sum_us, 30);
    assert_int_equal(a.max_us, 20);
    assert_int_equal(histogram_quantile(&a, 0.5), 20);
}
