// search.h - a place in a sorted array of numbered things.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Index of the first of `count` items whose number is not below this one; `count` if there is none.
// An item has `size` bytes and begins with its number, a uint64_t; numbers ascend.
static inline size_t search_number(const void *items, size_t count, size_t size, uint64_t number)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const uint64_t *found = (const void *)((const char *)items + middle * size);
        if (*found < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
