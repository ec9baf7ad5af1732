#include "causal/token.h"

#include "base/hash.h"

#include <assert.h>

enum {
    TOKEN_VERSION = 2,
    INTERVAL_ENCODED_SIZE_MAX = 8 + 10 + 10,
    REQUEST_SIZE = sizeof(struct request_id),
    CONTEXT_SIZE_MAX = 1 + 4 + 8 + 2 + CLOCK_INTERVALS_MAX * INTERVAL_ENCODED_SIZE_MAX + 1 +
                       CONTEXT_REQUESTS_MAX * REQUEST_SIZE + SEAL_SIZE,
};
_Static_assert(CONTEXT_REQUESTS_MAX <= UINT8_MAX, "their count is a byte");
_Static_assert((CONTEXT_SIZE_MAX + 2) / 3 * 4 <= TOKEN_TEXT_SIZE_MAX, "any context fits");

static uint32_t key_hash(uint32_t keyspace, struct bytes key)
{
    return (uint32_t)hash64_seeded(key, keyspace);
}

void context_release(struct context *context)
{
    clock_release(&context->clock);
    buf_release(&context->requests);
    context->hlc_max = 0;
}

void context_of_record(struct context *context, const struct record *record)
{
    clock_copy(&context->clock, &record->clock);
    context->hlc_max = record_hlc_max(record);
    buf_clear(&context->requests);
    for (uint32_t i = 0; i < record->count && i < CONTEXT_REQUESTS_MAX; i++) {
        if (!request_id_is_none(&record->siblings[i].request))
            buf_append(&context->requests,
                       bytes_of(record->siblings[i].request.bytes, REQUEST_SIZE));
    }
}

void context_encode(const struct context *context, const struct seals *seals, uint32_t keyspace,
                    struct bytes key, struct buf *out)
{
    size_t start = out->size;
    buf_append_u8(out, TOKEN_VERSION);
    buf_append_u32(out, key_hash(keyspace, key));
    buf_append_u64(out, context->hlc_max);
    clock_encode(&context->clock, out);
    buf_append_u8(out, (uint8_t)(context->requests.size / REQUEST_SIZE));
    buf_append(out, buf_bytes(&context->requests));
    seals_seal(seals, SEAL_CONTEXT, out, start);
}

// What the seal of a context guards. A context that anybody could have made is none.
static enum status open_context(const struct seals *seals, struct bytes encoded, struct bytes *body)
{
    uint64_t id;
    enum status status = seals_open(seals, SEAL_CONTEXT, encoded, body, &id);
    return !status && !id ? STATUS_INVALID : status;
}

static enum status read_context(struct context *context, uint32_t of_key, struct bytes body)
{
    struct reader reader = reader_of(body);
    if (reader_u8(&reader) != TOKEN_VERSION)
        return STATUS_INVALID;
    bool is_of_key = reader_u32(&reader) == of_key;
    context->hlc_max = reader_u64(&reader);
    if (clock_decode(&context->clock, &reader))
        return STATUS_INVALID;
    uint8_t count = reader_u8(&reader);
    buf_set(&context->requests, reader_bytes(&reader, (size_t)count * REQUEST_SIZE));
    if (!reader_done(&reader) || context->clock.count > CLOCK_INTERVALS_MAX ||
        count > CONTEXT_REQUESTS_MAX)
        return STATUS_INVALID;
    return is_of_key ? STATUS_OK : STATUS_REFUSED;
}

enum status context_decode(struct context *context, const struct seals *seals, uint32_t keyspace,
                           struct bytes key, struct bytes encoded)
{
    struct bytes body;
    enum status status = open_context(seals, encoded, &body);
    if (!status)
        status = read_context(context, key_hash(keyspace, key), body);
    if (status) {
        clock_clear(&context->clock);
        buf_clear(&context->requests);
        context->hlc_max = 0;
    }
    return status;
}

// Of a write that no router answered nobody knows more.
static bool is_bare(const struct receipt *receipt)
{
    return !receipt->dot.actor && !receipt->dot.counter && !receipt->epoch && !receipt->acked &&
           !receipt->hinted;
}

