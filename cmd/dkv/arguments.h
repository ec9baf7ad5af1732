// arguments.h - what the verbs that read and write data take: keys, levels, contexts,
// values; and how they print, and say what went wrong.
//
// Failures are INVALID or TOO_LARGE with the reason in the fault.
#pragma once

#include "causal/record.h"
#include "dkv/options.h"

// The key: the content of key_file if that is not NULL, else the first operand, which is
// then taken off. 1 to 4096 bytes.
enum status argument_key(const char *key_file, struct operands *operands, struct buf *key,
                         struct fault *fault) MUST_USE;

// Seconds until a value expires, from 1; NULL is never.
enum status argument_ttl(const char *text, uint64_t *ttl_ms, struct fault *fault) MUST_USE;

// 32 hexadecimal digits, not all of them 0.
enum status argument_request_id(const char *text, struct request_id *request,
                                struct fault *fault) MUST_USE;

// A "context" or "receipt": TOKEN, or @FILE which holds one. Appends its binary form.
enum status argument_token(const char *what, const char *text, struct buf *binary,
                           struct fault *fault) MUST_USE;

// All that can be read from fd. TOO_LARGE as soon as it is more than size_max.
enum status argument_read(int fd, size_t size_max, struct buf *out, struct fault *fault) MUST_USE;

// Monotonic time at which a single-key operation that begins now is to be over.
uint64_t argument_deadline_ms(const struct globals *globals);

// Writes to standard output. False if that failed; main says why at the end.
bool print_bytes(struct bytes bytes);

// How an operation failed, in the router's words if there are any, escaped for a terminal:
// "unavailable: R=2 of ..."; of a write "unavailable, nothing was written: W=2 of ...".
// Both append.
void argument_explain(enum status status, struct bytes text, struct buf *out);
void argument_explain_write(enum status status, struct bytes text, struct buf *out);

// Says so on stderr, with advice if there is some, and returns the exit status.
int argument_report(const struct globals *globals, const char *verb, enum status status,
                    struct bytes text);
int argument_report_write(const struct globals *globals, const char *verb, enum status status,
                          struct bytes text);

// True for what fails with every key: no router, no permission, a mistake in the options.
bool argument_is_hopeless(enum status status);
