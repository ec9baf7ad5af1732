// run.h - one engine, in a process of its own, through the benches of a session.
//
// A session is a series of benches on one database: it is filled, overwritten, read and
// so on. After each fill some keys are read back and compared; a wrong answer ends the
// process.
#pragma once

#include "bench/engine/peer.h"
#include "bench/engine/sample.h"
#include "bench/engine/workload.h"

#include <stdbool.h>

#define BENCH_BIT(bench) (1u << (bench))

struct session {
    unsigned benches; // in it, BENCH_BIT() of each; what is not wanted is left out
    uint64_t key_count;
    size_t value_size;
    const struct peer *ours; // the form of ours that takes part
    enum peer_durability durability;
    size_t cache_size;
    unsigned writes_per_s; // beside the reads of readwhilewriting
    unsigned duration_ms;  // of what is not bounded by its keys
    bool is_decimal;
};

struct run {
    const struct session *session;
    const struct peer *peer;
    void *db;
    const char *dir;
    struct workload workload;
    int samples; // the pipe they go into
};

// Runs the session in the (empty) directory; samples are written to the descriptor.
void run_session(const struct session *session, const struct peer *peer, const char *dir,
                 int samples);

// ---- For the benches ------------------------------------------------------------------

enum { WRITE_BUFFER_SIZE = 64 << 20, LATENCY_STRIDE = 16 };

void run_send(const struct run *run, const struct sample *sample);
void run_verify(const struct run *run); // ends the process if a key does not hold what it must

void run_sync_writers(struct run *run, enum bench bench, unsigned thread_count); // writers.c
void run_read_while_writing(struct run *run);                                    // mixed.c
void run_restart(struct run *run);                                               // restart.c
