// run.h - one seed: a cluster, its users, its faults, and the verdict.
//
//     safety     users work while things go wrong; whatever is read is checked
//     liveness   the faults end; soon every router must see every store, and every key
//                must be readable with R = all
//     verdict    after those reads, which repair, all owners must hold the same bytes, and
//                those must be what the history says
//     purging    now and then: every deletion goes, and nothing comes back
//     scenarios  on the cluster that is whole again: sequential blind puts, an owner that
//                comes back, a request that is repeated
#pragma once

#include "sim/world.h"

struct run_options {
    uint64_t seed;
    bool verbose;
    bool is_random_only;  // without a scenario at the end
    const char *scenario; // this one, with nothing going wrong before; NULL = any
};

struct run_result {
    bool failed;
    char reason[512];
    uint64_t trace;
    uint64_t event_count;
    uint64_t sometimes[SOMETIMES_COUNT]; // added to what is there
};

void run(const struct run_options *options, struct run_result *result);
