// read.h - what reading, scanning and verifying have in common.
#pragma once

#include "lsm/engine.h"

// Replaces `value` by that of the entry: what it has, packed or not, or points to.
enum status read_value(struct lsm *lsm, const struct entry *entry, struct buf *value,
                       struct fault *fault) MUST_USE;

// Between the two the owner does not wait for the disk (reads.h). The latter says up to where
// places have to be loaded for every BUSY there was.
void read_begin_try(struct lsm *lsm, uint64_t ahead_size);
uint64_t read_end_try(struct lsm *lsm);
