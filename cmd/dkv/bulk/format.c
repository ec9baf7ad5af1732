#include "dkv/bulk/format.h"

#include "base/text.h"
#include "causal/record.h"
#include "dkv/jsonl.h"

#include <inttypes.h>

enum {
    SPACE_SIZE_MIN = 64 * 1024,
    KEEP_SIZE_MAX = 1024 * 1024, // of buffers, behind a large record
    CDB_HEADER_SIZE_MAX = 32,
};

enum status format_parse(const char *name, enum format *format)
{
    static const char *const names[] = {"tsv", "json", "cdb", "null"};
    *format = FORMAT_TSV;
    for (unsigned i = 0; name && i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) {
            *format = (enum format)i;
            return STATUS_OK;
        }
    return name ? STATUS_INVALID : STATUS_OK;
}

// ---- the buffer -------------------------------------------------------------------

void format_reader_init(struct format_reader *reader, enum format format, bool keys_only)
{
    *reader = (struct format_reader){.format = format, .keys_only = keys_only};
}

void format_reader_release(struct format_reader *reader)
{
    buf_release(&reader->input);
    buf_release(&reader->scratch);
}

static struct bytes unread(const struct format_reader *reader)
{
    if (!reader->input.data)
        return (struct bytes){0};
    return bytes_of(reader->input.data + reader->at, reader->input.size - reader->at);
}

uint8_t *format_reader_space(struct format_reader *reader, size_t *size)
{
    struct buf *input = &reader->input;
    size_t left = unread(reader).size;
    if (input->capacity > KEEP_SIZE_MAX && left < SPACE_SIZE_MIN) {
        struct buf small = {0};
        buf_append(&small, unread(reader));
        buf_release(input);
        *input = small;
    } else if (reader->at && left) {
        memmove(input->data, input->data + reader->at, left);
    }
    input->size = left;
    reader->at = 0;
    buf_reserve(input, SPACE_SIZE_MIN);
    *size = input->capacity - left;
    return input->data + left;
}

void format_reader_feed(struct format_reader *reader, size_t size)
{
    reader->input.size += size;
}

void format_reader_end(struct format_reader *reader)
{
    reader->ended = true;
}

static struct bytes take(struct format_reader *reader, size_t size)
{
    struct bytes raw = bytes_of(unread(reader).data, size);
    reader->at += size;
    reader->offset += size;
    return raw;
}

// ---- where a record ends ------------------------------------------------------------

// A decimal number of at most 10 digits and the character behind it; NULL if there is none.
static const uint8_t *read_number(const uint8_t *at, const uint8_t *end, uint8_t stop,
                                  uint64_t *number)
{
    const uint8_t *begin = at;
    for (*number = 0; at < end && *at >= '0' && *at <= '9' && at - begin < 10; at++)
        *number = *number * 10 + (uint64_t)(*at - '0');
    return at < end && at > begin && *at == stop ? at + 1 : NULL;
}

struct cdb_header {
    uint64_t key_size, value_size;
    size_t size; // of the header, 0 = not one
};

static struct cdb_header read_cdb_header(struct bytes bytes)
{
    struct cdb_header header = {0};
    const uint8_t *end = bytes.data + bytes.size;
    if (!bytes.size || *bytes.data != '+')
        return header;
    const uint8_t *at = read_number(bytes.data + 1, end, ',', &header.key_size);
    at = at ? read_number(at, end, ':', &header.value_size) : NULL;
    if (at)
        header.size = (size_t)(at - bytes.data);
    return header;
}

// Size of the record that the unread bytes begin with, 0 if they do not hold all of it.
static size_t find_end(struct format_reader *reader, bool *is_broken)
{
    struct bytes bytes = unread(reader);
    *is_broken = false;
    if (reader->format == FORMAT_CDB) {
        if (!reader->need && bytes.size) {
            struct cdb_header header = read_cdb_header(bytes);
            if (header.size)
                reader->need = header.size + header.key_size + 2 + header.value_size + 1;
            else
                *is_broken = bytes.size >= CDB_HEADER_SIZE_MAX || *bytes.data != '+';
        }
        return reader->need && bytes.size >= reader->need ? (size_t)reader->need : 0;
    }
    uint8_t stop = reader->format == FORMAT_NULL ? 0 : '\n';
    uint64_t stop_count = reader->format == FORMAT_NULL && !reader->keys_only ? 2 : 1;
    while (reader->scanned < bytes.size) {
        const uint8_t *at =
            memchr(bytes.data + reader->scanned, stop, bytes.size - reader->scanned);
        reader->scanned = at ? (size_t)(at - bytes.data) + 1 : bytes.size;
        if (at && ++reader->nul_count == stop_count)
            return reader->scanned;
    }
    return 0;
}

static void forget_end(struct format_reader *reader)
{
    reader->scanned = 0;
    reader->nul_count = 0;
    reader->need = 0;
    reader->skipping = false;
}

// ---- what a record says -------------------------------------------------------------

static enum status unescape(struct format_reader *reader, struct bytes text, size_t *start,
                            struct fault *fault)
{
    *start = reader->scratch.size;
    return text_unescape_tsv(text, &reader->scratch, fault);
}

