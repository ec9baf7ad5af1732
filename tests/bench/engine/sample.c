#include "bench/engine/sample.h"

#include <math.h>

static const struct {
    const char *name, *unit;
} benches[BENCH_COUNT] = {
    [BENCH_FILLRANDOM] = {"fillrandom", "puts/s"},
    [BENCH_OVERWRITE] = {"overwrite", "puts/s"},
    [BENCH_READRANDOM] = {"readrandom", "gets/s"},
    [BENCH_MULTIGET] = {"multiget", "gets/s"},
    [BENCH_READMISSING] = {"readmissing", "gets/s"},
    [BENCH_SCAN] = {"scan", "pairs/s"},
    [BENCH_READWHILEWRITING] = {"readwhilewriting", "gets/s"},
    [BENCH_READWHILEWRITING_P99] = {"readwhilewriting-p99", "us"},
    [BENCH_DELETERANDOM] = {"deleterandom", "deletes/s"},
    [BENCH_FILLSEQ] = {"fillseq", "puts/s"},
    [BENCH_FILLSYNC] = {"fillsync", "puts/s"},
    [BENCH_FILLSYNC_64] = {"fillsync-64", "puts/s"},
    [BENCH_FILLSYNC_64_ASYNC] = {"fillsync-64-async", "puts/s"},
    [BENCH_RESTART] = {"restart", "s"},
};

static const char *const figures[FIGURE_COUNT] = {
    [FIGURE_MAIN] = "main",
    [FIGURE_P99_US] = "p99_us",
    [FIGURE_WORST_MS] = "worst_ms",
    [FIGURE_WRITTEN_RATIO] = "written_ratio",
    [FIGURE_SPACE_RATIO] = "space_ratio",
    [FIGURE_SETTLE_S] = "settle_s",
    [FIGURE_CPU_US] = "cpu_us",
    [FIGURE_RSS_MIB] = "rss_mib",
    [FIGURE_WRITES_PER_S] = "writes_per_s",
    [FIGURE_LOG_MIB] = "log_mib",
};

struct sample sample_of(enum bench bench, uint64_t value_size)
{
    struct sample sample = {.bench = bench, .value_size = (uint32_t)value_size};
    for (int i = 0; i < FIGURE_COUNT; i++)
        sample.figures[i] = NAN;
    return sample;
}

const char *bench_name(enum bench bench)
{
    return benches[bench].name;
}

const char *bench_unit(enum bench bench)
{
    return benches[bench].unit;
}

bool bench_is_less_better(enum bench bench)
{
    return bench == BENCH_READWHILEWRITING_P99 || bench == BENCH_RESTART;
}

const char *figure_name(enum figure figure)
{
    return figures[figure];
}
