#include "disk/memory_image_vfs.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

struct memory_page {
    size_t references;
    uint8_t data[MEMORY_PAGE_SIZE];
};

static struct memory_page *page_at(const struct memory_image *image, size_t index)
{
    return index < image->page_count ? image->pages[index] : NULL;
}

static void page_drop(struct memory_page *page)
{
    if (page && --page->references == 0)
        free(page);
}

static void page_set(struct memory_image *image, size_t index, struct memory_page *page)
{
    if (index >= image->page_count) {
        if (!page)
            return;
        // Powers of two, so that appending costs what it should.
        size_t room = image->page_count ? image->page_count : 4;
        while (room <= index)
            room *= 2;
        image->pages = xrealloc(image->pages, room * sizeof *image->pages);
        memset(image->pages + image->page_count, 0,
               (room - image->page_count) * sizeof *image->pages);
        image->page_count = room;
    }
    page_drop(image->pages[index]);
    image->pages[index] = page;
}

// The page of this image alone, made or copied if need be.
static struct memory_page *page_own(struct memory_image *image, size_t index)
{
    struct memory_page *page = page_at(image, index);
    if (page && page->references == 1)
        return page;
    struct memory_page *own = xmalloc(sizeof *own);
    own->references = 1;
    if (page)
        memcpy(own->data, page->data, sizeof own->data);
    else
        memset(own->data, 0, sizeof own->data);
    page_set(image, index, own);
    return own;
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return !data || size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static size_t min_size(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

void memory_image_release(struct memory_image *image)
{
    for (size_t i = 0; i < image->page_count; i++)
        page_drop(image->pages[i]);
    free(image->pages);
    *image = (struct memory_image){0};
}

void memory_image_copy(struct memory_image *copy, const struct memory_image *source)
{
    *copy = *source;
    copy->pages = NULL;
    if (!source->page_count)
        return;
    copy->pages = xmalloc(source->page_count * sizeof *copy->pages);
    for (size_t i = 0; i < source->page_count; i++) {
        copy->pages[i] = source->pages[i];
        if (copy->pages[i])
            copy->pages[i]->references++;
    }
}

void memory_image_read(const struct memory_image *image, uint64_t offset, void *data, size_t size)
{
    uint8_t *to = data;
    assert(offset + size <= image->size);
    while (size) {
        size_t start = (size_t)(offset % MEMORY_PAGE_SIZE);
        size_t part = min_size(MEMORY_PAGE_SIZE - start, size);
        const struct memory_page *page = page_at(image, (size_t)(offset / MEMORY_PAGE_SIZE));
        if (page)
            memcpy(to, page->data + start, part);
        else
            memset(to, 0, part);
        to += part;
        offset += part;
        size -= part;
    }
}

void memory_image_write(struct memory_image *image, uint64_t offset, const uint8_t *data,
                        size_t size)
{
    if (offset + size > image->size)
        image->size = offset + size;
    while (size) {
        size_t start = (size_t)(offset % MEMORY_PAGE_SIZE);
        size_t part = min_size(MEMORY_PAGE_SIZE - start, size);
        size_t index = (size_t)(offset / MEMORY_PAGE_SIZE);
        bool zero = is_zero(data, part);
        if (zero && part == MEMORY_PAGE_SIZE)
            page_set(image, index, NULL);
        else if (!zero)
            memcpy(page_own(image, index)->data + start, data, part);
        else if (page_at(image, index))
            memset(page_own(image, index)->data + start, 0, part);
        if (data)
            data += part;
        offset += part;
        size -= part;
    }
}

void memory_image_truncate(struct memory_image *image, uint64_t size)
{
    if (size < image->size) {
        size_t tail = (size_t)((size + MEMORY_PAGE_SIZE - 1) / MEMORY_PAGE_SIZE);
        for (size_t i = tail; i < image->page_count; i++)
            page_set(image, i, NULL);
        // Bytes behind the end must be zeros: the file may grow over them.
        if (size % MEMORY_PAGE_SIZE && page_at(image, tail - 1))
            memset(page_own(image, tail - 1)->data + size % MEMORY_PAGE_SIZE, 0,
                   MEMORY_PAGE_SIZE - size % MEMORY_PAGE_SIZE);
    }
    image->size = size;
}

void memory_image_share(struct memory_image *image, const struct memory_image *source,
                        uint64_t offset, uint64_t size)
{
    size_t end = (size_t)((offset + size + MEMORY_PAGE_SIZE - 1) / MEMORY_PAGE_SIZE);
    size_t limit = image->page_count > source->page_count ? image->page_count : source->page_count;
    for (size_t i = (size_t)(offset / MEMORY_PAGE_SIZE); i < end && i < limit; i++) {
        struct memory_page *page = page_at(source, i);
        if (page == page_at(image, i))
            continue;
        if (page)
            page->references++;
        page_set(image, i, page);
    }
    image->size = source->size;
}

bool memory_image_equals(const struct memory_image *image, uint64_t offset, const uint8_t *data,
                         size_t size)
{
    assert(offset + size <= image->size);
    for (size_t part; size; data += part, offset += part, size -= part) {
        size_t start = (size_t)(offset % MEMORY_PAGE_SIZE);
        part = min_size(MEMORY_PAGE_SIZE - start, size);
        const struct memory_page *page = page_at(image, (size_t)(offset / MEMORY_PAGE_SIZE));
        if (page ? memcmp(page->data + start, data, part) : !is_zero(data, part))
            return false;
    }
    return true;
}

bool memory_image_is_hole(const struct memory_image *image, uint64_t offset, uint64_t size)
{
    uint64_t end = (offset + size + MEMORY_PAGE_SIZE - 1) / MEMORY_PAGE_SIZE;
    for (uint64_t i = offset / MEMORY_PAGE_SIZE; i < end && i < image->page_count; i++)
        if (image->pages[i])
            return false;
    return true;
}
