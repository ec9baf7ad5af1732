// sample.h - what one engine reached in one run of one bench.
//
// It goes through a pipe from the process that measured to the driver.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum bench {
    BENCH_FILLRANDOM,           // every key once, in no order, into an empty database
    BENCH_OVERWRITE,            // keys drawn at random, as many as there are
    BENCH_READRANDOM,           // keys that are there, blocks in the engine's cache
    BENCH_MULTIGET,             // the same, 64 at once
    BENCH_READMISSING,          // keys between those that are there
    BENCH_SCAN,                 // every pair, in order
    BENCH_READWHILEWRITING,     // reads, with a fixed number of writes a second beside them
    BENCH_READWHILEWRITING_P99, // their 99th percentile
    BENCH_DELETERANDOM,         // a quarter of the keys
    BENCH_FILLSEQ,              // every key, in order, into an empty database
    BENCH_FILLSYNC,             // each put synced before the next
    BENCH_FILLSYNC_64,          // 64 threads that put so
    BENCH_FILLSYNC_64_ASYNC,    // ours: 64 puts outstanding, one thread
    BENCH_RESTART,              // until the first read after kill -9, 1 GiB in the log
    BENCH_COUNT,
};

enum figure {
    FIGURE_MAIN,          // in the unit of the bench
    FIGURE_P99_US,        // of an operation
    FIGURE_WORST_MS,      // the slowest operation; in a fill, the slowest 16 in a row
    FIGURE_WRITTEN_RATIO, // bytes sent to the disk for a byte put, settling included
    FIGURE_SPACE_RATIO,   // bytes on disk for a byte that is alive, after settling
    FIGURE_SETTLE_S,      // until background work had ended
    FIGURE_CPU_US,        // of all threads for one operation, settling not included
    FIGURE_RSS_MIB,       // the peak, mapped files included
    FIGURE_WRITES_PER_S,  // beside the reads of readwhilewriting
    FIGURE_LOG_MIB,       // replayed by a restart
    FIGURE_COUNT,
};

// A figure that was not measured is NAN.
struct sample {
    enum bench bench;
    uint32_t value_size;
    double figures[FIGURE_COUNT];
};

struct sample sample_of(enum bench bench, uint64_t value_size);

const char *bench_name(enum bench bench);
const char *bench_unit(enum bench bench);
bool bench_is_less_better(enum bench bench);
const char *figure_name(enum figure figure);
