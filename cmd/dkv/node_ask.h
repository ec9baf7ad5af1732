// node_ask.h - a question for a process of one node, or of every node, which a router passes on.
#pragma once

#include "dkv/dkv.h"
#include "ring/ring.h"

// Asks "hintd/..." or "repair/..." of the node of this name. Appends the answer.
enum status node_ask(const struct globals *globals, const char *node, const char *topic,
                     const char *argument, struct buf *answer, struct fault *fault) MUST_USE;

// Reads a decimal number at *text and what separates it from the next; 0 if there is none.
uint64_t node_ask_number(const char **text);

// Waits a little between two questions. False: `deadline_ms` is over; 0 = there is none.
bool node_ask_pause(uint64_t deadline_ms);
// The deadline of a verb that waits, from --timeout; 0 = there is none.
uint64_t node_ask_deadline(const struct globals *globals);
