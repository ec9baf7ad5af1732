#include "lsm/version/edit.h"

#include "base/endian.h"
#include "base/search.h"
#include "base/section.h"
#include "base/xalloc.h"
#include "lsm/file/file_name.h"

#include <stdlib.h>

enum fact {
    FACT_FLUSHED = 1,
    FACT_NEXT_FILE = 2,
    FACT_ADD = 3,
    FACT_RANGE = 4,
    FACT_JOIN = 5,
    FACT_VALUES = 6,
};

// ---- Writing -----------------------------------------------------------------------

void edit_encode_flushed(struct buf *out, uint64_t address, const struct snapshot *snapshot)
{
    size_t begin = section_begin(out, FACT_FLUSHED);
    buf_append_u64(out, address);
    buf_append_u64(out, snapshot->number);
    buf_append_u64(out, snapshot->size);
    buf_append_u64(out, snapshot->checksum);
    section_end(out, begin);
}

void edit_encode_next_file(struct buf *out, uint64_t next_file)
{
    size_t begin = section_begin(out, FACT_NEXT_FILE);
    buf_append_u64(out, next_file);
    section_end(out, begin);
}

// Those of `after` that `before` has not.
static void encode_new_tables(struct buf *out, const struct version *before,
                              const struct version *after)
{
    size_t old_count = 0, new_count, o = 0;
    struct sstable **old = before ? version_tables(before, &old_count) : NULL;
    struct sstable **new = version_tables(after, &new_count);
    for (size_t n = 0; n < new_count; n++) {
        while (o < old_count && old[o]->info.number < new[n]->info.number)
            o++;
        if (o < old_count && old[o] == new[n])
            continue;
        size_t begin = section_begin(out, FACT_ADD);
        sstable_info_encode(out, &new[n]->info);
        section_end(out, begin);
    }
    free(old);
    free(new);
}

static bool has_same_slices(const struct range *a, const struct range *b)
{
    bool is_same = a->count == b->count;
    for (size_t s = 0; s < a->count && is_same; s++)
        is_same = a->slices[s].table == b->slices[s].table;
    return is_same;
}

static void encode_range(struct buf *out, const struct range *range)
{
    size_t begin = section_begin(out, FACT_RANGE);
    buf_append_short(out, buf_bytes(&range->begin));
    buf_append_u32(out, (uint32_t)range->count);
    for (size_t s = 0; s < range->count; s++)
        buf_append_u64(out, range->slices[s].table->info.number);
    section_end(out, begin);
}

static void encode_values(struct buf *out, const struct value_file *file, uint64_t live)
{
    size_t begin = section_begin(out, FACT_VALUES);
    buf_append_u64(out, file->id);
    buf_append_u64(out, file->size);
    buf_append_u64(out, live);
    section_end(out, begin);
}

static void encode_changed_values(struct buf *out, const struct version *before,
                                  const struct version *after)
{
    for (size_t i = 0; before && i < before->value_count; i++) {
        if (version_find_values(after, before->values[i].file->id) == SIZE_MAX)
            encode_values(out, before->values[i].file, 0);
    }
    for (size_t i = 0; i < after->value_count; i++) {
        const struct live_values *live = &after->values[i];
        size_t old = before ? version_find_values(before, live->file->id) : SIZE_MAX;
        bool is_same = before && old != SIZE_MAX && before->values[old].size == live->size;
        if (!is_same)
            encode_values(out, live->file, live->size);
    }
}

void edit_encode_version(struct buf *out, const struct version *version)
{
    encode_changed_values(out, NULL, version);
    encode_new_tables(out, NULL, version);
    for (size_t i = 0; i < version->count; i++)
        encode_range(out, &version->ranges[i]);
}

void edit_encode_change(struct buf *out, const struct version *before, const struct version *after)
{
    encode_changed_values(out, before, after);
    encode_new_tables(out, before, after);
    size_t o = 0, n = 0;
    while (o < before->count || n < after->count) {
        const struct range *old = o < before->count ? &before->ranges[o] : NULL;
        const struct range *new = n < after->count ? &after->ranges[n] : NULL;
        int order = !old ? 1 : -1;
        if (old && new)
            order = bytes_compare(buf_bytes(&old->begin), buf_bytes(&new->begin));
        if (order < 0) {
            size_t begin = section_begin(out, FACT_JOIN);
            buf_append_short(out, buf_bytes(&old->begin));
            section_end(out, begin);
        } else if (order > 0 || !has_same_slices(old, new)) {
            encode_range(out, new);
        }
        o += order <= 0;
        n += order >= 0;
    }
}

// ---- Reading -----------------------------------------------------------------------

// Index of the first table whose number is not below this one.
static size_t find_table(const struct edit_state *state, uint64_t number)
{
    return search_number(state->tables, state->table_count, sizeof *state->tables, number);
}

const struct sstable_info *edit_find_table(const struct edit_state *state, uint64_t number)
{
    size_t i = find_table(state, number);
    return i < state->table_count && state->tables[i].number == number ? &state->tables[i] : NULL;
}

static bool add_table(struct edit_state *state, struct reader *reader)
{
    struct sstable_info info;
    sstable_info_decode(reader, &info);
    if (reader->bad || edit_find_table(state, info.number)) {
        sstable_info_release(&info);
        return false;
    }
    size_t at = find_table(state, info.number);
    state->tables = xrealloc(state->tables, (state->table_count + 1) * sizeof *state->tables);
    memmove(state->tables + at + 1, state->tables + at,
            (state->table_count - at) * sizeof *state->tables);
    state->tables[at] = info;
    state->table_count++;
    return true;
}

