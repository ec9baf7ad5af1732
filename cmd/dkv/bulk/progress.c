#include "dkv/bulk/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { INTERVAL_MS = 200 };

void progress_init(struct progress *progress, bool quiet, uint64_t size_all, uint64_t now_ms)
{
    *progress = (struct progress){.visible = !quiet && isatty(STDERR_FILENO),
                                  .start_ms = now_ms,
                                  .shown_ms = now_ms,
                                  .size_all = size_all};
}

void progress_show(struct progress *progress, uint64_t count, uint64_t size, uint64_t now_ms)
{
    if (!progress->visible || now_ms - progress->shown_ms < INTERVAL_MS)
        return;
    progress->shown_ms = now_ms;
    progress->shown = true;
    double seconds = (double)(now_ms - progress->start_ms) / 1000;
    fprintf(stderr, "\r%" PRIu64 " records, %.0f/s, %.1f MiB", count, (double)count / seconds,
            (double)size / (1 << 20));
    if (progress->size_all && size)
        fprintf(stderr, ", %.0f%%, %.0f s left", 100.0 * (double)size / (double)progress->size_all,
                seconds * ((double)progress->size_all / (double)size - 1));
    fputs("\033[K", stderr);
}

void progress_clear(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
