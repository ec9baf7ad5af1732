#include "lsm/table/sstable.h"

#include "base/endian.h"
#include "base/reader.h"
#include "base/xalloc.h"
#include "lsm/entry/key.h"
#include "lsm/file/file_name.h"
#include "lsm/table/sstable_footer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    LINE_SIZE_MIN = 14, // of a line of the index, whose separator may be empty
    SAMPLE_LINE_SIZE = 12,
    VERIFY_SIZE = 256 << 10, // bytes read at once
};

static enum status corrupt(const struct sstable *table, const char *what, uint64_t offset,
                           struct fault *fault)
{
    struct buf path = {0};
    fault_set(fault, STATUS_CORRUPT, "%s: %s at offset %" PRIu64,
              file_path(&path, table->dir, FILE_TABLE, table->info.number), what, offset);
    buf_release(&path);
    return STATUS_CORRUPT;
}

// Reads the bytes [offset, offset + size), all of them, as reads_read() does.
static enum status try_exactly(const struct sstable *table, uint64_t offset, size_t size,
                               struct reads *reads, struct buf *stored, struct fault *fault)
{
    struct read_place place = {FILE_TABLE, table->info.number, offset, size};
    size_t size_read = 0;
    buf_clear(stored);
    buf_reserve(stored, size + 1);
    enum status status =
        reads_read(reads, table->vfs, table->file, &place, stored->data, &size_read, fault);
    if (status)
        return status;
    stored->size = size_read;
    return size_read == size ? STATUS_OK : corrupt(table, "damaged block", offset, fault);
}

static enum status read_exactly(const struct sstable *table, uint64_t offset, size_t size,
                                struct buf *stored, struct fault *fault)
{
    return try_exactly(table, offset, size, NULL, stored, fault);
}

// Reads a part, which is stored as a block, and appends its bytes, uncompressed.
static enum status read_part(const struct sstable *table, struct sstable_part part, struct buf *raw,
                             struct fault *fault)
{
    struct buf stored = {0};
    struct block_place place = {table->database, table->info.number, part.offset};
    enum status status = read_exactly(table, part.offset, (size_t)part.size, &stored, fault);
    if (!status && !block_load(raw, buf_bytes(&stored), place))
        status = corrupt(table, "damaged block", part.offset, fault);
    buf_release(&stored);
    return status;
}

// ---- Open files --------------------------------------------------------------------

void sstable_files_release(struct sstable_files *files)
{
    free(files->open);
    files->open = NULL;
    files->capacity = 0;
}

static void close_file(struct sstable *table)
{
    if (!table->file)
        return;
    table->vfs->close(table->vfs, table->file);
    table->file = NULL;
    struct sstable_files *files = table->files;
    if (!files)
        return;
    size_t i = 0;
    while (files->open[i] != table)
        i++;
    files->open[i] = files->open[--files->count];
}

// False if none may be closed.
static bool close_oldest(struct sstable_files *files)
{
    struct sstable *oldest = NULL;
    for (size_t i = 0; i < files->count; i++) {
        struct sstable *table = files->open[i];
        if (!table->pin_count && (!oldest || table->last_use < oldest->last_use))
            oldest = table;
    }
    if (oldest)
        close_file(oldest);
    return oldest != NULL;
}

static enum status open_file(struct sstable *table, struct fault *fault)
{
    struct buf path = {0};
    file_path(&path, table->dir, FILE_TABLE, table->info.number);
    enum status status =
        table->vfs->open(table->vfs, buf_text(&path), VFS_READ, &table->file, fault);
    if (status == STATUS_NOT_FOUND)
        status = fault_set(fault, STATUS_CORRUPT, "%s: missing", buf_text(&path));
    buf_release(&path);
    return status;
}

void sstable_adopt(struct sstable *table, struct sstable_files *files)
{
    if (files->count >= files->count_max)
        close_oldest(files);
    if (files->count == files->capacity) {
        files->capacity = files->capacity ? 2 * files->capacity : 16;
        files->open = xrealloc(files->open, files->capacity * sizeof(struct sstable *));
    }
    table->files = files;
    table->last_use = ++files->use;
    files->open[files->count++] = table;
}

enum status sstable_use(struct sstable *table, struct fault *fault)
{
    table->last_use = ++table->files->use;
    if (table->file)
        return STATUS_OK;
    enum status status = open_file(table, fault);
    while (status == STATUS_EXHAUSTED && close_oldest(table->files))
        status = open_file(table, fault);
    if (!status)
        sstable_adopt(table, table->files);
    return status;
}

