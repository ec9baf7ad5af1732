#include "dkv/histogram.h"

enum { STEP_BITS = 5, STEPS = 1 << STEP_BITS };

// Numbers below 32 have a bucket each; above, the five bits behind the first choose it.
static uint32_t bucket_of(uint64_t us)
{
    if (us < STEPS)
        return (uint32_t)us;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(us) - STEP_BITS;
    uint32_t bucket = (shift + 1) * STEPS + (uint32_t)((us >> shift) - STEPS);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t middle_of(uint32_t bucket)
{
    if (bucket < STEPS)
        return bucket;
    uint32_t shift = bucket / STEPS - 1;
    return ((uint64_t)(STEPS + bucket % STEPS) << shift) + ((1ull << shift) / 2);
}

void histogram_add(struct histogram *histogram, uint64_t us)
{
    histogram->counts[bucket_of(us)]++;
    histogram->count++;
    histogram->sum_us += us;
    if (histogram->max_us < us)
        histogram->max_us = us;
}

void histogram_join(struct histogram *into, const struct histogram *other)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += other->counts[i];
    into->count += other->count;
    into->sum_us += other->sum_us;
    if (into->max_us < other->max_us)
        into->max_us = other->max_us;
}

uint64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
    uint64_t wanted = (uint64_t)(quantile * (double)histogram->count);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (histogram->counts[i] && seen > wanted)
            return middle_of(i) < histogram->max_us ? middle_of(i) : histogram->max_us;
    }
    return histogram->max_us;
}
