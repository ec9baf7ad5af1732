// record.h - all that is stored for one key.
//
// A record is a clock and the values that nothing in the clock superseded: its
// siblings. Usually there is one. A deletion is a sibling with the tombstone flag and
// no bytes. dkv-record(5) gives the encoding.
//
//     join(a, b):  union of the clocks; a sibling survives if the other side has it
//                  too or does not cover its dot.
//
// Join is commutative, associative and idempotent, so replication, hints, read repair
// and anti-entropy may repeat, reorder and delay records freely.
//
// Every sibling carries the request id of the write that made it, so a repeated
// request finds its first try. Siblings with one request id are shown as one value
// (record_visible), but never collapsed here: that would not be associative.
//
// Ownership: a record owns its arrays. Values are borrowed from the bytes that it was
// decoded from (or from the write that made them) and live as long as those.
// A zero-filled record is a valid empty one: "nothing known of this key".
#pragma once

#include "causal/clock.h"

enum {
    RECORD_KEY_SIZE_MAX = 4096,
    RECORD_SIBLINGS_WARN = 25,
    RECORD_SIBLINGS_MAX = 100, // refused at the edge; replication takes all
};

// Returns the most that a join of records may have where each is at most `size_max`: concurrent
// writes are all kept, so it is larger than that; the engine takes as much.
static inline uint64_t record_joined_size_max(uint64_t size_max)
{
    return size_max + size_max * 3 / 4;
}

struct request_id {
    uint8_t bytes[16];
};

static inline bool request_id_equal(const struct request_id *a, const struct request_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

// All zero: the write had none. It is then shown as a value of its own and never found.
static inline bool request_id_is_none(const struct request_id *id)
{
    static const struct request_id none;
    return request_id_equal(id, &none);
}

enum sibling_flags {
    SIBLING_TOMBSTONE = 1,
};

struct sibling {
    struct dot dot;
    uint64_t hlc;        // hybrid logical clock of the write (hlc.h)
    uint64_t expires_ms; // wall clock, 0 = never
    struct request_id request;
    uint8_t flags;
    struct bytes value;  // empty in a head (see record_encode_head)
    uint64_t value_size; // of the value, also in a head
    uint64_t value_hash; // in a head; otherwise 0, ask sibling_value_hash
};

// hash64 of the value, computed if the value is here. A head gives the one it carries.
uint64_t sibling_value_hash(const struct sibling *sibling);

struct record {
    struct clock clock;
    struct sibling *siblings; // owned, sorted by dot
    uint32_t count;
    uint32_t capacity;
    bool head; // decoded from a head: the values are not there
};

void record_release(struct record *record);
void record_clear(struct record *record);                       // empty, memory kept
void record_copy(struct record *to, const struct record *from); // values stay borrowed

// Encoding ends with a checksum over everything before it and over the key, so that a
// record cannot be taken for another key's. Decode checks it all: if the bytes are not
// exactly what encode would write for that key, CORRUPT and an empty record. A head
// cannot be encoded as a record.
void record_encode(const struct record *record, struct bytes key, struct buf *out);
enum status record_decode(struct record *record, struct bytes key, struct bytes encoded) MUST_USE;

// The same without the values: clock, dots, hlc, sizes and hashes. record_decode
// reads it and sets `head`.
void record_encode_head(const struct record *record, struct bytes key, struct buf *out);

// Makes a head of one sibling a record: `value` is the one of `dot`, which is borrowed from now on.
// False, and nothing is done: it is no such head, or of another value.
bool record_fill_head(struct record *head, struct dot dot, struct bytes value);

static inline bool record_is_empty(const struct record *record)
{
    return record->count == 0 && record->clock.count == 0;
}

// True if both have the same clock and the same dots: they are the same record.
bool record_same_versions(const struct record *a, const struct record *b);

// True if joining `other` into `record` would change neither clock nor siblings.
bool record_includes(const struct record *record, const struct record *other);

// join, in place. A sibling that both sides have is taken from the one that is no head.
// `head` is set on the result if any of its siblings came from a head.
void record_join(struct record *into, const struct record *other);

// One write, as the coordinator's store applies it.
struct record_write {
    struct dot dot; // new; its actor and counter were never used before
    uint64_t hlc;   // at least record_hlc_max() + 1 of what it supersedes
    uint64_t expires_ms;
    struct request_id request;
    uint8_t flags;               // SIBLING_TOMBSTONE
    bool keep_siblings;          // supersedes nothing but what the context covers
    const struct clock *context; // NULL: blind, supersedes all that the record holds
    struct bytes value;
};

// Adds the write to the record in place: drops what it supersedes, adds the dot (`held`,
// see clock_mint, is whether the record had been found) and the context to the clock,
// adds the sibling.
//   blind (no context, not keep_siblings)   supersedes every sibling of the record
//   context                                 supersedes what the context covers
//   keep_siblings without context           supersedes nothing
void record_update(struct record *record, const struct record_write *write, bool held);

// The order in which siblings are greater everywhere: by (hlc, tombstone, actor, counter).
bool sibling_is_greater(const struct sibling *a, const struct sibling *b);

// lww keyspaces: keeps only the greatest sibling. Returns how many it dropped.
uint32_t record_keep_greatest(struct record *record);

uint64_t record_hlc_max(const struct record *record); // 0 if there is no sibling
const struct sibling *record_find_dot(const struct record *record, struct dot dot);
const struct sibling *record_find_request(const struct record *record,
                                          const struct request_id *request);

// What a reader sees at `now_ms`: siblings that are neither tombstones nor expired,
// one per request id (the smallest dot). Writes up to `max` pointers into `visible`
// and returns how many there are in all. If a value and a tombstone are concurrent,
// the value is visible.
uint32_t record_visible(const struct record *record, uint64_t now_ms,
                        const struct sibling **visible, uint32_t max);

// What this record adds to its leaves in the two hash trees, that of values and that of
// deletions: a hash of the engine key's hash and of the dots of its values, or of its tombstones;
// 0 if it has none. Equal on all replicas, and for a record and its head. Dots that only the clock
// covers are not in it.
struct record_leaf {
    uint64_t values, tombstones;
};

struct record_leaf record_leaf(const struct record *record, uint64_t key_hash);
bool record_has_value(const struct record *record); // expired ones count, too

// A write that a record covers and does not show, with the request it came from, which the record
// does not tell.
struct superseded {
    struct dot dot; // counter 0: not known
    struct request_id request;
};

struct superseded_list {      // zero-filled is empty
    struct superseded *items; // owned
    uint32_t count;
    uint32_t capacity;
};

void superseded_list_release(struct superseded_list *list);
void superseded_list_add(struct superseded_list *list, struct superseded superseded);

// Adds what the record shows, since it may be superseded by what happens next ...
void superseded_list_add_shown(struct superseded_list *list, const struct record *record);
// ... and keeps those that were: `result` covers them and does not show them. Those without a dot
// stay, too.
void superseded_list_keep(struct superseded_list *list, const struct record *result);

bool superseded_list_has(const struct superseded_list *list, const struct request_id *request);
