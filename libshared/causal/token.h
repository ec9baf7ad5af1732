// token.h - causality in the hands of scripts: context tokens and receipts.
//
// A context says which versions a client has seen; a later put or delete with it
// supersedes exactly those. A receipt names one write, so that it can be waited for. Both are
// opaque text (base64url, no padding) that ends with a seal of the cluster (seal.h), so a
// truncated paste and a forged token are refused, and both know their key, so that a token of
// another key is refused too.
//
// Binary forms (before base64url) are what travels in messages. dkv-record(5) gives them.
#pragma once

#include "causal/record.h"
#include "causal/seal.h"

enum {
    TOKEN_TEXT_SIZE_MAX = 160 * 1024, // any context of CLOCK_INTERVALS_MAX fits
    CONTEXT_REQUESTS_MAX = 2 * RECORD_SIBLINGS_MAX,
};

// A write whose outcome was unknown for a while may have got two dots, of which its reader saw
// one. A reader of either has seen the write, so a context says besides which requests it saw.
struct context {
    struct clock clock;  // owned
    uint64_t hlc_max;    // a write with this context gets a greater one
    struct buf requests; // owned: ids, 16 bytes each; at most CONTEXT_REQUESTS_MAX
};

void context_release(struct context *context);
void context_of_record(struct context *context, const struct record *record);

// Binary: u8 version, u32 of the hash of keyspace and key, u64 hlc_max, clock, u8 count of
// requests, the requests, seal.
void context_encode(const struct context *context, const struct seals *seals, uint32_t keyspace,
                    struct bytes key, struct buf *out);
// Not OK, and an empty context: INVALID, damaged or forged, or of more than CLOCK_INTERVALS_MAX
// intervals or CONTEXT_REQUESTS_MAX requests; NOT_FOUND, sealed with a key that is not known;
// REFUSED, not of this keyspace and key.
enum status context_decode(struct context *context, const struct seals *seals, uint32_t keyspace,
                           struct bytes key, struct bytes encoded) MUST_USE;

struct receipt {
    uint32_t keyspace;
    struct bytes key; // borrowed
    struct request_id request;
    struct dot dot; // counter 0 = not known
    uint64_t epoch;
    uint8_t acked;  // durable on this many nodes when it was written
    uint8_t hinted; // of which as hints; at most acked
    bool is_sealed; // set by decode: a router of the cluster says all this
};

// A client can make a receipt of a write that no router answered, of key and request alone. The
// seals are NULL for such a one, and its dot, epoch and counts 0. It proves nothing, but a receipt
// only asks.
//
// The key that decode gives is borrowed from `encoded`. INVALID; NOT_FOUND as above.
void receipt_encode(const struct receipt *receipt, const struct seals *seals, struct buf *out);
enum status receipt_decode(struct receipt *receipt, const struct seals *seals,
                           struct bytes encoded) MUST_USE;

// What a receipt says, whoever made it: for a client, which has no seals. INVALID: it is none.
enum status receipt_peek(struct receipt *receipt, struct bytes encoded) MUST_USE;

// base64url without padding. Decode appends to out; INVALID on any other character,
// impossible length, non-zero trailing bits or more than TOKEN_TEXT_SIZE_MAX; then out
// is as before.
void token_format(struct bytes binary, struct buf *out);
enum status token_parse(struct bytes text, struct buf *out) MUST_USE;
