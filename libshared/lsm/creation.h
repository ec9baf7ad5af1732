// creation.h - a new database.
//
// It is made in an order in which every crash leaves either nothing that counts or all of it:
// manifest, first log segment, then CURRENT.
#pragma once

#include "lsm/engine.h"
#include "lsm/file/directory.h"

// CORRUPT: the directory has files of a database that was lost. Else there is one now.
enum status creation_run(const struct lsm *lsm, const struct directory *directory,
                         const struct features *features, struct fault *fault) MUST_USE;
