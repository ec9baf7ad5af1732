// memory_image_vfs.h - the content of a file in memory, in shared pages.
//
// A page that is missing reads as zeros. Pages are counted references: copying an
// image copies no data, and a page is copied when one of its images is written.
#pragma once

#include "base/bytes.h"

enum { MEMORY_PAGE_SIZE = 4096 };

struct memory_page;

struct memory_image {
    struct memory_page **pages;
    size_t page_count; // entries; beyond them there are no pages
    uint64_t size;
};

void memory_image_release(struct memory_image *image);
void memory_image_copy(struct memory_image *copy, const struct memory_image *source);

// Both stay inside of the image's size or grow it. `data` NULL writes zeros.
void memory_image_read(const struct memory_image *image, uint64_t offset, void *data, size_t size);
void memory_image_write(struct memory_image *image, uint64_t offset, const uint8_t *data,
                        size_t size);
void memory_image_truncate(struct memory_image *image, uint64_t size);

// Makes the pages that hold these bytes those of `source`, and the size too.
void memory_image_share(struct memory_image *image, const struct memory_image *source,
                        uint64_t offset, uint64_t size);

// Whether these bytes, which are inside of the image's size, are the same.
bool memory_image_equals(const struct memory_image *image, uint64_t offset, const uint8_t *data,
                         size_t size);

// True when no page of these bytes is there.
bool memory_image_is_hole(const struct memory_image *image, uint64_t offset, uint64_t size);
