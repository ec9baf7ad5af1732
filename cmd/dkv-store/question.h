// question.h - ASK: what a store is told to do, or asked, by name.
//
//     compact     merge everything that was written so far; answered when it has begun
//     compacting  "1" while that is under way, else "0"
//     accept-loss KEYSPACE FIRST LAST
//                 what lost copies of these partitions lack is gone for good: they count as whole.
//                 Answered with how many did; decimal numbers, keyspace 0 is all of them
#pragma once

#include "dkv-store/store.h"

// As operation_serve().
enum status question_serve(struct store *store, const struct arrival *arrival, struct reader *body,
                           struct moment now, struct outbox *outbox) MUST_USE;
