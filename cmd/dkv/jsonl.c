#include "dkv/jsonl.h"

#include "base/text.h"
#include "base/xalloc.h"
#include "causal/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

json_t *jsonl_bytes(struct bytes bytes)
{
    json_t *json = json_stringn(bytes.size ? (const char *)bytes.data : "", bytes.size);
    return json ? json : jsonl_base64(bytes);
}

json_t *jsonl_base64(struct bytes bytes)
{
    struct buf text = {0};
    text_format_base64(bytes, &text);
    json_t *json = json_pack("{s:o}", "b64", json_stringn_nocheck(buf_text(&text), text.size));
    buf_release(&text);
    return json;
}

enum status jsonl_parse_bytes(const json_t *json, struct buf *out)
{
    const json_t *b64 = json_object_size(json) == 1 ? json_object_get(json, "b64") : NULL;
    if (json_is_string(b64))
        return text_parse_base64(bytes_of(json_string_value(b64), json_string_length(b64)), out);
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

json_t *jsonl_record(struct bytes key, const struct record *record, struct bytes context,
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
    struct buf token = {0};
    token_format(context, &token);
    json_t *json = json_pack("{s:i,s:o,s:o,s:s,s:b}", "v", 1, "key", jsonl_bytes(key), "values",
                             values, "context", buf_text(&token), "tombstone", tombstone);
    buf_release(&token);
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
