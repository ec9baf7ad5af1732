#include "causal/seal.h"

#include "base/endian.h"
#include "base/search.h"
#include "base/xalloc.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum { HASH_SIZE = SEAL_SIZE - 8 };

static const uint8_t zeros[SEAL_SECRET_SIZE];

static void hash_with(const uint8_t *key, size_t key_size, struct bytes bytes, enum seal_kind kind,
                      uint8_t *hash, size_t hash_size)
{
    crypto_generichash_state state;
    uint8_t kind_byte = (uint8_t)kind;
    crypto_generichash_init(&state, key, key_size, hash_size);
    crypto_generichash_update(&state, &kind_byte, 1);
    if (bytes.size)
        crypto_generichash_update(&state, bytes.data, bytes.size);
    crypto_generichash_final(&state, hash, hash_size);
    sodium_memzero(&state, sizeof state);
}

uint64_t seal_id(const uint8_t secret[SEAL_SECRET_SIZE])
{
    uint8_t hash[HASH_SIZE];
    hash_with(NULL, 0, bytes_of(secret, SEAL_SECRET_SIZE), (enum seal_kind)0, hash, sizeof hash);
    uint64_t id = load_u64(hash);
    return id ? id : 1;
}

// Where the key stands, or would.
static uint32_t place_of(const struct seals *seals, uint64_t id)
{
    return (uint32_t)search_number(seals->keys, seals->count, sizeof *seals->keys, id);
}

static const uint8_t *find_secret(const struct seals *seals, uint64_t id)
{
    if (!id)
        return zeros;
    uint32_t at = seals ? place_of(seals, id) : 0;
    return seals && at < seals->count && seals->keys[at].id == id ? seals->keys[at].secret : NULL;
}

// Grows without realloc(), which would leave secrets behind in memory that is free.
static void make_room(struct seals *seals)
{
    if (seals->count & (seals->count - 1)) // full at powers of two
        return;
    size_t capacity = seals->count ? 2 * (size_t)seals->count : 1;
    struct seal_key *keys = xcalloc(capacity, sizeof *keys);
    if (seals->count) {
        memcpy(keys, seals->keys, seals->count * sizeof *keys);
        sodium_memzero(seals->keys, seals->count * sizeof *keys);
    }
    free(seals->keys);
    seals->keys = keys;
}

enum status seals_add(struct seals *seals, const uint8_t secret[SEAL_SECRET_SIZE])
{
    uint64_t id = seal_id(secret);
    uint32_t at = place_of(seals, id);
    if (at < seals->count && seals->keys[at].id == id)
        return STATUS_EXISTS;
    if (seals->count == SEALS_MAX)
        return STATUS_TOO_LARGE;
    make_room(seals);
    memmove(seals->keys + at + 1, seals->keys + at, (seals->count - at) * sizeof *seals->keys);
    seals->keys[at].id = id;
    memcpy(seals->keys[at].secret, secret, SEAL_SECRET_SIZE);
    seals->count++;
    return STATUS_OK;
}

enum status seals_add_own(struct seals *seals, const uint8_t secret[SEAL_SECRET_SIZE])
{
    enum status status = seals_add(seals, secret);
    if (status && status != STATUS_EXISTS)
        return status;
    seals->own.id = seal_id(secret);
    memcpy(seals->own.secret, secret, SEAL_SECRET_SIZE);
    return STATUS_OK;
}

void seals_release(struct seals *seals)
{
    if (seals->keys)
        sodium_memzero(seals->keys, seals->count * sizeof *seals->keys);
    free(seals->keys);
    sodium_memzero(seals, sizeof *seals);
}

void seals_seal(const struct seals *seals, enum seal_kind kind, struct buf *out, size_t start)
{
    assert(!seals || seals->own.id);
    const uint8_t *secret = seals ? seals->own.secret : zeros;
    uint8_t hash[HASH_SIZE];
    buf_append_u64(out, seals ? seals->own.id : 0);
    hash_with(secret, SEAL_SECRET_SIZE, bytes_of(out->data + start, out->size - start), kind, hash,
              sizeof hash);
    buf_append(out, bytes_of(hash, sizeof hash));
}

enum status seals_open(const struct seals *seals, enum seal_kind kind, struct bytes sealed,
                       struct bytes *body, uint64_t *id)
{
    *body = (struct bytes){0};
    *id = 0;
    if (sealed.size < SEAL_SIZE)
        return STATUS_INVALID;
    struct bytes hashed = bytes_of(sealed.data, sealed.size - HASH_SIZE);
    *id = load_u64(sealed.data + sealed.size - SEAL_SIZE);
    const uint8_t *secret = find_secret(seals, *id);
    if (!secret)
        return STATUS_NOT_FOUND;
    uint8_t hash[HASH_SIZE];
    hash_with(secret, SEAL_SECRET_SIZE, hashed, kind, hash, sizeof hash);
    if (crypto_verify_16(hash, hashed.data + hashed.size)) // in constant time
        return STATUS_INVALID;
    *body = bytes_of(sealed.data, sealed.size - SEAL_SIZE);
    return STATUS_OK;
}
