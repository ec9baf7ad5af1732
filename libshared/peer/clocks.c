#include "peer/clocks.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

// Finds the most numbers that lie within `width` of each other. Returns how many they are.
static uint32_t widest(const int64_t *sorted, uint32_t count, int64_t width, int64_t *low,
                       int64_t *high)
{
    uint32_t most = 0;
    for (uint32_t begin = 0, end = 0; end < count; end++) {
        while (sorted[end] - sorted[begin] > width)
            begin++;
        if (end - begin + 1 <= most)
            continue;
        most = end - begin + 1;
        *low = sorted[begin];
        *high = sorted[end];
    }
    return most;
}

void clocks_judge(struct clock_offset *offsets, uint32_t count, uint64_t refuse_ms, int64_t *sorted)
{
    uint32_t known = 0;
    int64_t low = 0, high = 0, refuse = (int64_t)refuse_ms;
    for (uint32_t i = 0; i < count; i++) {
        if (offsets[i].is_known)
            sorted[known++] = offsets[i].ahead_ms;
    }
    qsort(sorted, known, sizeof *sorted, compare);
    bool has_majority = widest(sorted, known, refuse, &low, &high) > count / 2;
    for (uint32_t i = 0; i < count; i++) {
        struct clock_offset *offset = &offsets[i];
        offset->off_ms = offset->ahead_ms > high  ? offset->ahead_ms - high
                         : offset->ahead_ms < low ? offset->ahead_ms - low
                                                  : 0;
        offset->is_off = offset->is_known && has_majority &&
                         (offset->off_ms > refuse || -offset->off_ms > refuse);
    }
}
