#include "os/huge_pages.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    HUGE_SIZE = 2 << 20,
};

static size_t round_up(size_t size)
{
    return (size + HUGE_SIZE - 1) / HUGE_SIZE * HUGE_SIZE;
}

// Address space that begins with a huge page.
static void *take(size_t size)
{
    size_t rounded = round_up(size), all = rounded + HUGE_SIZE;
    uint8_t *memory =
        mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "out of memory (%zu bytes)\n", size);
        abort();
    }
    size_t before = (HUGE_SIZE - (uintptr_t)memory % HUGE_SIZE) % HUGE_SIZE;
    if (before)
        munmap(memory, before);
    if (before < HUGE_SIZE)
        munmap(memory + before + rounded, HUGE_SIZE - before);
    madvise(memory + before, rounded, MADV_HUGEPAGE); // without them it works as well
    return memory + before;
}

static void touch(void *memory, size_t size)
{
    uintptr_t begin = (uintptr_t)memory / HUGE_SIZE * HUGE_SIZE;
    uintptr_t end = round_up((uintptr_t)memory + size);
#ifdef MADV_POPULATE_WRITE
    madvise((void *)begin, end - begin, MADV_POPULATE_WRITE); // or they come one by one
#endif
}

static void give(void *memory, size_t size)
{
    if (memory)
        munmap(memory, round_up(size));
}

const struct pages huge_pages = {.take = take, .touch = touch, .give = give};
