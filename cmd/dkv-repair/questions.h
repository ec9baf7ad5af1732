// questions.h - questions by name, which routers pass on:
//
//     status                       a JSON line for each other owner
//     run     SCOPE                pull at once; the answer is a number N, for
//     run     since=N SCOPE        how far that is: "DONE TOTAL FAILING"; and behind both answers
//                                  "KEYS BYTES": that differed, that were exchanged, ever
//     dry-run SCOPE                look what differs; the answer is a number, for
//     dry-run id=N offset=B        "DONE FAILED IS_OVER" and a line feed, then text from there on:
//                                  of each key a line, KEYSPACE PARTITION HEX NODE NODE
//     digest  keyspace=N           PARTITION HASH, a line of each shard of this node's store
//     scrub                        read everything at once
//     scrub   progress             how far that is: "LEFT DAMAGED RECORDS FAULT"
//
// A scope is words keyspace=N, partition=N, both optional. Numbers are decimal.
#pragma once

#include "dkv-repair/repair.h"

enum status questions_on_ask(struct repair *repair, const struct arrival *arrival,
                             struct reader *body, struct moment now,
                             struct outbox *outbox) MUST_USE;

// The store told digests.
enum status questions_on_digested(struct repair *repair, struct reader *body,
                                  struct outbox *outbox) MUST_USE;
