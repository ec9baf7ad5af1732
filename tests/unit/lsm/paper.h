// paper.h - tables that exist on paper alone, for tests of what only places and counts them.
//
// A table has a number, which is its run as well, and a first and a last key. Sizes are
// written down by the test; what would open a file is not to be called.
//
//     paper_shape()   "31 24 | h: 31 19"   two ranges, the second begins at h; newest first
#pragma once

#include "unit/unit.h"

#include "base/random.h"
#include "base/xalloc.h"
#include "lsm/version/version.h"

#include <stdlib.h>

enum {
    PAPER_TABLE_COUNT_MAX = 1024,
    PAPER_FILE_COUNT = 6, // with large values
};

struct paper {
    struct sstable *tables[PAPER_TABLE_COUNT_MAX]; // by number, from 1 on; a reference each
    size_t count;
    struct value_file files[PAPER_FILE_COUNT]; // ids from 1 on; a reference each
    size_t dropped_count;                      // slices that versions let go
    struct buf shape;
};

static inline void paper_init(struct paper *paper)
{
    *paper = (struct paper){0};
    for (size_t i = 0; i < PAPER_FILE_COUNT; i++)
        paper->files[i] = (struct value_file){.ref_count = 1, .id = i + 1, .size = 1000};
}

static inline void paper_drop_table(void *context, struct sstable *table)
{
    struct paper *paper = context;
    paper->dropped_count++;
    assert_false(sstable_release(table)); // one reference is ours
}

static inline void paper_drop_values(void *context, struct value_file *file)
{
    struct paper *paper = context;
    assert_true(file >= paper->files && file < paper->files + PAPER_FILE_COUNT);
    assert_true(--file->ref_count > 0);
}

static inline struct version_drop paper_drop(struct paper *paper)
{
    return (struct version_drop){paper, paper_drop_table, paper_drop_values};
}

static inline void paper_release_version(struct paper *paper, struct version *version)
{
    struct version_drop drop = paper_drop(paper);
    version_release(version, &drop);
}

// After all versions: nothing may refer to a table or a file any more.
static inline void paper_release(struct paper *paper)
{
    for (size_t i = 0; i < PAPER_FILE_COUNT; i++)
        assert_int_equal(paper->files[i].ref_count, 1);
    for (size_t i = 0; i < paper->count; i++)
        assert_true(sstable_release(paper->tables[i]));
    buf_release(&paper->shape);
}

static inline struct sstable *paper_table(struct paper *paper, const char *smallest,
                                          const char *largest)
{
    assert_true(paper->count < PAPER_TABLE_COUNT_MAX);
    struct sstable *table = xcalloc(1, sizeof *table);
    paper->tables[paper->count++] = table;
    table->ref_count = 1;
    table->info.number = table->info.run = paper->count;
    table->info.size = 1000 + paper->count;
    table->info.entry_count = 10;
    buf_append_text(&table->info.smallest, smallest);
    buf_append_text(&table->info.largest, largest);
    return table;
}

static inline const char *paper_shape(struct paper *paper, const struct version *version)
{
    struct buf *shape = &paper->shape;
    buf_clear(shape);
    for (size_t i = 0; i < version->count; i++) {
        const struct range *range = &version->ranges[i];
        if (i)
            buf_printf(shape, "%s| %.*s:", shape->size ? " " : "", (int)range->begin.size,
                       (const char *)range->begin.data);
        for (size_t s = 0; s < range->count; s++)
            buf_printf(shape, "%s%d", shape->size ? " " : "",
                       (int)range->slices[s].table->info.number);
    }
    return buf_text(shape);
}

// ---- Random changes ------------------------------------------------------------------

static inline const char *paper_letter(unsigned index)
{
    static const char letters[26][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                        "j", "k", "l", "m", "n", "o", "p", "q", "r",
                                        "s", "t", "u", "v", "w", "x", "y", "z"};
    return letters[index];
}

// A new table over some letters.
static inline struct sstable *paper_any_table(struct paper *paper, struct random *random)
{
    unsigned first = (unsigned)random_below(random, 26);
    unsigned last = first + (unsigned)random_below(random, 26 - first);
    return paper_table(paper, paper_letter(first), paper_letter(last));
}

// A merge of the newest `slice_count` of the range at `index`, or of that and its neighbour
// into their bottom, which makes up to three tables.
struct paper_merge {
    struct version_change change;
    struct buf begin, end;
    struct sstable *inputs[64];
    struct sstable *outputs[3];
};

static inline void paper_add_input(struct paper_merge *merge, struct sstable *table)
{
    for (size_t i = 0; i < merge->change.input_count; i++)
        if (merge->inputs[i] == table)
            return;
    assert_true(merge->change.input_count < 64);
    merge->inputs[merge->change.input_count++] = table;
}

// What comes out has the keys of [first, end), in up to `count` tables, and the run of
// the newest input.
static inline void paper_make_outputs(struct paper *paper, struct paper_merge *merge,
                                      unsigned first, unsigned end, unsigned count)
{
    uint64_t run = 0;
    for (size_t i = 0; i < merge->change.input_count; i++)
        run = run < merge->inputs[i]->info.run ? merge->inputs[i]->info.run : run;
    for (unsigned i = 0; i < count && first < end; i++) {
        unsigned size = (end - first + count - i - 1) / (count - i);
        struct sstable *table =
            paper_table(paper, paper_letter(first), paper_letter(first + size - 1));
        table->info.run = run;
        merge->outputs[merge->change.output_count++] = table;
        first += size;
    }
}

static inline void paper_merge(struct paper *paper, struct random *random,
                               const struct version *version, struct paper_merge *merge)
{
    *merge = (struct paper_merge){0};
    struct version_change *change = &merge->change;
    size_t first = random_below(random, version->count), last = first;
    change->is_bottom = random_below(random, 2);
    if (change->is_bottom && first + 1 < version->count)
        last += random_below(random, 2);
    for (size_t i = first; i <= last; i++) {
        const struct range *range = &version->ranges[i];
        size_t count = change->is_bottom ? range->count : random_below(random, range->count + 1);
        for (size_t s = 0; s < count; s++)
            paper_add_input(merge, range->slices[s].table);
    }
    buf_set(&merge->begin, buf_bytes(&version->ranges[first].begin));
    buf_set(&merge->end, version_range_end(version, last));
    change->begin = buf_bytes(&merge->begin);
    change->end = buf_bytes(&merge->end);
    change->inputs = merge->inputs;
    change->outputs = merge->outputs;
    unsigned begin_at = change->begin.size ? change->begin.data[0] - 'a' : 0;
    unsigned end_at = change->end.size ? change->end.data[0] - 'a' : 26;
    unsigned count = (unsigned)random_below(random, change->is_bottom ? 4 : 2);
    if (change->input_count)
        paper_make_outputs(paper, merge, begin_at, end_at, count);
}

static inline void paper_merge_release(struct paper_merge *merge)
{
    buf_release(&merge->begin);
    buf_release(&merge->end);
}
