#include "lsm/file/file_name.h"

#include <assert.h>
#include <inttypes.h>

#define MANIFEST_PREFIX "MANIFEST-"

void file_name_format(struct buf *out, enum file_kind kind, uint64_t number)
{
    assert(kind != FILE_FOREIGN);
    switch (kind) {
    case FILE_CURRENT:
        buf_append_text(out, "CURRENT");
        return;
    case FILE_LOCK:
        buf_append_text(out, "LOCK");
        return;
    case FILE_MANIFEST:
        buf_printf(out, MANIFEST_PREFIX "%06" PRIu64, number);
        return;
    case FILE_LOG:
        buf_printf(out, "%06" PRIu64 ".log", number);
        return;
    case FILE_TABLE:
        buf_printf(out, "%06" PRIu64 ".tbl", number);
        return;
    case FILE_VALUES:
        buf_printf(out, "%06" PRIu64 ".val", number);
        return;
    case FILE_SNAPSHOT:
        buf_printf(out, "%06" PRIu64 ".snp", number);
        return;
    case FILE_TEMPORARY:
        buf_printf(out, "%06" PRIu64 ".tmp", number);
        return;
    case FILE_FOREIGN:
        return;
    }
}

enum file_kind file_name_parse(const char *name, uint64_t *number)
{
    static const enum file_kind kinds[] = {FILE_CURRENT,  FILE_LOCK,     FILE_MANIFEST,
                                           FILE_LOG,      FILE_TABLE,    FILE_VALUES,
                                           FILE_SNAPSHOT, FILE_TEMPORARY};
    const char *digits = name;
    if (bytes_has_prefix(bytes_of_text(name), bytes_of_text(MANIFEST_PREFIX)))
        digits += strlen(MANIFEST_PREFIX);
    *number = 0;
    for (unsigned i = 0; i < 18 && *digits >= '0' && *digits <= '9'; i++)
        *number = *number * 10 + (uint64_t)(*digits++ - '0');

    // One spelling for each file: a name that we would not have written is not ours.
    enum file_kind found = FILE_FOREIGN;
    struct buf spelled = {0};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && found == FILE_FOREIGN; i++) {
        buf_clear(&spelled);
        file_name_format(&spelled, kinds[i], *number);
        if (bytes_equal(buf_bytes(&spelled), bytes_of_text(name)))
            found = kinds[i];
    }
    buf_release(&spelled);
    return *number < FILE_NUMBER_END ? found : FILE_FOREIGN;
}

const char *file_path(struct buf *path, const char *dir, enum file_kind kind, uint64_t number)
{
    buf_clear(path);
    buf_append_text(path, dir);
    buf_append_u8(path, '/');
    file_name_format(path, kind, number);
    return buf_text(path);
}
