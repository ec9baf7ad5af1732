// scan.h - one page of one partition in flight, as a pure state machine.
//
// Asks R owners for their page; one that fails is replaced by the next. When all that were asked
// have replied, the caller joins their pages.
//
//     start ─► ask ─► replied, replied ─► join, answer OK
//                └──► failed ─► ask another, or UNAVAILABLE
//
// Owners are numbered in order of preference: targets (ring_route.h) below n. Answers: OK;
// UNAVAILABLE (too few can be reached); TIMEOUT; and what the caller makes of the pages.
#pragma once

#include "base/status.h"
#include "quorum/needs.h"

struct scan {
    uint8_t n;
    struct needs r;
    target_set live;
    target_set asked; // reply outstanding
    target_set replied;
};

struct scan_step {
    target_set ask; // send SCAN_LOCAL to these
    bool join;      // all pages are there: join and answer
    bool answer;    // or answer with `status`. Either way: forget this scan
    enum status status;
};

struct scan_step scan_start(struct scan *scan, uint8_t n, const struct needs *r, target_set live);
struct scan_step scan_on_reply(struct scan *scan, unsigned owner);
struct scan_step scan_on_failed(struct scan *scan, unsigned owner);
struct scan_step scan_on_deadline(struct scan *scan);