// Index of the first range that does not begin before `begin`.
static size_t find_range(const struct edit_state *state, struct bytes begin)
{
    size_t low = 0, high = state->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(buf_bytes(&state->ranges[middle].begin), begin) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool begins_at(const struct edit_state *state, size_t index, struct bytes begin)
{
    return index < state->range_count && bytes_equal(buf_bytes(&state->ranges[index].begin), begin);
}

static bool set_range(struct edit_state *state, struct reader *reader)
{
    struct bytes begin = reader_short(reader);
    uint32_t count = reader_u32(reader);
    struct bytes numbers = reader_bytes(reader, (size_t)count * 8);
    for (uint32_t i = 0; i < count && !reader->bad; i++)
        reader->bad |= !edit_find_table(state, load_u64(numbers.data + (size_t)i * 8));
    if (reader->bad)
        return false;
    size_t at = find_range(state, begin);
    if (!begins_at(state, at, begin)) {
        state->ranges = xrealloc(state->ranges, (state->range_count + 1) * sizeof *state->ranges);
        memmove(state->ranges + at + 1, state->ranges + at,
                (state->range_count - at) * sizeof *state->ranges);
        state->ranges[at] = (struct edit_range){0};
        state->range_count++;
        buf_set(&state->ranges[at].begin, begin);
    }
    buf_set(&state->ranges[at].numbers, numbers);
    return true;
}

static bool join_range(struct edit_state *state, struct bytes begin)
{
    size_t at = find_range(state, begin);
    if (!begin.size || !begins_at(state, at, begin))
        return false;
    buf_release(&state->ranges[at].begin);
    buf_release(&state->ranges[at].numbers);
    state->range_count--;
    memmove(state->ranges + at, state->ranges + at + 1,
            (state->range_count - at) * sizeof *state->ranges);
    return true;
}

static bool set_values(struct edit_state *state, struct reader *reader)
{
    struct edit_values values = {.id = reader_u64(reader)};
    values.size = reader_u64(reader);
    values.live = reader_u64(reader);
    if (reader->bad)
        return false;
    size_t at = search_number(state->values, state->value_count, sizeof *state->values, values.id);
    bool is_there = at < state->value_count && state->values[at].id == values.id;
    if (!values.live && !is_there)
        return false;
    if (!values.live) {
        state->value_count--;
        memmove(state->values + at, state->values + at + 1,
                (state->value_count - at) * sizeof *state->values);
        return true;
    }
    if (!is_there) {
        state->values = xrealloc(state->values, (state->value_count + 1) * sizeof *state->values);
        memmove(state->values + at + 1, state->values + at,
                (state->value_count - at) * sizeof *state->values);
        state->value_count++;
    }
    state->values[at] = values;
    return true;
}

static bool set_flushed(struct edit_state *state, struct reader *reader)
{
    state->flushed = reader_u64(reader);
    state->snapshot.number = reader_u64(reader);
    state->snapshot.size = reader_u64(reader);
    state->snapshot.checksum = reader_u64(reader);
    return state->snapshot.number < FILE_NUMBER_END;
}

static void set_flushed_inline(struct edit_state *state, struct reader *reader)
{
    state->flushed = reader_u64(reader);
    state->has_inline = reader_u8(reader);
    buf_set(&state->inline_snapshot, reader_sized(reader));
}

// INVALID: the fact is not known.
static enum status apply_fact(struct edit_state *state, uint8_t kind, struct reader *reader)
{
    bool fits = false;
    switch (kind) {
    case FACT_FLUSHED:
        fits = set_flushed(state, reader);
        break;
    case FACT_NEXT_FILE:
        state->next_file = reader_u64(reader);
        fits = state->next_file <= FILE_NUMBER_END;
        break;
    case FACT_ADD:
        fits = add_table(state, reader);
        break;
    case FACT_RANGE:
        fits = set_range(state, reader);
        break;
    case FACT_JOIN:
        fits = join_range(state, reader_short(reader));
        break;
    case FACT_VALUES:
        fits = set_values(state, reader);
        break;
    default:
        return kind & SECTION_MAY_BE_SKIPPED ? STATUS_OK : STATUS_INVALID;
    }
    return fits ? STATUS_OK : STATUS_CORRUPT;
}

static enum status apply_version_1(struct edit_state *state, struct bytes edit)
{
    struct reader reader = reader_of(edit);
    enum status status = STATUS_OK;
    while (reader_left(&reader) && !reader.bad && !status) {
        uint8_t kind = reader_u8(&reader);
        if (kind == FACT_FLUSHED)
            set_flushed_inline(state, &reader);
        else if (kind > FACT_VALUES || apply_fact(state, kind, &reader))
            status = STATUS_CORRUPT; // there was nothing that might be passed over
    }
    return reader.bad ? STATUS_CORRUPT : status;
}

enum status edit_apply(struct edit_state *state, struct bytes edit, uint32_t version)
{
    if (version == 1)
        return apply_version_1(state, edit);
    struct reader reader = reader_of(edit);
    struct section section;
    enum status status = STATUS_OK;
    while (!status && section_next(&reader, &section)) {
        struct reader body = reader_of(section.body);
        status = apply_fact(state, section.kind, &body);
        if (!status && !(section.kind & SECTION_MAY_BE_SKIPPED) && !reader_done(&body))
            status = STATUS_CORRUPT;
    }
    return reader.bad ? STATUS_CORRUPT : status;
}

void edit_state_release(struct edit_state *state)
{
    for (size_t i = 0; i < state->table_count; i++)
        sstable_info_release(&state->tables[i]);
    for (size_t i = 0; i < state->range_count; i++) {
        buf_release(&state->ranges[i].begin);
        buf_release(&state->ranges[i].numbers);
    }
    free(state->tables);
    free(state->ranges);
    free(state->values);
    buf_release(&state->inline_snapshot);
    *state = (struct edit_state){0};
}
