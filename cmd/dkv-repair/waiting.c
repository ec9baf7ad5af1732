#include "dkv-repair/waiting.h"

void waiting_add(struct waiting *waiting, uint64_t number)
{
    unsigned oldest = 0;
    for (unsigned i = 1; i < WAITING_MAX; i++) {
        if (waiting->numbers[i] < waiting->numbers[oldest])
            oldest = i;
    }
    waiting->numbers[oldest] = number;
}

bool waiting_take(struct waiting *waiting, uint64_t number)
{
    for (unsigned i = 0; number && i < WAITING_MAX; i++) {
        if (waiting->numbers[i] == number) {
            waiting->numbers[i] = 0;
            return true;
        }
    }
    return false;
}
