// pages.h - large memory that lives long, as a table of functions.
//
// A process pays for every page of memory when it touches it first, in a virtual machine
// dearly. An owner that knows where it will write next takes address space here and says so
// ahead; the system can then hand out huge pages, many at a time (os/huge_pages.h). NULL stands for
// plain memory.
#pragma once

#include <stddef.h>

struct pages {
    // Zero-filled. Out of memory aborts.
    void *(*take)(size_t size);
    // A hint: these bytes will be written soon. The first may lie anywhere in a page.
    void (*touch)(void *memory, size_t size);
    void (*give)(void *memory, size_t size); // back; NULL is allowed
};

void *pages_take(const struct pages *pages, size_t size);
void pages_touch(const struct pages *pages, void *memory, size_t size);
void pages_give(const struct pages *pages, void *memory, size_t size);
