// missing.h - how much one seen-clock knows that another one does not.
#pragma once

#include "base/bytes.h"

// Returns how many dots of `theirs` are not in `ours`, both encoded (seen_encode()); 0 if either is
// none. What is closed counts as known.
uint64_t missing_dots(struct bytes ours, struct bytes theirs);
