#include "os/entropy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

uint64_t entropy_u64(void)
{
    uint64_t value;
    entropy_fill(&value, sizeof value);
    return value;
}

void entropy_fill(void *data, size_t size)
{
    uint8_t *at = data;
    while (size) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            perror("unable to get random numbers");
            abort();
        }
        at += got;
        size -= (size_t)got;
    }
}