static enum status read_tsv(struct format_reader *reader, struct bytes line, struct pair *pair,
                            struct fault *fault)
{
    const uint8_t *tab = reader->keys_only ? NULL : memchr(line.data, '\t', line.size);
    if (!tab && !reader->keys_only)
        return fault_set(fault, STATUS_INVALID, "there is no TAB between key and value");
    size_t key_size = tab ? (size_t)(tab - line.data) : line.size;
    struct bytes key = bytes_of(line.data, key_size);
    struct bytes value = tab ? bytes_of(tab + 1, line.size - key_size - 1) : (struct bytes){0};
    if (!memchr(line.data, '\\', line.size) &&
        !memchr(value.size ? value.data : key.data, '\t', value.size ? value.size : key.size)) {
        pair->key = key;
        pair->value = value;
        return STATUS_OK;
    }
    size_t key_at, value_at;
    enum status status = unescape(reader, key, &key_at, fault);
    if (!status)
        status = unescape(reader, value, &value_at, fault);
    if (status)
        return status;
    pair->key = bytes_of(reader->scratch.data + key_at, value_at - key_at);
    pair->value = bytes_of(reader->scratch.data + value_at, reader->scratch.size - value_at);
    return STATUS_OK;
}

static enum status read_json(struct format_reader *reader, struct bytes line, struct pair *pair,
                             struct fault *fault)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)line.data, line.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json)
        return fault_set(fault, STATUS_INVALID, "not JSON at byte %d: %s", error.position,
                         error.text);
    struct buf *scratch = &reader->scratch;
    buf_reserve(scratch, 1); // so that empty bytes, too, are somewhere
    const json_t *record = json_object_get(json, "record");
    enum status status = jsonl_parse_bytes(json_object_get(json, "key"), scratch);
    size_t key_size = scratch->size;
    if (status)
        fault_set(fault, status, "\"key\" is not a string or {\"b64\":...}");
    else if (!reader->keys_only) {
        status = jsonl_parse_bytes(record ? record : json_object_get(json, "value"), scratch);
        if (status)
            fault_set(fault, status, "\"%s\" is not a string or {\"b64\":...}",
                      record ? "record" : "value");
    }
    json_decref(json);
    pair->key = bytes_of(scratch->data, key_size);
    pair->value = bytes_of(scratch->data + key_size, scratch->size - key_size);
    pair->is_record = record && !reader->keys_only;
    return status;
}

static enum status read_cdb(struct bytes raw, struct pair *pair, struct fault *fault)
{
    struct cdb_header header = read_cdb_header(raw);
    const uint8_t *key = raw.data + header.size;
    if (memcmp(key + header.key_size, "->", 2) || raw.data[raw.size - 1] != '\n')
        return fault_set(fault, STATUS_CORRUPT, "the lengths do not fit the record");
    pair->key = bytes_of(key, header.key_size);
    pair->value = bytes_of(key + header.key_size + 2, header.value_size);
    return STATUS_OK;
}

static enum status read_record(struct format_reader *reader, struct bytes raw, struct pair *pair,
                               struct fault *fault)
{
    struct bytes text = raw; // without its end
    uint8_t stop = reader->format == FORMAT_NULL ? 0 : '\n';
    if (text.size && text.data[text.size - 1] == stop)
        text.size--;
    enum status status = STATUS_OK;
    if (reader->format == FORMAT_TSV) {
        status = read_tsv(reader, text, pair, fault);
    } else if (reader->format == FORMAT_JSON) {
        status = read_json(reader, text, pair, fault);
    } else if (reader->format == FORMAT_CDB) {
        status = read_cdb(raw, pair, fault);
    } else {
        size_t key_size = strnlen((const char *)text.data, text.size);
        pair->key = bytes_of(text.data, key_size);
        if (key_size < text.size)
            pair->value = bytes_of(text.data + key_size + 1, text.size - key_size - 1);
    }
    if (status)
        return status;
    if (reader->keys_only)
        pair->value = (struct bytes){0};
    if (!pair->key.size)
        return fault_set(fault, STATUS_INVALID, "the key is empty");
    if (pair->key.size > RECORD_KEY_SIZE_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "the key is longer than %d bytes",
                         RECORD_KEY_SIZE_MAX);
    size_t size_max = pair->is_record ? FORMAT_STORED_SIZE_MAX : FORMAT_VALUE_SIZE_MAX;
    if (pair->value.size > size_max)
        return fault_set(fault, STATUS_TOO_LARGE, "the value is longer than %zu bytes", size_max);
    return STATUS_OK;
}

// ---- events -------------------------------------------------------------------------

static enum format_event broken(struct format_reader *reader, struct pair *pair,
                                struct fault *fault, const char *text)
{
    pair->raw = unread(reader);
    reader->finished = true;
    fault_set(fault, STATUS_CORRUPT, "%s", text);
    return FORMAT_BROKEN;
}

