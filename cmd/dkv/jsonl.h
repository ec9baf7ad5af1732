// jsonl.h - dkv's values as JSON, one object a line.
//
// Bytes that are UTF-8 are a string, all others {"b64":"..."} (RFC 4648, padded). Dots,
// hybrid clocks, times and tokens are strings, because many readers round numbers beyond
// 2^53.
#pragma once

#include "base/buf.h"
#include "causal/record.h"

#include <jansson.h>

json_t *jsonl_bytes(struct bytes bytes);  // a new reference
json_t *jsonl_base64(struct bytes bytes); // {"b64":"..."} whatever the bytes

// Appends the bytes that a string or {"b64":"..."} stands for. INVALID for anything else
// (also for NULL, a member that is not there).
enum status jsonl_parse_bytes(const json_t *json, struct buf *out) MUST_USE;

// The object of `dkv get --json`: v, key, values, context (in binary here), tombstone.
// `values` holds what is visible at now_ms; `tombstone` is true if a deletion is among the
// siblings.
json_t *jsonl_record(struct bytes key, const struct record *record, struct bytes context,
                     uint64_t now_ms);

// One of its values: value, dot, hlc, expires (null = never).
json_t *jsonl_sibling(const struct sibling *sibling);

// "0123456789abcdef:17"
enum { JSONL_DOT_SIZE = 16 + 1 + 20 + 1 };
void jsonl_dot_format(struct dot dot, char text[JSONL_DOT_SIZE]);

// Appends the object and a newline, and drops the reference.
void jsonl_append(json_t *json, struct buf *out);
