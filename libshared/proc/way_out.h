// way_out.h - what to do about a database that is too damaged to be opened.
#pragma once

#include "base/fault.h"

// Ends the process with exit status 1 and a message: the fault, the command that puts `dir` aside,
// and what follows then (`next`, a sentence without its end).
_Noreturn void die_of_damage(const char *dir, const struct fault *fault, const char *next);
