// progress.h - how far a long verb has come, on one line of a terminal.
//
// Says nothing if stderr is no terminal or with --quiet.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool visible;
    bool shown;        // a line is on the terminal
    uint64_t start_ms; // monotonic
    uint64_t shown_ms;
    uint64_t size_all; // bytes of the input, 0 = not known: then no ETA
};

void progress_init(struct progress *progress, bool quiet, uint64_t size_all, uint64_t now_ms);
void progress_show(struct progress *progress, uint64_t count, uint64_t size, uint64_t now_ms);
void progress_clear(struct progress *progress); // before other lines on stderr
