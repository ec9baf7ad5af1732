#include "lsm/table/sstable_info.h"

void sstable_info_release(struct sstable_info *info)
{
    buf_release(&info->smallest);
    buf_release(&info->largest);
}

void sstable_info_copy(struct sstable_info *to, const struct sstable_info *from)
{
    *to = *from;
    to->smallest = to->largest = (struct buf){0};
    buf_set(&to->smallest, buf_bytes(&from->smallest));
    buf_set(&to->largest, buf_bytes(&from->largest));
}

void sstable_info_encode(struct buf *out, const struct sstable_info *info)
{
    buf_append_u64(out, info->number);
    buf_append_u64(out, info->run);
    buf_append_u64(out, info->size);
    buf_append_u64(out, info->entry_count);
    buf_append_u64(out, info->deleted_count);
    buf_append_u64(out, info->value_size);
    buf_append_short(out, buf_bytes(&info->smallest));
    buf_append_short(out, buf_bytes(&info->largest));
}

void sstable_info_decode(struct reader *reader, struct sstable_info *info)
{
    *info = (struct sstable_info){0};
    info->number = reader_u64(reader);
    info->run = reader_u64(reader);
    info->size = reader_u64(reader);
    info->entry_count = reader_u64(reader);
    info->deleted_count = reader_u64(reader);
    info->value_size = reader_u64(reader);
    buf_set(&info->smallest, reader_short(reader));
    buf_set(&info->largest, reader_short(reader));
}
