// lives.h - the starts of this store, and what it heard of other processes.
//
// A store counts the frames of its log, from each start on: with that number, its position, it
// tells peers how far it has come, and they tell it later what they last heard of it. A store that
// is told of a start that it does not know, or of more frames than that start has in its log, was
// wiped, or put back to an older state, and lacks what it had known. Told of a start younger than
// its own, it is the older of two processes with one identity.
#pragma once

#include "base/buf.h"
#include "base/reader.h"
#include "base/status.h"
#include "causal/actor.h"

enum { LIVES_MAX = 4096 }; // ended starts that are kept

struct life { // that ended
    uint32_t start;
    uint64_t end; // its last position
};

struct heard {
    uint32_t process; // actor_process()
    uint32_t start;   // the last one
    uint64_t position;
    uint64_t since_ms; // monotonic: when this start was first heard of, not before this life
};

// Zero-filled is empty: a store that has never started.
struct lives {
    uint32_t start;    // that is under way; 0: none
    uint64_t position; // in it
    uint32_t losses;   // ever counted
    struct life *ended;
    uint32_t ended_count;
    uint32_t known_from;  // starts before are not all kept
    bool is_begun_before; // by a program that kept none of this: all before the next is not known
    struct heard *heard;  // by process
    uint32_t heard_count;
};

void lives_release(struct lives *lives);

// A start begins, of this store; does nothing if it is under way.
void lives_begin(struct lives *lives, uint32_t start);

enum lives_verdict {
    LIVES_AGREE,
    LIVES_LOST,    // this store lacks what it had known
    LIVES_YOUNGER, // another process with this identity is younger
};

// Judges what a peer last heard of this store, whose process is `own`; start 0: nothing. A store
// that is LIVES_LOST hears of itself what it was told, when that is marked: so nobody tells it
// twice. One that is LIVES_YOUNGER hears of position 0, so that its next start is judged.
enum lives_verdict lives_judge(const struct lives *lives, uint32_t own, uint32_t start,
                               uint64_t position);

// What was heard of a process; NULL: nothing.
const struct heard *lives_heard(const struct lives *lives, uint32_t process);

// True if that is more than was heard before.
bool lives_is_news(const struct lives *lives, uint64_t actor, uint64_t position);
void lives_hear(struct lives *lives, uint64_t actor, uint64_t position, uint64_t now_ms);

// u32 start, u64 position, u32 losses, u32 known from; varint count of what ended, for each u32
// start, u64 end; varint count of what was heard, for each varint process, u32 start, u64 position.
void lives_encode(const struct lives *lives, struct buf *out);
enum status lives_decode(struct lives *lives, struct reader *reader, uint64_t now_ms) MUST_USE;
