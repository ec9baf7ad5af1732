// ring_text.h - the ring document as text: sorted, one thing a line, diffable.
//
// The bytes are canonical: parse(format(r)) = r and format(parse(t)) = t. The last
// line is a hash of all before it. dkv-ring(5) is the grammar.
#pragma once

#include "base/buf.h"
#include "base/fault.h"
#include "ring/ring.h"

enum { RING_TEXT_SIZE_MAX = 64 * 1024 * 1024 }; // of a document that is read from a file

void ring_text_format(const struct ring *ring, struct buf *out);

// CORRUPT, with the line number in the fault where one line is to blame. `ring` is untouched
// on failure.
enum status ring_text_parse(struct ring *ring, struct bytes text, struct fault *fault) MUST_USE;

const char *ring_move_text(enum ring_move move);
const char *ring_state_text(enum ring_node_state state);

// The hash that the last line of the document carries; the `parent` of the next epoch.
uint64_t ring_text_hash(const struct ring *ring);

// The public part of one node, as `dkv init` writes it to NAME.node: the node line of
// the document alone, and a version line.
void ring_node_format(const struct ring_node *node, struct buf *out);
enum status ring_node_parse(struct ring_node *node, struct bytes text,
                            struct fault *fault) MUST_USE;