enum status sstable_pin(struct sstable *table, struct fault *fault)
{
    enum status status = sstable_use(table, fault);
    table->pin_count += !status;
    return status;
}

void sstable_unpin(struct sstable *table)
{
    assert(table->pin_count);
    table->pin_count--;
}

// ---- Opening -----------------------------------------------------------------------

static enum status read_footer(struct sstable *table, struct sstable_footer *footer,
                               struct fault *fault)
{
    struct vfs *vfs = table->vfs;
    uint64_t size = 0;
    enum status status = vfs->size(vfs, table->file, &size, fault);
    if (status)
        return status;
    if (size != table->info.size || size < SSTABLE_FOOTER_SIZE)
        return corrupt(table, "other size than recorded", size, fault);
    uint8_t bytes[SSTABLE_FOOTER_SIZE];
    uint64_t offset = size - sizeof bytes;
    size_t size_read = 0;
    status = vfs->read(vfs, table->file, offset, bytes, sizeof bytes, &size_read, fault);
    if (status)
        return status;
    status = size_read == sizeof bytes ? sstable_footer_decode(footer, bytes) : STATUS_CORRUPT;
    if (status == STATUS_CORRUPT)
        return corrupt(table, "damaged footer", offset, fault);
    if (status == STATUS_INVALID) {
        struct buf path = {0};
        fault_set(fault, STATUS_INVALID, "%s: written by a newer dkv (needs format version %u)",
                  file_path(&path, table->dir, FILE_TABLE, table->info.number), footer->version);
        buf_release(&path);
        return STATUS_INVALID;
    }
    if (footer->database != table->database || footer->number != table->info.number ||
        footer->entry_count != table->info.entry_count ||
        footer->deleted_count != table->info.deleted_count)
        return corrupt(table, "footer of another table", offset, fault);
    if (!sstable_footer_fits(footer, offset))
        return corrupt(table, "footer that makes no sense", offset, fault);
    return STATUS_OK;
}

static struct bytes prefix_of(const struct sstable *table)
{
    return bytes_of(table->info.smallest.data, table->prefix_size);
}

static struct bytes separator_at(const struct sstable *table, uint32_t index)
{
    const uint8_t *at = table->index.data + table->places[index].separator;
    return bytes_of(at + 2, load_u16(at));
}

// The first separator is empty, the others ascend and have the prefix that the keys have.
static bool parse_line(struct sstable *table, uint32_t index, struct reader *reader, uint64_t *end)
{
    struct sstable_place *place = &table->places[index];
    place->offset = reader_u64(reader);
    uint32_t size = reader_u32(reader);
    place->separator = (uint32_t)(reader->at - table->index.data);
    struct bytes separator = reader_short(reader);
    bool is_valid = !reader->bad && place->offset == *end;
    *end += size;
    if (index == 0)
        return is_valid && !separator.size;
    if (!is_valid || !bytes_has_prefix(separator, prefix_of(table)))
        return false;
    table->heads[index] = key_head(separator, table->prefix_size);
    return bytes_compare(separator_at(table, index - 1), separator) < 0;
}

static void allocate_index(struct sstable *table, uint32_t block_count)
{
    table->block_count = block_count;
    table->mark_count = (block_count - 1) / SSTABLE_MARK_DISTANCE + 1;
    size_t head_count = (size_t)table->mark_count * SSTABLE_MARK_DISTANCE;
    table->places = xcalloc((size_t)block_count + 1, sizeof *table->places);
    table->marks = xcalloc(table->mark_count, sizeof *table->marks);
    table->heads = xcalloc(head_count, sizeof *table->heads);
    for (size_t i = block_count; i < head_count; i++)
        table->heads[i] = UINT64_MAX;
}

static bool parse_index(struct sstable *table, uint64_t blocks_end)
{
    table->prefix_size =
        key_common_size(buf_bytes(&table->info.smallest), buf_bytes(&table->info.largest));
    struct reader reader = reader_of(buf_bytes(&table->index));
    uint32_t count = reader_u32(&reader);
    if (!count || count > reader_left(&reader) / LINE_SIZE_MIN)
        return false;
    allocate_index(table, count);
    uint64_t end = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!parse_line(table, i, &reader, &end))
            return false;
    }
    table->places[count].offset = end;
    for (size_t i = 0; i < table->mark_count; i++)
        table->marks[i] = table->heads[i * SSTABLE_MARK_DISTANCE];
    return reader_done(&reader) && end == blocks_end;
}