// The input is used up and no record ended.
static enum format_event next_at_end(struct format_reader *reader, struct pair *pair,
                                     struct fault *fault)
{
    size_t left = unread(reader).size;
    if (reader->format == FORMAT_CDB)
        return broken(reader, pair, fault, "the input ends without an empty line");
    bool is_line = reader->format == FORMAT_TSV || reader->format == FORMAT_JSON;
    if (!left && !reader->skipping)
        return FORMAT_END;
    bool is_rejected = !is_line || reader->skipping;
    pair->raw = take(reader, left);
    forget_end(reader);
    if (is_rejected) {
        fault_set(fault, STATUS_INVALID, "the input ends inside this record");
        return FORMAT_REJECT;
    }
    return read_record(reader, pair->raw, pair, fault) ? FORMAT_REJECT : FORMAT_PAIR;
}

enum format_event format_next(struct format_reader *reader, struct pair *pair, struct fault *fault)
{
    *pair = (struct pair){0};
    buf_clear(&reader->scratch);
    struct bytes bytes = unread(reader);
    if (reader->finished)
        return FORMAT_END;
    if (reader->format == FORMAT_CDB && !reader->need && bytes.size && *bytes.data == '\n') {
        take(reader, 1);
        reader->finished = true;
        return FORMAT_END;
    }
    bool is_broken;
    size_t size = find_end(reader, &is_broken);
    if (is_broken)
        return broken(reader, pair, fault, "this is no record of cdb: +klen,vlen:key->value");
    if (!size && (bytes.size >= FORMAT_RECORD_SIZE_MAX ||
                  (bytes.size && (reader->need > FORMAT_RECORD_SIZE_MAX || reader->skipping)))) {
        pair->raw = take(reader, bytes.size);
        reader->scanned = 0;
        reader->need -= reader->need ? bytes.size : 0;
        reader->skipping = true;
        return FORMAT_PART;
    }
    if (!size)
        return reader->ended ? next_at_end(reader, pair, fault) : FORMAT_MORE;
    pair->raw = take(reader, size);
    bool was_skipping = reader->skipping;
    forget_end(reader);
    if (was_skipping || size > FORMAT_RECORD_SIZE_MAX) {
        fault_set(fault, STATUS_TOO_LARGE, "the record is longer than %d bytes",
                  FORMAT_RECORD_SIZE_MAX);
        return FORMAT_REJECT;
    }
    enum status status = read_record(reader, pair->raw, pair, fault);
    if (status == STATUS_CORRUPT)
        reader->finished = true; // nobody knows where the next record begins
    return status == STATUS_CORRUPT ? FORMAT_BROKEN : status ? FORMAT_REJECT : FORMAT_PAIR;
}

uint64_t format_reader_offset(const struct format_reader *reader)
{
    return reader->offset;
}

size_t format_reader_skip(struct format_reader *reader, uint64_t size)
{
    size_t left = unread(reader).size;
    return take(reader, size < left ? (size_t)size : left).size;
}

void format_reader_trim(struct format_reader *reader)
{
    if (reader->scratch.capacity > KEEP_SIZE_MAX)
        buf_release(&reader->scratch);
}

void format_reader_restart(struct format_reader *reader)
{
    forget_end(reader);
    reader->ended = reader->finished = false;
    reader->offset += unread(reader).size;
    reader->at = reader->input.size;
}

// ---- writing ------------------------------------------------------------------------

void format_write_key(enum format format, struct bytes key, struct buf *out)
{
    if (format == FORMAT_JSON) {
        jsonl_append(json_pack("{s:i,s:o}", "v", 1, "key", jsonl_bytes(key)), out);
    } else if (format == FORMAT_NULL) {
        buf_append(out, key);
        buf_append_u8(out, 0);
    } else {
        text_escape_tsv(key, out);
        buf_append_u8(out, '\n');
    }
}

enum status format_write(enum format format, struct bytes key, struct bytes value, struct buf *out)
{
    size_t start = out->size;
    switch (format) {
    case FORMAT_TSV:
        text_escape_tsv(key, out);
        buf_append_u8(out, '\t');
        text_escape_tsv(value, out);
        buf_append_u8(out, '\n');
        break;
    case FORMAT_JSON:
        jsonl_append(json_pack("{s:i,s:o,s:o}", "v", 1, "key", jsonl_bytes(key), "value",
                               jsonl_bytes(value)),
                     out);
        break;
    case FORMAT_CDB:
        buf_printf(out, "+%zu,%zu:", key.size, value.size);
        buf_append(out, key);
        buf_append_text(out, "->");
        buf_append(out, value);
        buf_append_u8(out, '\n');
        break;
    case FORMAT_NULL:
        if (memchr(key.data, 0, key.size) || (value.size && memchr(value.data, 0, value.size)))
            return STATUS_REFUSED;
        format_write_key(FORMAT_NULL, key, out);
        format_write_key(FORMAT_NULL, value, out);
        break;
    }
    if (out->size - start <= FORMAT_RECORD_SIZE_MAX)
        return STATUS_OK;
    out->size = start;
    return STATUS_REFUSED;
}

void format_write_end(enum format format, struct buf *out)
{
    if (format == FORMAT_CDB)
        buf_append_u8(out, '\n');
}
