// section.h - parts of a format, so that later programs can add some.
//
//     section := u8 kind, varint size, bytes
//
// Bit 7 of the kind tells a reader that does not know it what to do: set, it passes over the
// section; clear, it must refuse the whole, for without that part it would get the rest wrong.
#pragma once

#include "base/buf.h"
#include "base/reader.h"

enum { SECTION_MAY_BE_SKIPPED = 0x80 };

struct section {
    uint8_t kind; // with its bit 7
    struct bytes body;
};

// Appends a section: what is appended in between is its body. `begin` is what the first one
// returned.
size_t section_begin(struct buf *out, uint8_t kind);
void section_end(struct buf *out, size_t begin);

// The next section, borrowed. False at the end, and when the reader is bad.
bool section_next(struct reader *reader, struct section *section);
