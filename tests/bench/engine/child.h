// child.h - a session in a process of its own: what it uses is its own, and its crash.
#pragma once

#include "bench/engine/run.h"

// Makes the directory, runs the session there and removes the directory. Gives every
// sample to `on_sample`; returns whether the session ended well.
bool child_run(const struct session *session, const struct peer *peer, const char *dir,
               void (*on_sample)(void *context, const struct sample *sample), void *context);

// Removes a directory with all that is in it; it may be missing.
void dir_remove(const char *dir);
