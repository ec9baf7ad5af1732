// seal_file.h - DIR/keys/seals: the keys that this router seals tokens with, and knows.
//
//     seals
//         own = "64 hex digits"
//         key = "64 hex digits"      (of another router; any number of them)
//
// A secret file (os/secret_file.h).
#pragma once

#include "base/fault.h"
#include "causal/seal.h"

// Adds what the file holds. The fault names file and line. NOT_FOUND, REFUSED, IO as
// secret_file_read(); INVALID: it is damaged.
enum status seal_file_load(const char *path, struct seals *seals, struct fault *fault) MUST_USE;
enum status seal_file_save(const char *path, const struct seals *seals,
                           struct fault *fault) MUST_USE;
