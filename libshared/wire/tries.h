// tries.h - how long each try of a PUT may mint, so that no two do at a time.
//
//     sent                    budget over       the last UPDATE is too old
//      │── router may send UPDATE ──│── stores may obey it ──│ the next try may mint,
//      │◄───────── budget_ms ──────►│◄────── young_ms ──────►│ even if owners are out of reach
//
// A later try asks the owners first. If all of them reply, it need not wait: they obey no
// earlier one any more. Otherwise it says how long the try before it still has (wait_ms). Of a
// try that another client made (a request id that was given, a resumed journal) the age is not
// known: it is counted from now.
#pragma once

#include "wire/client.h"
#include "wire/message.h"

enum {
    TRIES_BUDGET_MS = 600,       // of single writes: as long as a router takes to call a node down
    TRIES_BUDGET_BULK_MS = 2000, // of those that are in no hurry to fail over
    TRIES_BYTES_PER_MS = 4096,   // a slower way makes a large value late
};

struct tries {
    uint32_t budget_ms;
    bool is_repeated;   // an earlier try may have been obeyed: the router looks for it first
    bool is_unknown;    // when that was
    bool is_foreign;    // another client, or an earlier life, made the first try
    uint64_t first_ms;  // when it was sent, if we made it; 0 = it was not yet
    uint64_t over_ms;   // when the last try can mint no more; 0 = there was none
    uint64_t before_ms; // the same of the one before it
};

// `size`: of the operation, which takes its time to arrive. `is_repeated`: an earlier life of the
// client may have sent this request.
void tries_init(struct tries *tries, uint32_t budget_ms, size_t size, bool is_repeated);

// The next try, which is sent now. `name` is random. Set is_repeated before if the last one may
// have been obeyed; one that was refused was not.
struct put_try tries_next(struct tries *tries, uint64_t name, uint64_t now_ms);

// The last try wrote nothing and never will: the next one need not wait for it.
void tries_take_back(struct tries *tries);
