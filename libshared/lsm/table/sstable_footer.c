#include "lsm/table/sstable_footer.h"

#include "base/endian.h"
#include "base/hash.h"

enum { // offsets
    DATABASE = 0,
    NUMBER = 8,
    ENTRY_COUNT = 16,
    DELETED_COUNT = 24,
    INDEX = 32,
    FILTER = 48,
    SAMPLE = 64,
    VERSION = 80,
    CHECKSUM = 88, // of what is before
    MAGIC = 96,
    MAGIC_SIZE = 8,
};

static void store_part(uint8_t *bytes, struct sstable_part part)
{
    store_u64(bytes, part.offset);
    store_u64(bytes + 8, part.size);
}

void sstable_footer_encode(uint8_t *bytes, const struct sstable_footer *footer)
{
    memset(bytes, 0, SSTABLE_FOOTER_SIZE);
    store_u64(bytes + DATABASE, footer->database);
    store_u64(bytes + NUMBER, footer->number);
    store_u64(bytes + ENTRY_COUNT, footer->entry_count);
    store_u64(bytes + DELETED_COUNT, footer->deleted_count);
    store_part(bytes + INDEX, footer->index);
    store_part(bytes + FILTER, footer->filter);
    store_part(bytes + SAMPLE, footer->sample);
    store_u32(bytes + VERSION, SSTABLE_VERSION);
    store_u64(bytes + CHECKSUM, hash64(bytes_of(bytes, CHECKSUM)));
    memcpy(bytes + MAGIC, SSTABLE_MAGIC, MAGIC_SIZE);
}

static struct sstable_part load_part(const uint8_t *bytes)
{
    return (struct sstable_part){load_u64(bytes), load_u64(bytes + 8)};
}

enum status sstable_footer_decode(struct sstable_footer *footer, const uint8_t *bytes)
{
    if (memcmp(bytes + MAGIC, SSTABLE_MAGIC, MAGIC_SIZE) != 0 ||
        load_u64(bytes + CHECKSUM) != hash64(bytes_of(bytes, CHECKSUM)))
        return STATUS_CORRUPT;
    *footer = (struct sstable_footer){
        .database = load_u64(bytes + DATABASE),
        .number = load_u64(bytes + NUMBER),
        .entry_count = load_u64(bytes + ENTRY_COUNT),
        .deleted_count = load_u64(bytes + DELETED_COUNT),
        .index = load_part(bytes + INDEX),
        .filter = load_part(bytes + FILTER),
        .sample = load_part(bytes + SAMPLE),
        .version = load_u32(bytes + VERSION),
    };
    return footer->version == SSTABLE_VERSION ? STATUS_OK : STATUS_INVALID;
}

static bool is_between(struct sstable_part part, uint64_t end)
{
    return part.offset <= end && end - part.offset == part.size;
}

bool sstable_footer_fits(const struct sstable_footer *footer, uint64_t end)
{
    return is_between(footer->index, footer->filter.offset) &&
           is_between(footer->filter, footer->sample.offset) && is_between(footer->sample, end);
}
