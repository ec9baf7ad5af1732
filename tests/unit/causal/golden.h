// golden.h - encodings that were written once and must stay readable.
//
// A file of tests/unit/causal/golden, or of GOLDEN_DIR, holds hexadecimal digits; a line that
// begins with # explains them. Tests run in the root of the source tree.
#pragma once

#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>

#ifndef GOLDEN_DIR
#define GOLDEN_DIR "tests/unit/causal/golden"
#endif

static inline void golden_read(const char *name, struct buf *out)
{
    char path[128], line[512];
    uint8_t bytes[256];
    snprintf(path, sizeof path, GOLDEN_DIR "/%s.hex", name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s: cannot be opened", path);
    while (fgets(line, sizeof line, file)) {
        struct bytes text = bytes_of(line, strcspn(line, "\n"));
        if (line[0] == '#')
            continue;
        assert_int_equal(text_parse_hex(text, bytes, text.size / 2, NULL), STATUS_OK);
        buf_append(out, bytes_of(bytes, text.size / 2));
    }
    fclose(file);
}

// The file holds exactly these bytes.
static inline void assert_golden(const char *name, struct bytes encoded)
{
    struct buf golden = {0}, hex = {0};
    golden_read(name, &golden);
    text_format_hex(encoded, &hex);
    if (!bytes_equal(buf_bytes(&golden), encoded))
        fail_msg("golden/%s.hex: the encoding is now %s", name, buf_text(&hex));
    buf_release(&golden);
    buf_release(&hex);
}
