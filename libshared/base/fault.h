// fault.h - why something failed, in a sentence for a person.
//
// A function that returns a status which its caller will show (a file that does
// not open, a block that fails its checksum) also takes a fault and fills it at
// the place where the facts are known: file, offset, key. The text has no
// trailing period and no newline. A NULL fault is allowed everywhere.
#pragma once

#include "base/status.h"

struct fault {
    char text[320];
};

// Writes the sentence and returns `status`, so that a failure is one statement:
//     return fault_set(fault, STATUS_CORRUPT, "%s: bad magic at offset %llu", ...);
enum status fault_set(struct fault *fault, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
