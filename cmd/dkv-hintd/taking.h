// taking.h - a hint is taken in: checked, joined with what is there, and written.
//
// A hintd holds no replicas. What it mints and joins with is what it keeps: for HINT the hint for
// that owner, for HINT_UPDATE, FETCH and FIND the join of all hints for the key, whomever they are
// for.
#pragma once

#include "dkv-hintd/hintd.h"
#include "wire/hint.h"

// Whether the sender has the ring document that we have.
bool taking_is_same_ring(const struct hintd *hintd, const struct message_header *header);

// Whether the target is a node of the ring. INVALID, or STALE if the sender has another ring;
// STALE, too, if the shard has got its owners by a newer ring than ours.
enum status taking_check(const struct hintd *hintd, const struct message_header *header,
                         uint64_t target) MUST_USE;
// The same of a list of them, each of which is there once.
enum status taking_check_all(const struct hintd *hintd, const struct message_header *header,
                             struct bytes targets) MUST_USE;

// Reads the hint for a target into hintd->keeping, and all hints for the key into hintd->joined.
//   INVALID; CORRUPT, IO: counted
//   BUSY: the operation has to wait for the disk, or for one on the same key that does
enum status taking_read(struct hintd *hintd, uint32_t keyspace, struct bytes key,
                        uint64_t target) MUST_USE;
enum status taking_read_all(struct hintd *hintd, uint32_t keyspace, struct bytes key) MUST_USE;

// Finds what a write that is validated has not seen of the hints for others than its target:
// hintd->told. Statuses as of taking_read(); what is damaged tells nothing.
enum status taking_hear_others(struct hintd *hintd, const struct op_hint *op) MUST_USE;

// Gives the key that was read, as mint, join and find ask for it.
struct replica taking_replica(const struct hintd *hintd, const struct record *held,
                              struct moment now);

// Keeps a hint. What is to be told is in hintd->change, if there is one.
//   DISK_FULL: it was not kept, which is noted; BUSY and those of join_record()
enum status taking_hint(struct hintd *hintd, const struct op_hint *op, struct moment now,
                        bool *has_change) MUST_USE;

// Gives a write its dot and keeps a hint for every target. The record is in hintd->encoded, the
// rest in hintd->change.
//   those of mint_write(), DISK_FULL, BUSY: nothing was written
enum status taking_update(struct hintd *hintd, const struct message_header *header,
                          const struct op_hint_update *op, struct moment now) MUST_USE;

// Puts a record for a target that was read into hintd->keeping, with what it stands for besides,
// into hintd->batch: for hints that go to others.
void taking_put(struct hintd *hintd, const struct hint_news *news, struct moment now);
