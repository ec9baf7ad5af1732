#include "wire/metrics.h"

#include "base/reader.h"

#define KIND_GAUGE                             false
#define KIND_COUNTER                           true
#define AS_METRIC(member, kind, name, meaning) {name, meaning, KIND_##kind},

const struct metric metrics_table[METRIC_COUNT] = {METRICS(AS_METRIC)};

void metrics_encode(const struct metrics *metrics, struct buf *out)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        buf_append_u64(out, metrics->values[i]);
}

void metrics_decode(struct metrics *metrics, struct bytes bytes)
{
    struct reader reader = reader_of(bytes);
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        metrics->values[i] = reader_left(&reader) >= 8 ? reader_u64(&reader) : 0;
}

uint64_t metrics_damage(const struct metrics *metrics)
{
    return metrics->values[METRIC_DAMAGED_READS] + metrics->values[METRIC_DAMAGED_MERGES];
}
