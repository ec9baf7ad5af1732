// explain_text.h - the words that sentences about a key are made of. All append.
#pragma once

#include "dkv/explain_facts.h"

enum { EXPLAIN_TIME_SIZE = 32 };

// "2026-11-29T16:04:05.123Z"
void explain_time(uint64_t wall_ms, char text[EXPLAIN_TIME_SIZE]);

void explain_node(const struct explain_facts *facts, uint32_t index, struct buf *out);

// "n1, n2 and n3"
void explain_nodes(const struct explain_facts *facts, uint32_t set, struct buf *out);

// "the deletion 0123456789abcdef:17 of 2026-11-29T16:04:05.123Z, and the value ..." for each
// version of the join that `is_named`. Returns how many.
typedef bool explain_is_named(const struct copies *copies, uint32_t index,
                              const struct sibling *sibling);
uint32_t explain_versions(const struct explain_facts *facts, uint32_t index,
                          explain_is_named *is_named, struct buf *out);
void explain_version(const struct explain_facts *facts, const struct sibling *sibling,
                     struct buf *out);

// "'dkv repair OPTIONS KEY'", with the keyspace if it is not the default one; a key that a shell or
// the verb would take for something else is named by its partition, of all keyspaces.
void explain_repair(const struct explain_facts *facts, const char *options, struct buf *out);

// "KEY: sentence" on standard error; `sentence` is empty then.
void explain_line(const struct explain_facts *facts, struct buf *sentence);
