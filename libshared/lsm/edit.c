#include "lsm/edit.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum fact {
    FACT_FLUSHED = 1,
    FACT_NEXT_FILE = 2,
    FACT_ADD = 3,
    FACT_REMOVE = 4,
};

void edit_encode_flushed(struct buf *out, uint64_t address, const struct buf *snapshot)
{
    buf_append_u8(out, FACT_FLUSHED);
    buf_append_u64(out, address);
    buf_append_u8(out, snapshot != NULL);
    buf_append_sized(out, snapshot ? buf_bytes(snapshot) : (struct bytes){0});
}

void edit_encode_next_file(struct buf *out, uint64_t next_file)
{
    buf_append_u8(out, FACT_NEXT_FILE);
    buf_append_u64(out, next_file);
}

void edit_encode_add(struct buf *out, const struct sstable_info *table)
{
    buf_append_u8(out, FACT_ADD);
    sstable_info_encode(out, table);
}

void edit_encode_remove(struct buf *out, uint64_t number)
{
    buf_append_u8(out, FACT_REMOVE);
    buf_append_u64(out, number);
}

static size_t find_table(const struct edit_state *state, uint64_t number)
{
    size_t i = 0;
    while (i < state->table_count && state->tables[i].number != number)
        i++;
    return i;
}

static bool add_table(struct edit_state *state, struct reader *reader)
{
    struct sstable_info info;
    sstable_info_decode(reader, &info);
    if (reader->bad || find_table(state, info.number) < state->table_count) {
        sstable_info_release(&info);
        return false;
    }
    state->tables = xrealloc(state->tables, (state->table_count + 1) * sizeof *state->tables);
    state->tables[state->table_count++] = info;
    return true;
}

static bool remove_table(struct edit_state *state, uint64_t number)
{
    size_t i = find_table(state, number);
    if (i == state->table_count)
        return false;
    sstable_info_release(&state->tables[i]);
    state->tables[i] = state->tables[--state->table_count];
    return true;
}

static bool apply_fact(struct edit_state *state, struct reader *reader)
{
    switch (reader_u8(reader)) {
    case FACT_FLUSHED:
        state->flushed = reader_u64(reader);
        state->has_snapshot = reader_u8(reader);
        buf_set(&state->snapshot, reader_sized(reader));
        return true;
    case FACT_NEXT_FILE:
        state->next_file = reader_u64(reader);
        return true;
    case FACT_ADD:
        return add_table(state, reader);
    case FACT_REMOVE:
        return remove_table(state, reader_u64(reader));
    default:
        return false;
    }
}

bool edit_apply(struct edit_state *state, struct bytes edit)
{
    struct reader reader = reader_of(edit);
    while (reader_left(&reader) && !reader.bad) {
        if (!apply_fact(state, &reader))
            return false;
    }
    return !reader.bad;
}

void edit_state_release(struct edit_state *state)
{
    for (size_t i = 0; i < state->table_count; i++)
        sstable_info_release(&state->tables[i]);
    free(state->tables);
    buf_release(&state->snapshot);
    *state = (struct edit_state){0};
}
