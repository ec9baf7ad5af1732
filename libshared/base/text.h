// text.h - bytes and numbers as people and scripts write them.
//
// Parsing takes the whole text, without spaces around it, and computes in integers: a
// number that does not fit is refused, never rounded. A failure is INVALID, the result
// is as it was, and the fault says what was expected, not what was there: the caller
// knows file and line, and the text may hold anything.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

// Decimal digits, no sign.
enum status text_parse_number(struct bytes text, uint64_t *number, struct fault *fault) MUST_USE;

// Two digits a byte; written in lower case, read in both. The text must give exactly
// `size` bytes.
void text_format_hex(struct bytes bytes, struct buf *out);
enum status text_parse_hex(struct bytes text, uint8_t *bytes, size_t size,
                           struct fault *fault) MUST_USE;

// RFC 4648. Padding is required and the bits behind the end are zero: one text for the same
// bytes. Both append; after INVALID with a part of them.
void text_format_base64(struct bytes bytes, struct buf *out);
enum status text_parse_base64(struct bytes text, struct buf *out) MUST_USE;

// Bytes: a number, alone or with KiB, MiB, GiB or TiB, or a percentage of `whole` bytes
// (up to 100%; refused if `whole` is 0). Written with the largest unit that is exact.
void text_format_size(uint64_t size, struct buf *out);
enum status text_parse_size(struct bytes text, uint64_t whole, uint64_t *size,
                            struct fault *fault) MUST_USE;

// A time span: a number with ms, s, m, h or d (0 needs no unit). Written with the
// largest unit that is exact.
void text_format_duration(uint64_t duration_ms, struct buf *out);
enum status text_parse_duration(struct bytes text, uint64_t *duration_ms,
                                struct fault *fault) MUST_USE;

// A field of a tab-separated line. Written: \t \n \r \\, other control characters as
// \xHH, all else as it is, so UTF-8 stays readable. Read: any of these escapes; a raw
// tab, a raw newline or any other backslash is refused. Both append.
void text_escape_tsv(struct bytes bytes, struct buf *out);
enum status text_unescape_tsv(struct bytes text, struct buf *out, struct fault *fault) MUST_USE;

// For log lines and terminals: as above, and every byte that is not part of a printable
// UTF-8 character as \xHH, so that nothing from outside can forge a line or move a cursor.
void text_escape_log(struct bytes bytes, struct buf *out);

// Size of the UTF-8 character that the bytes begin with; 0 if there is none (overlong
// forms, surrogates and numbers above U+10FFFF are none).
size_t text_utf8_size(struct bytes bytes);
bool text_is_utf8(struct bytes bytes);
