// meter.h - what this process has used, from the operating system.
//
// Written bytes are write_bytes of /proc/self/io: the pages that this process made dirty,
// through a mapping, too, whether or not the kernel has sent them to the disk by now.
#pragma once

#include <stdint.h>

struct meter {
    uint64_t time_ns;
    uint64_t cpu_us;        // of all threads, user and system
    uint64_t written_bytes; // see above
};

struct meter meter_read(void);
void meter_reset_peak(void); // the peak of the memory is what is used now
double meter_peak_mib(void);

uint64_t meter_dir_size(const char *dir); // bytes allocated on disk, of all below it

static inline double meter_seconds(uint64_t from_ns, uint64_t to_ns)
{
    return (double)(to_ns - from_ns) / 1e9;
}

uint64_t meter_now_ns(void);
