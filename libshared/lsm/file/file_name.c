#include "lsm/file/file_name.h"

#include <assert.h>
#include <inttypes.h>

static const struct spelling {
    const char *before, *after; // the number
    bool is_numbered;
} SPELLINGS[] = {
    [FILE_CURRENT] = {"CURRENT", "", false},   [FILE_LOCK] = {"LOCK", "", false},
    [FILE_MANIFEST] = {"MANIFEST-", "", true}, [FILE_LOG] = {"", ".log", true},
    [FILE_TABLE] = {"", ".tbl", true},         [FILE_VALUES] = {"", ".val", true},
    [FILE_SNAPSHOT] = {"", ".snp", true},      [FILE_TEMPORARY] = {"", ".tmp", true},
};

void file_name_format(struct buf *out, enum file_kind kind, uint64_t number)
{
    assert(kind != FILE_FOREIGN);
    const struct spelling *spelling = &SPELLINGS[kind];
    buf_append_text(out, spelling->before);
    if (spelling->is_numbered)
        buf_printf(out, "%06" PRIu64, number);
    buf_append_text(out, spelling->after);
}

enum file_kind file_name_parse(const char *name, uint64_t *number)
{
    const char *digits = name + strcspn(name, "0123456789");
    *number = 0;
    for (unsigned i = 0; i < 18 && *digits >= '0' && *digits <= '9'; i++)
        *number = *number * 10 + (uint64_t)(*digits++ - '0');

    // One spelling for each file: a name that we would not have written is not ours.
    enum file_kind found = FILE_FOREIGN;
    struct buf spelled = {0};
    for (enum file_kind kind = FILE_CURRENT; kind <= FILE_TEMPORARY && !found; kind++) {
        buf_clear(&spelled);
        file_name_format(&spelled, kind, *number);
        if (bytes_equal(buf_bytes(&spelled), bytes_of_text(name)))
            found = kind;
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