static bool is_sample_valid(const struct sstable *table)
{
    uint32_t before = 0;
    for (size_t at = 0; at < table->sample.size; at += SAMPLE_LINE_SIZE) {
        uint32_t block = load_u32(table->sample.data + at);
        if (block < before || block >= table->block_count)
            return false;
        before = block;
    }
    return table->sample.size % SAMPLE_LINE_SIZE == 0;
}

void sstable_sample(const struct sstable *table, uint32_t begin, uint32_t end, struct buf *hashes,
                    uint64_t *deleted_count)
{
    const struct buf *sample = &table->sample;
    for (size_t at = 0; at < sample->size; at += SAMPLE_LINE_SIZE) {
        uint32_t block = load_u32(sample->data + at);
        if (block < begin || block >= end)
            continue;
        uint64_t hash = load_u64(sample->data + at + 4);
        *deleted_count += hash & 1;
        buf_append_u64(hashes, hash & ~(uint64_t)UINT8_MAX);
    }
}

static enum status load_filter(struct sstable *table, const struct sstable_footer *footer,
                               struct fault *fault)
{
    struct buf raw = {0};
    enum status status = read_part(table, footer->filter, &raw, fault);
    if (!status && !filter_init(&table->filter, buf_bytes(&raw)))
        status = corrupt(table, "malformed filter", footer->filter.offset, fault);
    buf_release(&raw);
    return status;
}

static enum status load(struct sstable *table, struct fault *fault)
{
    struct sstable_footer footer;
    enum status status = open_file(table, fault);
    if (!status)
        status = read_footer(table, &footer, fault);
    if (status)
        return status;
    status = read_part(table, footer.index, &table->index, fault);
    if (!status && !parse_index(table, footer.index.offset))
        status = corrupt(table, "malformed index", footer.index.offset, fault);
    if (!status)
        status = load_filter(table, &footer, fault);
    if (!status)
        status = read_part(table, footer.sample, &table->sample, fault);
    if (!status && !is_sample_valid(table))
        status = corrupt(table, "malformed sample", footer.sample.offset, fault);
    return status;
}

enum status sstable_open(struct sstable **table, struct vfs *vfs, const char *dir,
                         uint64_t database, const struct sstable_info *info, struct fault *fault)
{
    *table = xcalloc(1, sizeof **table);
    (*table)->ref_count = 1;
    (*table)->vfs = vfs;
    (*table)->dir = dir;
    (*table)->database = database;
    sstable_info_copy(&(*table)->info, info);
    enum status status = load(*table, fault);
    if (status) {
        sstable_release(*table);
        *table = NULL;
    }
    return status;
}

struct sstable *sstable_retain(struct sstable *table)
{
    table->ref_count++;
    return table;
}

bool sstable_release(struct sstable *table)
{
    if (--table->ref_count)
        return false;
    close_file(table);
    sstable_info_release(&table->info);
    buf_release(&table->index);
    filter_release(&table->filter);
    buf_release(&table->sample);
    free(table->places);
    free(table->heads);
    free(table->marks);
    free(table);
    return true;
}

// ---- Reading -----------------------------------------------------------------------

// The first block whose head is not below `head`, or the number of blocks. Without branches,
// which nobody could predict: by halves over the marks, then by counting.
static uint32_t find_head(const struct sstable *table, uint64_t head)
{
    const uint64_t *mark = table->marks;
    for (uint32_t left = table->mark_count; left > 1;) {
        uint32_t half = left / 2;
        mark += mark[half] < head ? half : 0;
        left -= half;
    }
    uint32_t index = (uint32_t)(mark - table->marks) * SSTABLE_MARK_DISTANCE, below = 0;
    for (uint32_t i = 0; i < SSTABLE_MARK_DISTANCE; i++)
        below += table->heads[index + i] < head;
    index += below;
    return index < table->block_count ? index : table->block_count;
}

uint32_t sstable_find_block(const struct sstable *table, struct bytes key)
{
    size_t size = key.size < table->prefix_size ? key.size : table->prefix_size;
    int order = size ? memcmp(key.data, table->info.smallest.data, size) : 0;
    if (order < 0 || (order == 0 && size < table->prefix_size))
        return 0;
    if (order > 0)
        return table->block_count - 1;
    uint64_t head = key_head(key, table->prefix_size);
    uint32_t low = find_head(table, head), high = low; // the first separator above the key
    if (low < table->block_count && table->heads[low] == head)
        high = head == UINT64_MAX ? table->block_count : find_head(table, head + 1);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(separator_at(table, middle), key) > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low ? low - 1 : 0;
}

