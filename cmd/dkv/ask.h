// ask.h - one question to the cluster, and its answer as text.
//
// Topics: "ring" is answered with the ring document, "ring/propose", whose argument is the document
// to follow, with what became of it, "status" with a JSON object a line for each node, "metrics"
// with the text that Prometheus reads.
#pragma once

#include "dkv/dkv.h"
#include "ring/ring.h"

// Appends the answer. UNREACHABLE, TIMEOUT, NOT_AUTHORISED, or what the router said.
enum status ask(const struct globals *globals, const char *topic, struct buf *answer,
                struct fault *fault) MUST_USE;
// The same for a question with an argument.
enum status ask_about(const struct globals *globals, const char *topic, struct bytes argument,
                      struct buf *answer, struct fault *fault) MUST_USE;

// The same with an argument.
enum status ask_about(const struct globals *globals, const char *topic, struct bytes argument,
                      struct buf *answer, struct fault *fault) MUST_USE;

// Says why there is no answer, and returns the exit status.
int ask_report(const struct globals *globals, const char *verb, enum status status,
               const struct fault *fault);

// The ring of the cluster or, if `file` is not NULL, the document in that file; also its
// text, if `text` is not NULL. On failure reports and returns the exit status, else 0.
int ask_ring(const struct globals *globals, const char *verb, const char *file, struct ring *ring,
             struct buf *text) MUST_USE;
// The ring of the cluster without nodes that are dead and own nothing: for questions to all others.
int ask_ring_of_living(const struct globals *globals, const char *verb, struct ring *ring) MUST_USE;
