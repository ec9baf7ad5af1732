#include "base/text.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct unit {
    const char *name;
    uint64_t factor;
};

// From small to great; each is a multiple of those before it.
static const struct unit sizes[] = {
    {"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", 1ull << 40}};
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}};
enum { UNIT_COUNT = 5 };

// The number that the text begins with; `rest` is all behind it. False if there
// is none or it does not fit.
static bool read_number(struct bytes text, uint64_t *number, struct bytes *rest)
{
    size_t i = 0;
    uint64_t value = 0;
    for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value))
            return false;
    *number = value;
    *rest = bytes_of(text.data + i, text.size - i);
    return i > 0;
}

static bool read_quantity(struct bytes text, const struct unit *units, uint64_t *quantity)
{
    uint64_t number, product;
    struct bytes rest;
    if (!read_number(text, &number, &rest))
        return false;
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (!bytes_equal(rest, bytes_of_text(units[i].name)))
            continue;
        if (__builtin_mul_overflow(number, units[i].factor, &product))
            return false;
        *quantity = product;
        return true;
    }
    return false;
}

static void append_quantity(uint64_t quantity, const struct unit *units, struct buf *out)
{
    size_t i = UNIT_COUNT - 1;
    while (i > 0 && (quantity == 0 || quantity % units[i].factor != 0))
        i--;
    buf_printf(out, "%llu%s", (unsigned long long)(quantity / units[i].factor), units[i].name);
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// The byte that two digits name, -1 if they are none.
static int hex_byte(const uint8_t *digits)
{
    int high = hex_value(digits[0]), low = hex_value(digits[1]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum status text_parse_number(struct bytes text, uint64_t *number, struct fault *fault)
{
    uint64_t value;
    struct bytes rest;
    if (!read_number(text, &value, &rest) || rest.size)
        return fault_set(fault, STATUS_INVALID, "expected a number below 2^64");
    *number = value;
    return STATUS_OK;
}

void text_format_hex(struct bytes bytes, struct buf *out)
{
    uint8_t *at = buf_grow(out, 2 * bytes.size);
    for (size_t i = 0; i < bytes.size; i++) {
        *at++ = (uint8_t)hex_digits[bytes.data[i] >> 4];
        *at++ = (uint8_t)hex_digits[bytes.data[i] & 15];
    }
}

enum status text_parse_hex(struct bytes text, uint8_t *bytes, size_t size, struct fault *fault)
{
    bool is_good = text.size % 2 == 0 && text.size / 2 == size;
    for (size_t i = 0; is_good && i < size; i++)
        is_good = hex_byte(text.data + 2 * i) >= 0;
    if (!is_good)
        return fault_set(fault, STATUS_INVALID, "expected %zu hexadecimal digits", 2 * size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)hex_byte(text.data + 2 * i);
    return STATUS_OK;
}

static int base64_value(uint8_t character)
{
    const char *at = character ? strchr(base64_digits, character) : NULL;
    return at ? (int)(at - base64_digits) : -1;
}

void text_format_base64(struct bytes bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t size = bytes.size - i < 3 ? bytes.size - i : 3;
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < size ? bytes.data[i + j] : 0u);
        uint8_t *at = buf_grow(out, 4);
        for (size_t j = 0; j < 4; j++)
            at[j] = j <= size ? (uint8_t)base64_digits[group >> (18 - 6 * j) & 63] : '=';
    }
}

enum status text_parse_base64(struct bytes text, struct buf *out)
{
    if (text.size % 4)
        return STATUS_INVALID;
    for (size_t i = 0; i < text.size; i += 4) {
        uint32_t group = 0;
        size_t size = 3;
        if (i + 4 == text.size && text.data[i + 3] == '=')
            size = text.data[i + 2] == '=' ? 1 : 2;
        for (size_t j = 0; j < 4; j++) {
            int digit = j <= size ? base64_value(text.data[i + j]) : 0;
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

void text_format_size(uint64_t size, struct buf *out)
{
    append_quantity(size, sizes, out);
}

enum status text_parse_size(struct bytes text, uint64_t whole, uint64_t *size, struct fault *fault)
{
    uint64_t percent;
    struct bytes rest;
    bool is_number = read_number(text, &percent, &rest);
    if (is_number && bytes_equal(rest, bytes_of_text("%"))) {
        if (whole == 0 || percent > 100)
            return fault_set(fault, STATUS_INVALID, "%s",
                             whole ? "expected at most 100%" : "a percentage has no meaning here");
        *size = whole / 100 * percent + whole % 100 * percent / 100;
        return STATUS_OK;
    }
    if (read_quantity(text, sizes, size))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID,
                     "expected a size: a number of bytes, or with KiB, MiB, GiB, TiB%s",
                     whole ? " or %" : "");
}

void text_format_duration(uint64_t duration_ms, struct buf *out)
{
    append_quantity(duration_ms, durations, out);
}

enum status text_parse_duration(struct bytes text, uint64_t *duration_ms, struct fault *fault)
{
    if (bytes_equal(text, bytes_of_text("0"))) {
        *duration_ms = 0;
        return STATUS_OK;
    }
    if (read_quantity(text, durations, duration_ms))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID, "expected a duration: a number with ms, s, m, h or d");
}

static void append_escaped_byte(uint8_t byte, struct buf *out)
{
    uint8_t *at = buf_grow(out, 4);
    at[0] = '\\';
    at[1] = 'x';
    at[2] = (uint8_t)hex_digits[byte >> 4];
    at[3] = (uint8_t)hex_digits[byte & 15];
}

static bool is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

static void append_ascii(uint8_t byte, struct buf *out)
{
    static const char plain[] = "\t\n\r\\", letters[] = "tnr\\";
    const char *at = byte ? strchr(plain, byte) : NULL;
    if (at) {
        buf_append_u8(out, '\\');
        buf_append_u8(out, (uint8_t)letters[at - plain]);
    } else if (is_control(byte)) {
        append_escaped_byte(byte, out);
    } else {
        buf_append_u8(out, byte);
    }
}

void text_escape_tsv(struct bytes bytes, struct buf *out)
{
    buf_reserve(out, bytes.size);
    for (size_t i = 0; i < bytes.size; i++)
        append_ascii(bytes.data[i], out);
}

// What the escape at `at` stands for, and how many characters it has. -1: no escape.
static int read_escape(const uint8_t *at, size_t left, size_t *size)
{
    *size = 2;
    switch (left > 1 ? at[1] : 0) {
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case '\\':
        return '\\';
    case 'x':
        *size = 4;
        return left < 4 ? -1 : hex_byte(at + 2);
    default:
        return -1;
    }
}

enum status text_unescape_tsv(struct bytes text, struct buf *out, struct fault *fault)
{
    size_t start = out->size;
    buf_reserve(out, text.size);
    for (size_t i = 0, size; i < text.size; i += size) {
        int byte = text.data[i];
        size = 1;
        if (byte == '\\')
            byte = read_escape(text.data + i, text.size - i, &size);
        else if (byte == '\t' || byte == '\n')
            byte = -1;
        if (byte < 0) {
            out->size = start;
            bool is_escape = text.data[i] == '\\';
            return fault_set(fault, STATUS_INVALID, "%s at byte %zu",
                             is_escape ? "bad escape" : "tab or newline in a field", i);
        }
        buf_append_u8(out, (uint8_t)byte);
    }
    return STATUS_OK;
}

// U+0080 to U+009F are controls too; some terminals obey them.
static bool is_printable(const uint8_t *character)
{
    return character[0] != 0xc2 || character[1] >= 0xa0;
}

void text_escape_log(struct bytes bytes, struct buf *out)
{
    buf_reserve(out, bytes.size);
    for (size_t i = 0, size; i < bytes.size; i += size) {
        const uint8_t *at = bytes.data + i;
        size = text_utf8_size(bytes_of(at, bytes.size - i));
        if (size > 1 && is_printable(at)) {
            buf_append(out, bytes_of(at, size));
        } else if (size == 1) {
            append_ascii(*at, out);
        } else {
            size = 1;
            append_escaped_byte(*at, out);
        }
    }
}

// The Unicode Standard, table 3-7: only the second byte's range depends on the first.
size_t text_utf8_size(struct bytes bytes)
{
    if (bytes.size == 0)
        return 0;
    uint8_t first = bytes.data[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (bytes.size < size || bytes.data[1] < low || bytes.data[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if (bytes.data[i] < 0x80 || bytes.data[i] > 0xbf)
            return 0;
    return size;
}

bool text_is_utf8(struct bytes bytes)
{
    for (size_t i = 0, size; i < bytes.size; i += size) {
        size = text_utf8_size(bytes_of(bytes.data + i, bytes.size - i));
        if (size == 0)
            return false;
    }
    return true;
}
