// scenarios.h - what is played on a cluster that is whole, because chance alone meets it seldom.
//
//     twice    two blind puts, one after the other
//     miss     the first owner misses a write
//     repeat   a request that was superseded is asked for again
//     dark     the lights go out everywhere the moment a put is answered
//     start    a router that has just started does not reach the first owner
//     move     owners change while the key is written with W = all and read with R = 1
//     late     what waited in a queue, on the way or in a stopped process comes late
#pragma once

#include "sim/stage.h"

// The one that the options name, or one by chance.
void scenarios_run(struct stage *stage);
