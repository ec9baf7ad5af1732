// zpl.h - reads the text form of configuration and key files: ZPL (ZeroMQ RFC 4), as far
// as dkv writes it.
//
//     # a comment
//     ping
//         interval = "200ms"
//
// gives one entry: path "ping/interval", value "200ms", line 3. Sections are not nested.
// Names are letters, digits, '-' and '_'. A value is in " or ' and may hold anything but
// that quote and control characters, or is bare and ends before a comment. Indentation is
// four spaces. Every other line is an error: a file means what it says or nothing.
//
// zconfig of czmq reads the same files, but knows no line of what is wrong with them.
#pragma once

#include "base/bytes.h"
#include "base/fault.h"

enum { ZPL_NAME_SIZE = 32 }; // of a name, terminator included

struct zpl {
    struct bytes left;
    unsigned line;
    char section[ZPL_NAME_SIZE];
};

struct zpl_entry {
    char path[2 * ZPL_NAME_SIZE]; // "section/name", or "name" outside a section
    struct bytes value;           // borrowed from the text
    unsigned line;                // from 1
};

struct zpl zpl_of(struct bytes text);

// END after the last entry. INVALID for a line that is not ZPL; zpl->line is its number
// and the fault tells what is wrong with it.
enum status zpl_next(struct zpl *zpl, struct zpl_entry *entry, struct fault *fault) MUST_USE;
