#include "dkv/jsonl.h"

#include "base/xalloc.h"
#include "causal/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_format(struct bytes bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t size = bytes.size - i < 3 ? bytes.size - i : 3;
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < size ? bytes.data[i + j] : 0u);
        uint8_t *at = buf_grow(out, 4);
        for (size_t j = 0; j < 4; j++)
            at[j] = j <= size ? (uint8_t)digits[group >> (18 - 6 * j) & 63] : '=';
    }
}

static int digit_of(uint8_t character)
{
    const char *at = character ? strchr(digits, character) : NULL;
    return at ? (int)(at - digits) : -1;
}

// Padding is required and the bits behind the end are zero: one text for the same bytes.
static enum status base64_parse(struct bytes text, struct buf *out)
{
    if (text.size % 4)
        return STATUS_INVALID;
    for (size_t i = 0; i < text.size; i += 4) {
        uint32_t group = 0;
        size_t size = 3;
        if (i + 4 == text.size && text.data[i + 3] == '=')
            size = text.data[i + 2] == '=' ? 1 : 2;
        for (size_t j = 0; j < 4; j++) {
            int digit = j <= size ? digit_of(text.data[i + j]) : 0;
            if (digit < 0)
                return STATUS_INVALID;
            group = group << 6 | (uint32_t)digit;
        }
        if (group & ((1u << (24 - 8 * size)) - 1))
            return STATUS_INVALID;
        for (size_t j = 0; j < size; j++)
            buf_append_u8(out, (uint8_t)(group >> (16 - 8 * j)));
    }
    return STATUS_OK;
}

json_t *jsonl_bytes(struct bytes bytes)
{
    json_t *json = json_stringn(bytes.size ? (const char *)bytes.data : "", bytes.size);
    return json ? json : jsonl_base64(bytes);
}

json_t *jsonl_base64(struct bytes bytes)
{
    struct buf text = {0};
    base64_format(bytes, &text);
    json_t *json = json_pack("{s:o}", "b64", json_stringn_nocheck(buf_text(&text), text.size));
    buf_release(&text);
    return json;
}

enum status jsonl_parse_bytes(const json_t *json, struct buf *out)
{
    const json_t *b64 = json_object_size(json) == 1 ? json_object_get(json, "b64") : NULL;
    if (json_is_string(b64))
        return base64_parse(bytes_of(json_string_value(b64), json_string_length(b64)), out);
    if (!json_is_string(json))
        return STATUS_INVALID;
    buf_append(out, bytes_of(json_string_value(json), json_string_length(json)));
    return STATUS_OK;
}

void jsonl_dot_format(struct dot dot, char text[JSONL_DOT_SIZE])
{
    snprintf(text, JSONL_DOT_SIZE, "%016" PRIx64 ":%" PRIu64, dot.actor, dot.counter);
}

static json_t *number(uint64_t value)
{
    return json_sprintf("%" PRIu64, value);
}

json_t *jsonl_sibling(const struct sibling *sibling)
{
    char dot[JSONL_DOT_SIZE];
    jsonl_dot_format(sibling->dot, dot);
    json_t *expires = sibling->expires_ms ? number(sibling->expires_ms) : json_null();
    return json_pack("{s:o,s:s,s:o,s:o}", "value", jsonl_bytes(sibling->value), "dot", dot, "hlc",
                     number(sibling->hlc), "expires", expires);
}

void jsonl_context_format(uint32_t keyspace, struct bytes key, const struct record *record,
                          struct buf *out)
{
    struct context context = {0};
    struct buf binary = {0};
    context_of_record(&context, record);
    context_encode(&context, keyspace, key, &binary);
    token_format(buf_bytes(&binary), out);
    context_release(&context);
    buf_release(&binary);
}

json_t *jsonl_record(uint32_t keyspace, struct bytes key, const struct record *record,
                     uint64_t now_ms)
{
    const struct sibling **visible = xmalloc((record->count + 1) * sizeof *visible);
    uint32_t count = record_visible(record, now_ms, visible, record->count);
    json_t *values = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(values, jsonl_sibling(visible[i]));
    free(visible);
    bool tombstone = false;
    for (uint32_t i = 0; i < record->count; i++)
        tombstone |= record->siblings[i].flags & SIBLING_TOMBSTONE;
    struct buf context = {0};
    jsonl_context_format(keyspace, key, record, &context);
    json_t *json = json_pack("{s:i,s:o,s:o,s:s,s:b}", "v", 1, "key", jsonl_bytes(key), "values",
                             values, "context", buf_text(&context), "tombstone", tombstone);
    buf_release(&context);
    return json;
}

static int append(const char *text, size_t size, void *out)
{
    buf_append(out, bytes_of(text, size));
    return 0;
}

void jsonl_append(json_t *json, struct buf *out)
{
    json_dump_callback(json, append, out, JSON_COMPACT);
    buf_append_u8(out, '\n');
    json_decref(json);
}
