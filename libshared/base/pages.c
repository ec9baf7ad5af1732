#include "base/pages.h"

#include "base/xalloc.h"

#include <stdlib.h>

void *pages_take(const struct pages *pages, size_t size)
{
    return pages ? pages->take(size) : xcalloc(1, size);
}

void pages_touch(const struct pages *pages, void *memory, size_t size)
{
    if (pages)
        pages->touch(memory, size);
}

void pages_give(const struct pages *pages, void *memory, size_t size)
{
    if (pages)
        pages->give(memory, size);
    else
        free(memory);
}