void receipt_encode(const struct receipt *receipt, const struct seals *seals, struct buf *out)
{
    assert(receipt->key.size <= RECORD_KEY_SIZE_MAX && receipt->hinted <= receipt->acked);
    assert(seals || is_bare(receipt));
    size_t start = out->size;
    buf_append_u8(out, TOKEN_VERSION);
    buf_append_u32(out, receipt->keyspace);
    buf_append_short(out, receipt->key);
    buf_append(out, bytes_of(receipt->request.bytes, sizeof receipt->request.bytes));
    buf_append_u64(out, receipt->dot.actor);
    buf_append_varint(out, receipt->dot.counter);
    buf_append_u64(out, receipt->epoch);
    buf_append_u8(out, receipt->acked);
    buf_append_u8(out, receipt->hinted);
    seals_seal(seals, SEAL_RECEIPT, out, start);
}

static enum status read_receipt(struct receipt *receipt, struct bytes body)
{
    struct reader reader = reader_of(body);
    uint8_t version = reader_u8(&reader);
    receipt->keyspace = reader_u32(&reader);
    receipt->key = reader_short(&reader);
    struct bytes request = reader_bytes(&reader, sizeof receipt->request.bytes);
    receipt->dot.actor = reader_u64(&reader);
    receipt->dot.counter = reader_varint(&reader);
    receipt->epoch = reader_u64(&reader);
    receipt->acked = reader_u8(&reader);
    receipt->hinted = reader_u8(&reader);
    if (!reader_done(&reader) || version != TOKEN_VERSION ||
        receipt->key.size > RECORD_KEY_SIZE_MAX || receipt->hinted > receipt->acked ||
        (!receipt->is_sealed && !is_bare(receipt)))
        return STATUS_INVALID;
    memcpy(receipt->request.bytes, request.data, sizeof receipt->request.bytes);
    return STATUS_OK;
}

enum status receipt_decode(struct receipt *receipt, const struct seals *seals, struct bytes encoded)
{
    struct bytes body;
    uint64_t id;
    *receipt = (struct receipt){0};
    enum status status = seals_open(seals, SEAL_RECEIPT, encoded, &body, &id);
    receipt->is_sealed = id != 0;
    if (!status)
        status = read_receipt(receipt, body);
    if (status)
        *receipt = (struct receipt){0};
    return status;
}

enum status receipt_peek(struct receipt *receipt, struct bytes encoded)
{
    *receipt = (struct receipt){.is_sealed = true};
    if (encoded.size < SEAL_SIZE)
        return STATUS_INVALID;
    enum status status = read_receipt(receipt, bytes_of(encoded.data, encoded.size - SEAL_SIZE));
    receipt->is_sealed = false; // for all we know
    return status;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// 3 bytes are 4 characters; the last 1 or 2 bytes are 2 or 3.
void token_format(struct bytes binary, struct buf *out)
{
    for (size_t i = 0; i < binary.size; i += 3) {
        size_t size = binary.size - i < 3 ? binary.size - i : 3;
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < size ? binary.data[i + j] : 0u);
        for (size_t j = 0; j <= size; j++)
            buf_append_u8(out, (uint8_t)alphabet[group >> (18 - 6 * j) & 63]);
    }
}

static int digit_of(uint8_t character)
{
    const char *at = character ? strchr(alphabet, character) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

enum status token_parse(struct bytes text, struct buf *out)
{
    if (text.size % 4 == 1 || text.size > TOKEN_TEXT_SIZE_MAX)
        return STATUS_INVALID;
    size_t start = out->size;
    uint32_t pending = 0; // bits that do not make a byte yet
    unsigned bits = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0) {
            out->size = start;
            return STATUS_INVALID;
        }
        pending = pending << 6 | (uint32_t)digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            buf_append_u8(out, (uint8_t)(pending >> bits));
            pending &= (1u << bits) - 1;
        }
    }
    if (pending) {
        out->size = start;
        return STATUS_INVALID;
    }
    return STATUS_OK;
}
