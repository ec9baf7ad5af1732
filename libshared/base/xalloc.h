// xalloc.h - allocation that does not return on failure.
//
// Sizes are bounded before they get here, so an allocation that fails means that
// the machine has no memory left: we say so and abort, and recovery does the rest.
#pragma once

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size); // zeroed
void *xrealloc(void *memory, size_t size);
char *xstrdup(const char *text);