void sstable_range_blocks(const struct sstable *table, struct bytes from, struct bytes to,
                          uint32_t *begin, uint32_t *end)
{
    *begin = *end = 0;
    if (bytes_compare(from, buf_bytes(&table->info.largest)) > 0 ||
        (to.size && bytes_compare(to, buf_bytes(&table->info.smallest)) <= 0))
        return;
    *begin = sstable_find_block(table, from);
    *end = table->block_count;
    if (!to.size)
        return;
    // A block whose separator is `to` holds no key below it.
    uint32_t last = sstable_find_block(table, to);
    *end = last + !bytes_equal(separator_at(table, last), to);
    if (*end < *begin)
        *end = *begin;
}

void sstable_block_span(const struct sstable *table, uint32_t index, struct bytes *from,
                        struct bytes *to)
{
    bool is_last = index + 1 == table->block_count;
    *from = index ? separator_at(table, index) : buf_bytes(&table->info.smallest);
    *to = is_last ? buf_bytes(&table->info.largest) : separator_at(table, index + 1);
}

uint64_t sstable_range_size(const struct sstable *table, struct bytes from, struct bytes to)
{
    uint32_t begin, end;
    sstable_range_blocks(table, from, to, &begin, &end);
    return table->places[end].offset - table->places[begin].offset;
}

enum status sstable_read_blocks(const struct sstable *table, uint32_t begin, uint32_t end,
                                size_t size_max, struct reads *reads, struct buf *stored,
                                uint32_t *read_end, struct fault *fault)
{
    const struct sstable_place *places = table->places;
    uint64_t offset = places[begin].offset;
    uint32_t last = begin + 1;
    while (last < end && places[last + 1].offset - offset <= size_max)
        last++;
    size_t size = (size_t)(places[last].offset - offset);
    enum status status = try_exactly(table, offset, size, reads, stored, fault);
    if (status && status != STATUS_BUSY &&
        last > begin + 1) { // the bad one may be behind the first
        last = begin + 1;
        size = (size_t)(places[last].offset - offset);
        status = read_exactly(table, offset, size, stored, fault);
    }
    *read_end = last;
    return status;
}

enum status sstable_decode_block(const struct sstable *table, uint32_t index, struct bytes *stored,
                                 struct block **block, struct fault *fault)
{
    uint64_t offset = table->places[index].offset;
    size_t size = (size_t)(table->places[index + 1].offset - offset);
    struct block_place place = {table->database, table->info.number, offset};
    if (!block_decode(block, bytes_of(stored->data, size), place))
        return corrupt(table, "damaged block", offset, fault);
    *stored = bytes_of(stored->data + size, stored->size - size);
    return STATUS_OK;
}

enum status sstable_try_block(const struct sstable *table, uint32_t index, struct reads *reads,
                              struct buf *stored, struct block **block, struct fault *fault)
{
    const struct sstable_place *place = &table->places[index];
    size_t size = (size_t)(place[1].offset - place->offset);
    enum status status = try_exactly(table, place->offset, size, reads, stored, fault);
    struct bytes bytes = buf_bytes(stored);
    return status ? status : sstable_decode_block(table, index, &bytes, block, fault);
}

enum status sstable_verify(const struct sstable *table, struct fault *fault)
{
    // Footer, index and filter were checked when they were read; once more from the disk.
    struct sstable copy = *table;
    struct sstable_footer footer;
    enum status status = read_footer(&copy, &footer, fault);
    struct buf raw = {0}, stored = {0};
    if (!status)
        status = read_part(table, footer.index, &raw, fault);
    if (!status)
        status = read_part(table, footer.filter, &raw, fault);
    if (!status)
        status = read_part(table, footer.sample, &raw, fault);
    uint64_t entry_count = 0;
    struct block *block = NULL;
    for (uint32_t i = 0, end; i < table->block_count && !status;) {
        status = sstable_read_blocks(table, i, table->block_count, VERIFY_SIZE, NULL, &stored, &end,
                                     fault);
        struct bytes bytes = buf_bytes(&stored);
        for (; i < end && !status; i++) {
            status = sstable_decode_block(table, i, &bytes, &block, fault);
            entry_count += block ? block->count : 0;
        }
    }
    block_release(block);
    buf_release(&raw);
    buf_release(&stored);
    if (!status && entry_count != table->info.entry_count)
        status = corrupt(table, "other number of entries than recorded", 0, fault);
    return status;
}
