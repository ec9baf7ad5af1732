// A table whose parts are any bytes, behind right checksums: whatever it says, it is refused, or
// can be searched, walked and verified.
//
// The input: u8 entries, short first key, short last key, then short index, filter and
// sample; the rest are data blocks, each a short.
#include "base/endian.h"
#include "base/hash.h"
#include "base/reader.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/merge/iterator.h"
#include "lsm/table/block.h"
#include "lsm/table/sstable.h"
#include "lsm/table/sstable_footer.h"
#include "lsm/table/sstable_writer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATABASE = 42, NUMBER = 1 };

static void store_part(struct buf *table, struct bytes raw, uint8_t *place)
{
    uint64_t offset = table->size;
    block_store(table, raw, (struct block_place){DATABASE, NUMBER, offset});
    store_u64(place, offset);
    store_u64(place + 8, table->size - offset);
}

// The index is told where the blocks are, as far as it has lines.
static void fix_index(struct buf *index, const struct buf *lines)
{
    struct reader reader = reader_of(buf_bytes(index));
    reader_u32(&reader);
    for (size_t at = 0; at < lines->size && reader_left(&reader) >= 12; at += 12) {
        memcpy(index->data + (reader.at - index->data), lines->data + at, 12);
        reader_bytes(&reader, 12);
        reader_short(&reader);
    }
}

static void make_table(struct reader *reader, struct buf *table, struct sstable_info *info)
{
    uint8_t footer[SSTABLE_FOOTER_SIZE] = {0}, place[16];
    struct buf index = {0}, lines = {0};
    info->number = NUMBER;
    info->entry_count = reader_u8(reader);
    buf_set(&info->smallest, reader_short(reader));
    buf_set(&info->largest, reader_short(reader));
    buf_set(&index, reader_short(reader));
    struct bytes filter = reader_short(reader), sample = reader_short(reader);
    while (reader_left(reader) && !reader->bad) {
        store_part(table, reader_short(reader), place);
        buf_append_u64(&lines, load_u64(place));
        buf_append_u32(&lines, (uint32_t)load_u64(place + 8));
    }
    fix_index(&index, &lines);
    store_u64(footer, DATABASE);
    store_u64(footer + 8, NUMBER);
    store_u64(footer + 16, info->entry_count);
    store_part(table, buf_bytes(&index), footer + 32);
    store_part(table, filter, footer + 48);
    store_part(table, sample, footer + 64);
    store_u32(footer + 80, SSTABLE_VERSION);
    store_u64(footer + 88, hash64(bytes_of(footer, 88)));
    memcpy(footer + 96, SSTABLE_MAGIC, 8);
    buf_append(table, bytes_of(footer, sizeof footer));
    info->size = table->size;
    buf_release(&index);
    buf_release(&lines);
}

static uint64_t search(struct sstable *table, struct bytes key)
{
    struct block *block = NULL;
    struct buf stored = {0};
    bool is_equal = false;
    uint64_t sum = filter_may_have(&table->filter, hash64_seeded(key, DATABASE));
    uint32_t index = sstable_find_block(table, key);
    assert(index < table->block_count);
    if (!sstable_try_block(table, index, NULL, &stored, &block, NULL)) {
        uint32_t at = block_find(block, key, &is_equal);
        assert(at <= block->count);
        if (is_equal)
            sum += hash64(block_value(block, at));
    }
    block_release(block);
    buf_release(&stored);
    return sum;
}

static void use_table(struct sstable *table)
{
    struct bytes smallest = buf_bytes(&table->info.smallest);
    struct bytes largest = buf_bytes(&table->info.largest);
    uint64_t sum = search(table, smallest) + search(table, largest);
    sum += search(table, (struct bytes){0}) + search(table, bytes_of_text("key"));
    const struct bytes ends[][2] = {
        {{0}, {0}}, {smallest, largest}, {{0}, largest}, {largest, {0}}, {largest, smallest}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        uint32_t begin, end;
        sstable_range_blocks(table, ends[i][0], ends[i][1], &begin, &end);
        assert(begin <= end && end <= table->block_count);
        sum += sstable_range_size(table, ends[i][0], ends[i][1]);
        struct iterator iterator = {.to = ends[i][1]};
        struct entry entry;
        iterator_add_table(&iterator, table);
        iterator_add_table(&iterator, table);
        enum status status = iterator_seek(&iterator, ends[i][0], NULL);
        while (!status && !(status = iterator_next(&iterator, &entry, NULL)))
            sum += hash64(entry.key) + hash64(entry.value);
        iterator_release(&iterator);
    }
    (void)sum;
    (void)!sstable_verify(table, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_vfs disk;
    struct sstable *table;
    struct sstable_info info = {0};
    struct sstable_files files = {.count_max = 4};
    struct buf bytes = {0};
    struct reader reader = reader_of(bytes_of(data, size));
    if (size > 16 * 1024)
        return 0;
    memory_vfs_init(&disk);
    disk.vfs.make_dir(&disk.vfs, "db", NULL);
    make_table(&reader, &bytes, &info);
    memory_vfs_store(&disk, "db/000001.tbl", buf_bytes(&bytes));
    if (!sstable_open(&table, &disk.vfs, "db", DATABASE, &info, NULL)) {
        sstable_adopt(table, &files);
        use_table(table);
        sstable_release(table);
    }
    sstable_files_release(&files);
    memory_vfs_release(&disk);
    sstable_info_release(&info);
    buf_release(&bytes);
    return 0;
}
