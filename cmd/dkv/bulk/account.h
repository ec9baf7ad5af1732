// account.h - what a load leaves in files: the journal of how far it came, and the rejects.
//
// The journal says only what is true already: rejects are written and synced before the line of
// the journal that counts on them. Without files the account keeps the position alone.
#pragma once

#include "dkv/bulk/intake.h"
#include "dkv/bulk/journal.h"

struct account {
    const char *journal_path, *rejects_path; // NULL = none
    struct journal journal;                  // with the position
    int journal_fd, rejects_fd;              // -1 = none
    struct buf rejects;                      // not written yet
    uint64_t rejects_size;                   // of the file, with what is not written yet
    uint64_t retry_before; // records up to here may have been sent by an earlier run
    uint64_t noted_ms;     // the last checkpoint
    uint64_t noted_record, noted_reserved;
};

// Opens nothing. Paths are borrowed.
void account_init(struct account *account, const char *journal_path, const char *rejects_path);
void account_release(struct account *account); // files are closed by the end of the process

// Rejects are written from the start, over whatever else the file was given for. INVALID if it
// is the journal or an input, too.
enum status account_check_rejects(const struct account *account, const struct intake *intake,
                                  struct fault *fault) MUST_USE;

// Reads the journal, or makes one; then the position is where the load goes on. INVALID: it is
// of another input, or another load uses it.
enum status account_open_journal(struct account *account, const struct journal_input *input,
                                 struct fault *fault) MUST_USE;

// Behind account_open_journal(), which knows how long the file is.
enum status account_open_rejects(struct account *account, const struct intake *intake,
                                 struct fault *fault) MUST_USE;

// The request id of a record that is about to be sent: with a journal the one that every run of
// this load gives it, else `standard`. May write to the journal.
enum status account_request_id(struct account *account, uint64_t record, struct request_id standard,
                               struct request_id *id, struct fault *fault) MUST_USE;

// Appends to the rejects, if there are any. `is_end` of a line: it gets the newline that it lacks.
// The journal counts on it when the record is settled (account_settle()).
enum status account_reject(struct account *account, struct bytes raw, bool is_end,
                           struct fault *fault) MUST_USE;

// Everything before `record` is settled; the input behind it begins at `offset`.
void account_settle(struct account *account, uint64_t record, uint64_t offset, bool is_rejected);

// Writes down the position, if it changed.
enum status account_checkpoint(struct account *account, uint64_t now_ms,
                               struct fault *fault) MUST_USE;
