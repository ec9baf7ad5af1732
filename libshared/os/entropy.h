// entropy.h - unpredictable numbers, from the operating system.
//
// For seeds and ids. Waits at boot until the kernel has gathered enough; a system
// that cannot give any is one on which we do not run, so it aborts.
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t entropy_u64(void);
void entropy_fill(void *data, size_t size);
