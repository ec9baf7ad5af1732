// log.h - one line per event on standard error.
//
//     <6>dkv-store: ready
//
// Lines begin with the priority in the form that the journal understands (<3> error, <4>
// warning, <6> info, <7> debug) when standard error is not a terminal. Control characters
// are escaped; a line is cut at 1 KiB and written at once. No secrets. Any thread may log.
#pragma once

#include "base/bytes.h"

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

// `program` is kept. Before: "dkv" and info.
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

// An error, which systemd is told as well, and exit(exit_code).
_Noreturn void die(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
