#include "lsm/value/value_pointer.h"

#include "base/endian.h"
#include "lsm/file/checksum.h"
#include "lsm/file/file_name.h"

#define POINTER_IS_PACKED ((uint32_t)1 << 31) // in the size

void value_pointer_encode(struct buf *out, const struct value_pointer *pointer)
{
    buf_append_u64(out, pointer->place);
    buf_append_u32(out, pointer->size | (pointer->is_packed ? POINTER_IS_PACKED : 0));
    buf_append_u64(out, pointer->checksum);
}

bool value_pointer_decode(struct value_pointer *pointer, struct bytes bytes)
{
    if (bytes.size != VALUE_POINTER_SIZE)
        return false;
    *pointer = (struct value_pointer){
        .place = load_u64(bytes.data),
        .size = load_u32(bytes.data + 8) & ~POINTER_IS_PACKED,
        .is_packed = load_u32(bytes.data + 8) & POINTER_IS_PACKED,
        .checksum = load_u64(bytes.data + 12),
    };
    return true;
}

static uint64_t checksum_of(struct bytes value, uint64_t place, uint64_t database)
{
    return checksum_at(value, database, value_id(place), place & UINT32_MAX);
}

bool value_pointer_fits(const struct value_pointer *pointer, struct bytes stored, uint64_t database)
{
    return stored.size == pointer->size &&
           checksum_of(stored, pointer->place, database) == pointer->checksum;
}

struct value_pointer value_point(const struct entry *entry, uint64_t place, uint64_t database)
{
    return (struct value_pointer){
        .place = place,
        .size = (uint32_t)entry->value.size,
        .is_packed = entry->is_packed,
        .checksum = checksum_of(entry->value, place, database),
    };
}

const char *value_path(struct buf *path, const char *dir, uint64_t id)
{
    enum file_kind kind = id & VALUE_IN_LOG ? FILE_LOG : FILE_VALUES;
    return file_path(path, dir, kind, id & ~VALUE_IN_LOG);
}
