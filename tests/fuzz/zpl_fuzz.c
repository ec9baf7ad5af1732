// What is accepted reads the same again when it is written in the plainest form.
#include "base/buf.h"
#include "base/zpl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool equal(const struct zpl_entry *a, const struct zpl_entry *b)
{
    return !strcmp(a->path, b->path) && bytes_equal(a->value, b->value);
}

static void try_entry(const struct zpl_entry *entry)
{
    struct buf text = {0};
    const char *slash = strchr(entry->path, '/');
    if (slash)
        buf_printf(&text, "%.*s\n    ", (int)(slash - entry->path), entry->path);
    buf_append_text(&text, slash ? slash + 1 : entry->path);
    bool has_double = entry->value.size && memchr(entry->value.data, '"', entry->value.size);
    buf_append_text(&text, has_double ? " = '" : " = \"");
    buf_append(&text, entry->value);
    buf_append_text(&text, has_double ? "'\n" : "\"\n");
    // A bare value may hold both quotes; no quoted one can.
    bool has_single = entry->value.size && memchr(entry->value.data, '\'', entry->value.size);
    struct zpl zpl = zpl_of(buf_bytes(&text));
    struct zpl_entry again;
    if (!(has_double && has_single) && (zpl_next(&zpl, &again, NULL) || !equal(entry, &again)))
        abort();
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zpl zpl = zpl_of(bytes_of(data, size));
    struct zpl_entry entry;
    enum status status;
    while (!(status = zpl_next(&zpl, &entry, NULL)))
        try_entry(&entry);
    if (status != STATUS_END && status != STATUS_INVALID)
        abort();
    return 0;
}
