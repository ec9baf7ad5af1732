// value_counts.h - bytes of large values, by file.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A file with values. Referenced by versions, and by readers that take long.
struct value_file {
    unsigned ref_count;
    uint64_t id;
    uint64_t size; // bytes of the values in it; all of a segment of the log
};

// Bytes by file, for what a flush or a merge points to, or lets go. Zero-filled is empty.
struct value_counts {
    struct value_count {
        uint64_t id;
        uint64_t size;
    } * counts; // by id
    size_t count;
};

void value_counts_add(struct value_counts *counts, uint64_t id, uint64_t size);
uint64_t value_counts_find(const struct value_counts *counts, uint64_t id); // 0 if it has none
void value_counts_release(struct value_counts *counts);                     // may be repeated
