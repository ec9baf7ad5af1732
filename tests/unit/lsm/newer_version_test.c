// A database of which a newer program has written a file is left alone.
#include "unit/lsm/golden.h"
#include "unit/lsm/jobs.h"

#include "base/endian.h"
#include "base/hash.h"
#include "lsm/file/file_name.h"
#include "lsm/table/sstable_footer.h"

static const char golden[] = "tests/golden/2";

static struct memory_vfs disk;
static struct fault fault;

// Says that the file has format version 99, as a later program might.
static void make_newer(const char *path, enum file_kind kind)
{
    struct buf content = {0};
    memory_vfs_load(&disk, path, &content);
    uint8_t *begin = content.data, *version = begin + 8, *end = begin + 56;
    if (kind == FILE_TABLE) {
        begin = content.data + content.size - SSTABLE_FOOTER_SIZE;
        version = begin + 80;
        end = begin + 88;
    }
    assert_in_range(load_u32(version), 1, 2);
    store_u32(version, 99);
    store_u64(end, hash64(bytes_of(begin, (size_t)(end - begin))));
    memory_vfs_store(&disk, path, buf_bytes(&content));
    buf_release(&content);
}

static void assert_refused(const char *name, enum file_kind kind)
{
    static const char *const features[] = {"golden-notes", NULL};
    struct lsm_options options = small_options(&disk);
    struct lsm *lsm;
    struct buf path = {0}, text = {0};
    options.owner.features = features;
    golden_load(&disk, golden);
    buf_printf(&path, "db/%s", name);
    make_newer(buf_text(&path), kind);
    buf_printf(&text, "%s: written by a newer dkv (needs format version 99)", buf_text(&path));
    enum status status = lsm_open(&lsm, &options, &fault);
    if (!status) { // it opens no file with large values before somebody asks
        status = lsm_verify(lsm, &fault);
        lsm_close(lsm);
    }
    assert_int_equal(status, STATUS_INVALID);
    assert_string_equal(fault.text, buf_text(&text));
    buf_release(&path);
    buf_release(&text);
    memory_vfs_release(&disk);
}

TEST(a_file_of_an_unknown_version_is_refused_by_its_name)
{
    unsigned counts[FILE_TEMPORARY + 1] = {0};
    struct dirent *found;
    uint64_t number;
    DIR *dir = opendir(golden);
    assert_non_null(dir);
    while ((found = readdir(dir))) {
        enum file_kind kind = file_name_parse(found->d_name, &number);
        if (kind == FILE_FOREIGN || kind == FILE_CURRENT || kind == FILE_LOCK)
            continue;
        assert_refused(found->d_name, kind);
        counts[kind]++;
    }
    closedir(dir);
    assert_true(counts[FILE_MANIFEST] == 1 && counts[FILE_LOG] == 2);
    assert_true(counts[FILE_TABLE] > 2 && counts[FILE_VALUES] == 1);
    assert_true(counts[FILE_SNAPSHOT] == 1);
}
