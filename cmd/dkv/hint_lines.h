// hint_lines.h - what all dkv-hintd of the cluster keep, by one round of questions.
//
// Each line is a JSON object with "holder" (the node that keeps hints), "node" and "node_id" (the
// one they are for; "node" only if it is in the ring), "hints", "bytes", "since_ms" (0: none
// waits), "state" (why they wait), "life", "accepted", "delivered" (of `accepted` hints all up to
// `delivered` are delivered), "debt_since_ms" and "debts": what was not kept, and is left to
// repair.
#pragma once

#include "dkv/dkv.h"
#include "ring/ring.h"

#include <jansson.h>

struct hint_lines {
    json_t **lines; // owned, by holder and node
    unsigned count;
    bool *is_silent; // by index in the ring: the node did not answer
    unsigned silent_count;
};

// Asks every node of the ring. Fails only if no router can be asked at all.
enum status hint_lines_ask(const struct globals *globals, const struct ring *ring,
                           struct hint_lines *lines, struct fault *fault) MUST_USE;

// Only of this key: a line for each node that a hint of it is for, with "holder", "node",
// "node_id", "since_ms" (when the first write in it came) and "state"; also "values", "deletions"
// and "bytes" (of its record), which an older hintd leaves out. A hintd of before that question
// counts as one that does not answer.
enum status hint_lines_ask_key(const struct globals *globals, const struct ring *ring,
                               uint32_t keyspace, struct bytes key, struct hint_lines *lines,
                               struct fault *fault) MUST_USE;
void hint_lines_release(struct hint_lines *lines);

// Asks every hintd to try this node now; is_silent and silent_count say who did not answer.
enum status hint_lines_flush(const struct globals *globals, const struct ring *ring,
                             const char *node, struct hint_lines *lines,
                             struct fault *fault) MUST_USE;

const char *hint_lines_text(const json_t *line, const char *name); // "" if it is not there
uint64_t hint_lines_number(const json_t *line, const char *name);  // also of text

// How many hints wait for a node, over all that answered.
uint64_t hint_lines_sum(const struct hint_lines *lines, const char *node);
