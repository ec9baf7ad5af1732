// ages.h - when each pair of replicas agreed last, kept so that a restart does not forget it.
//
// dkv-repair writes it to data/repair, whole and durable, once in a while. What it says may be
// older than the truth: then somebody is alarmed too soon. It is never younger.
//
//     file := magic u64 · version u32 · cluster u64 · node u64 · count u32 · pairs · hash64 u64
//     pair := keyspace u32 · partition u32 · node u64 of the other owner · since u64 · agreed u8
//
// All little endian. `since` is of the wall clock in ms, because the monotonic one begins anew with
// the machine: when the last round that adopted began, or when one was first wanted if none did
// (agreed = 0). One that lies in the future says nothing.
#pragma once

#include "base/fault.h"
#include "dkv-repair/pulls.h"

enum { AGES_SIZE_MAX = 1 << 30 }; // of a file

// Whose ages they are.
struct ages_name {
    uint64_t cluster, node; // ids
};

void ages_encode(const struct pulls *pulls, struct ages_name name, struct moment now,
                 struct buf *out);

// Takes the ages of those pulls that there are still, before any of them began.
// CORRUPT: this is no such file, or not a whole one; INVALID: it is of another node. All pulls are
// as they were then.
enum status ages_decode(struct pulls *pulls, struct ages_name name, struct bytes file,
                        struct moment now, struct fault *fault) MUST_USE;
