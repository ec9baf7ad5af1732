// pace.h - how long writers wait, so that flushes and merges keep up with them.
//
// A debt says in permille how far one of the two is behind: 0 all is well, 1000 writers must stop.
// From some debt on each byte costs time, which grows with the square of the debt. It is asked for
// when there is enough of it to be worth a wait.
//
// Pure: it knows no memtable, no version and no clock.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Zero-filled: nothing is owed.
struct pace {
    uint64_t bytes;                          // written since it was asked
    unsigned merge_debt;                     // of the version in force (compaction.h)
    uint64_t flush_delay_ns, merge_delay_ns; // not waited yet
};

// The debt of a flush that is `far` permille done, while `room` of the `size` bytes of the memtable
// are free.
unsigned pace_flush_debt(size_t room, size_t size, unsigned far);

// What is to be waited now, in microseconds. Flushes and merges are waited for at the same time.
uint64_t pace_delay_us(struct pace *pace, unsigned flush_debt);
