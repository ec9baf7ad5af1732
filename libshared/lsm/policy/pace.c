#include "lsm/policy/pace.h"

enum {
    DELAY_STEP_US = 500,
    DELAY_MAX_US = 20000,
    DEBT_FREE = 250, // permille
};

// The memtable must not be full before the sealed one is flushed. From its half on the room
// that is left in it should shrink no faster than the work that is left: 0 if there is room for
// all of that work, 1000 if there is for none.
unsigned pace_flush_debt(size_t room, size_t size, unsigned far)
{
    size_t half = size / 2;
    if (room >= half)
        return 0;
    uint64_t room_permille = room * 1000 / half, work_permille = 1000 - far;
    return room_permille < work_permille ? (unsigned)(1000 - room_permille * 1000 / work_permille)
                                         : 0;
}

// Adds the delay for these bytes. For each it is nothing up to some debt, then it
// grows with its square up to a thousand nanoseconds. A debt that is gone takes its delay along.
static void add_delay(uint64_t *delay_ns, uint64_t debt, uint64_t bytes)
{
    uint64_t more = debt > DEBT_FREE ? debt - DEBT_FREE : 0;
    uint64_t byte_ns = more * more * 1000 / ((1000 - DEBT_FREE) * (1000 - DEBT_FREE));
    *delay_ns = byte_ns ? *delay_ns + byte_ns * bytes : 0;
}

static void take_delay(uint64_t *delay_ns, uint64_t waited_ns)
{
    *delay_ns = *delay_ns > waited_ns ? *delay_ns - waited_ns : 0;
}

uint64_t pace_delay_us(struct pace *pace, unsigned flush_debt)
{
    add_delay(&pace->flush_delay_ns, flush_debt, pace->bytes);
    add_delay(&pace->merge_delay_ns, pace->merge_debt, pace->bytes);
    pace->bytes = 0;
    uint64_t delay_ns =
        pace->flush_delay_ns > pace->merge_delay_ns ? pace->flush_delay_ns : pace->merge_delay_ns;
    uint64_t delay_us = delay_ns / 1000;
    if (delay_us < DELAY_STEP_US)
        return 0; // it adds up
    delay_us = delay_us < DELAY_MAX_US ? delay_us : DELAY_MAX_US;
    take_delay(&pace->flush_delay_ns, delay_us * 1000);
    take_delay(&pace->merge_delay_ns, delay_us * 1000);
    return delay_us;
}
