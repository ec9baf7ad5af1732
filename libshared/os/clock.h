// clock.h - what time it is, from the operating system.
//
// (A causal clock is something else: causal/clock.h.) Brains never ask; the turn
// asks once and hands the moment in.
#pragma once

#include "base/moment.h"

uint64_t clock_mono_ms(void);     // since some fixed point; never goes back
uint64_t clock_mono_us(void);     // the same, in microseconds
uint64_t clock_wall_ms(void);     // since 1970-01-01 UTC; goes where it is set
struct moment clock_moment(void); // both
