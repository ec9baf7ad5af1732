// fences.h - which try of a request may still mint here.
//
// A process that was asked for a request that it does not know (FIND) obeys from then on only
// UPDATEs of the try that asked last: an UPDATE of an earlier try, which may still be under
// way, would supersede what was written since.
//
// A fence is needed for as long as such an UPDATE can be begun and obeyed, which the largest
// budget and age that routers grant bound (FENCES_LIFE_MS). It needs no log: an UPDATE that was
// sent to an earlier life of the process is too old for this one (wire/age.h).
#pragma once

#include "base/table.h"
#include "causal/record.h"

enum {
    FENCES_COUNT_MAX = 1 << 16,
    FENCES_LIFE_MS = 60 * 1000, // routers: 30 s of budget and 10 s of age
};

struct fence {
    struct request_id request;
    uint64_t try;
    uint64_t at_ms; // mono
};

struct fences {
    struct table last;   // by request: the number of its last fence
    struct fence *items; // a circle, in the order of their numbers
    uint64_t first;      // number of the oldest
    uint64_t end;        // number of the next
};

void fences_release(struct fences *fences);

// From now on only `try` may mint for the request. False if there are too many fences.
bool fences_put(struct fences *fences, const struct request_id *request, uint64_t try,
                uint64_t now_ms) MUST_USE;

// Whether an UPDATE of this try is to be obeyed.
bool fences_allow(const struct fences *fences, const struct request_id *request, uint64_t try);

void fences_forget_old(struct fences *fences, uint64_t now_ms);
