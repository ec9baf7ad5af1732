// format.h - the bulk formats: many pairs in one stream of bytes.
//
//     tsv    key TAB value NEWLINE; \t \n \r \\ \xHH stand for bytes; the first TAB splits
//     json   {"key":...,"value":...} NEWLINE, and what `dkv dump --format json` prints
//     cdb    +klen,vlen:key->value NEWLINE; an empty line ends (cdbmake, Bernstein)
//     null   key NUL value NUL
//
// With `keys_only` there are no values: a line is a key, null is key NUL, and a value in
// json or cdb is ignored.
//
// A reader is fed with bytes as they come and gives record after record; it never waits
// and knows no file. It holds one record and what was fed behind it. A record is at most
// FORMAT_RECORD_SIZE_MAX bytes long; a longer one is not held but handed on in parts, so
// that it can be kept elsewhere.
//
//     loop:  format_next() -> MORE?  read into format_reader_space(), format_reader_feed()
//                             PAIR, REJECT, PART?  use it
//                             END, BROKEN?  stop
#pragma once

#include "base/buf.h"
#include "base/fault.h"

enum {
    FORMAT_VALUE_SIZE_MAX = 16 * 1024 * 1024,
    FORMAT_STORED_SIZE_MAX = 20 * 1024 * 1024, // of an encoded record: values and envelope
    // As it stands in the stream. JSON has six bytes at most for a byte of a value, and beside the
    // values the record as base64.
    FORMAT_RECORD_SIZE_MAX = 8 * FORMAT_STORED_SIZE_MAX,
};

enum format { FORMAT_TSV, FORMAT_JSON, FORMAT_CDB, FORMAT_NULL };

// INVALID for an unknown name. NULL means tsv.
enum status format_parse(const char *name, enum format *format) MUST_USE;

enum format_event {
    FORMAT_MORE,   // feed more, or say that there is no more
    FORMAT_PAIR,   // a pair
    FORMAT_REJECT, // a bad record: `raw` and the fault say what and why
    FORMAT_PART,   // a part of a record that is too large, in `raw`; its REJECT follows
    FORMAT_BROKEN, // the rest cannot be split into records
    FORMAT_END,    // the input was read to its end
};

struct pair { // borrowed from the reader until the next call on it
    struct bytes key;
    struct bytes value;
    struct bytes raw; // the record as it stood in the stream, with its end
    bool is_record;   // json with "record": the value is an encoded record
};

struct format_reader {
    enum format format;
    bool keys_only;
    bool ended;    // no more will be fed
    bool finished; // the format says that this is the end
    bool skipping; // inside a record that is too large
    struct buf input;
    size_t at;          // all before it was read
    size_t scanned;     // bytes behind `at` that do not end the record
    uint64_t nul_count; // among them
    uint64_t need;      // cdb: size of the record behind `at`, 0 = not known yet
    uint64_t offset;    // of `at` in the stream
    struct buf scratch;
};

void format_reader_init(struct format_reader *reader, enum format format, bool keys_only);
void format_reader_release(struct format_reader *reader);

// Where to put more bytes, and for how many there is room (at least 64 KiB).
uint8_t *format_reader_space(struct format_reader *reader, size_t *size);
void format_reader_feed(struct format_reader *reader, size_t size);
void format_reader_end(struct format_reader *reader); // there is no more

enum format_event format_next(struct format_reader *reader, struct pair *pair,
                              struct fault *fault) MUST_USE;

// Behind the record that format_next() gave last, counted from the start of the stream.
uint64_t format_reader_offset(const struct format_reader *reader);

// Drops up to `size` unread bytes, which count as read. Returns how many.
size_t format_reader_skip(struct format_reader *reader, uint64_t size);

// Gives back memory that one large record took. The last pair is gone then, its raw is not.
void format_reader_trim(struct format_reader *reader);

// Behind END: another stream follows, counted on from here.
void format_reader_restart(struct format_reader *reader);

// Appends one record. REFUSED and nothing appended if the format cannot hold the pair: a
// NUL in null, a record that no reader would take.
enum status format_write(enum format format, struct bytes key, struct bytes value,
                         struct buf *out) MUST_USE;
void format_write_key(enum format format, struct bytes key, struct buf *out); // tsv, json, null
void format_write_end(enum format format, struct buf *out);
