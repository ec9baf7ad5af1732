// pipe.h - runs a command of the user and reads what it prints.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

// Runs argv[0], found in PATH, with the terminal as standard input if we have one, else with
// nothing there, and appends its standard output, at most size_max bytes. Interrupts are for it.
//   INVALID    it cannot be started
//   INTERNAL   it failed: its exit status was not 0, or a signal ended it
//   TOO_LARGE  it printed more
enum status pipe_run(char *const argv[], size_t size_max, struct buf *out,
                     struct fault *fault) MUST_USE;
