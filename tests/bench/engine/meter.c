#include "bench/engine/meter.h"

#include "bench/engine/peer.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FTW_DESCRIPTORS = 16 };

uint64_t meter_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// The number behind a label of a file in /proc/self.
static uint64_t proc_number(const char *path, const char *label)
{
    char line[256];
    uint64_t number = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        die("cannot read %s", path);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, label, strlen(label)))
            number = strtoull(line + strlen(label), NULL, 10);
    fclose(file);
    return number;
}

struct meter meter_read(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    uint64_t seconds = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    return (struct meter){
        .time_ns = meter_now_ns(),
        .cpu_us = seconds * 1000000 + (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec),
        .written_bytes = proc_number("/proc/self/io", "write_bytes:"),
    };
}

void meter_reset_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "5", 1) != 1)
        die("cannot write /proc/self/clear_refs");
    close(fd);
}

double meter_peak_mib(void)
{
    return (double)proc_number("/proc/self/status", "VmHWM:") / 1024;
}

static uint64_t dir_size; // nftw() has no context

static int add_size(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)path, (void)type, (void)ftw;
    dir_size += (uint64_t)stat->st_blocks * 512;
    return 0;
}

uint64_t meter_dir_size(const char *dir)
{
    dir_size = 0;
    nftw(dir, add_size, FTW_DESCRIPTORS, FTW_PHYS);
    return dir_size;
}
