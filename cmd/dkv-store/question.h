// question.h - ASK: what a store is told to do, or asked, by name.
//
//     compact     merge everything that was written so far; answered when it has begun
//     compacting  "1" while that is under way, else "0"
#pragma once

#include "dkv-store/store.h"

// As operation_serve().
enum status question_serve(struct store *store, const struct arrival *arrival, struct reader *body,
                           struct outbox *outbox) MUST_USE;
