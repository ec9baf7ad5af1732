// intake.h - the input of a bulk verb: files one after the other, or standard input.
//
// Waiting for input and waiting for routers go together: intake_wait_fd() is a descriptor
// for client_run() that is readable when there is input or an interrupt (SIGINT, SIGTERM,
// which are blocked from open to close and so wait until it is safe to stop).
#pragma once

#include "base/fault.h"
#include "dkv/bulk/format.h"

struct intake {
    const char *const *paths; // borrowed; "-" is standard input
    uint32_t path_count;
    uint32_t next_path;
    int fd;          // -1 = none is open
    bool is_regular; // always readable
    int signal_fd;
    int wait_fd;       // both
    int signal_caught; // 0 = none
    uint64_t size;     // of all files, 0 = not known
};

// INVALID if a file cannot be opened. Standard input if path_count is 0.
enum status intake_open(struct intake *intake, const char *const *paths, uint32_t path_count,
                        struct fault *fault) MUST_USE;
void intake_close(struct intake *intake);

// Feeds the reader with what is there. BUSY: nothing for now. END: the current file is
// over, and the reader was told. IO.
enum status intake_feed(struct intake *intake, struct format_reader *reader,
                        struct fault *fault) MUST_USE;

// Behind FORMAT_END: goes on to the next file. END if that was the last, INVALID if the
// next cannot be opened.
enum status intake_next(struct intake *intake, struct format_reader *reader,
                        struct fault *fault) MUST_USE;

// A descriptor to wait on; for an interrupt alone if input is not wanted.
int intake_wait_fd(const struct intake *intake, bool wants_input);

bool intake_interrupted(struct intake *intake);
