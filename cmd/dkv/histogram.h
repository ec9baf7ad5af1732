// histogram.h - latencies, in buckets that grow with what they count.
//
// Each power of two is cut into 32 buckets, so a quantile is off by 3 % at most, from one
// microsecond to hours (after HdrHistogram, Tene).
#pragma once

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 32 * 32 };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t sum_us, max_us;
};

void histogram_add(struct histogram *histogram, uint64_t us);
void histogram_join(struct histogram *into, const struct histogram *other);
uint64_t histogram_quantile(const struct histogram *histogram,
                            double quantile); // in us; 0 if empty
