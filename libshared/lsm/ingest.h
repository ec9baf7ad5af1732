// ingest.h - sorted pairs that come in beside the log.
#pragma once

#include "lsm/engine.h"

struct lsm_ingest {
    struct lsm *lsm;
    size_t separate_size;
    struct run_writer writer; // its run is 0 until the commit
    struct buf last;          // key
    struct buf packed;        // a value
    bool is_finished;
    uint64_t address; // of the log, before which the writes lie that it hides
};

bool ingest_is_ready(const struct lsm *lsm);    // to be committed
void ingest_release(struct lsm_ingest *ingest); // keeps the files
