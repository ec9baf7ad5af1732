// opening.h - from the files in a directory to a running engine.
//
// Reads and checks everything first: manifest, tables, log. Until all of it is well, the disk is
// written only where the same bytes are made durable once more (manifest.c, log_recovery.h). Then
// files that nobody needs are removed, and a log segment is prepared.
//
// A new database is made in an order in which every crash leaves either nothing that
// counts or all of it: manifest, first log segment, then CURRENT.
#pragma once

#include "lsm/engine.h"

// Makes the directory if it is missing, so that it survives a power loss.
enum status opening_make_dir(struct vfs *vfs, const char *dir, struct fault *fault) MUST_USE;

// Fills a lsm whose options, vfs and dir are set. On failure the lsm may only be closed.
enum status opening_run(struct lsm *lsm, struct fault *fault) MUST_USE;
