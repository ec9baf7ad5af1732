// seal.h - the keyed hash that tokens end with: nobody makes one without a key of the cluster.
//
// Each router makes a key at its first start and seals with it; all routers know the keys of
// all. A key is named by a hash of its secret, so nobody can give out another one under its
// name. The hash is BLAKE2b (libsodium) with the key, over the token and the kind of token: a
// receipt is never taken for a context.
//
//     seal  := key id (u64) hash (16 bytes)      behind what it seals
//
// A seal of the key 0, whose secret is 32 zeros, can be made by anybody and only tells a
// damaged token from a whole one.
#pragma once

#include "base/buf.h"
#include "base/status.h"

enum {
    SEAL_SECRET_SIZE = 32,
    SEAL_SIZE = 8 + 16,
    SEALS_MAX = 4096, // keys of one cluster
};

enum seal_kind { SEAL_CONTEXT = 'c', SEAL_RECEIPT = 'r' };

struct seal_key {
    uint64_t id;
    uint8_t secret[SEAL_SECRET_SIZE];
};

struct seals {             // the keys that are known
    struct seal_key *keys; // sorted by id
    uint32_t count;
    struct seal_key own; // seals; id 0 = there is none
};

uint64_t seal_id(const uint8_t secret[SEAL_SECRET_SIZE]); // never 0

// EXISTS: it is known. TOO_LARGE: there are SEALS_MAX.
enum status seals_add(struct seals *seals, const uint8_t secret[SEAL_SECRET_SIZE]) MUST_USE;
enum status seals_add_own(struct seals *seals, const uint8_t secret[SEAL_SECRET_SIZE]) MUST_USE;
void seals_release(struct seals *seals); // and wipes the secrets

// Seals with the own key what `out` has from `start` on; with the key 0 if `seals` is NULL.
void seals_seal(const struct seals *seals, enum seal_kind kind, struct buf *out, size_t start);

// Gives what the seal seals, and the key that made it (0 = anybody). INVALID: damaged or forged.
// NOT_FOUND: the key in *id is not known.
enum status seals_open(const struct seals *seals, enum seal_kind kind, struct bytes sealed,
                       struct bytes *body, uint64_t *id) MUST_USE;
