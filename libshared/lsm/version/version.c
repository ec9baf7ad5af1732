#include "lsm/version/version.h"

#include "base/xalloc.h"
#include "lsm/entry/key.h"
#include "lsm/value/value.h"

#include <assert.h>
#include <stdlib.h>

struct version *version_new(void)
{
    struct version *version = xcalloc(1, sizeof *version);
    version->ref_count = 1;
    version->ranges = xcalloc(1, sizeof *version->ranges);
    version->count = 1;
    return version;
}

struct version *version_retain(struct version *version)
{
    version->ref_count++;
    return version;
}

static void release_range(struct range *range)
{
    buf_release(&range->begin);
    free(range->slices);
}

void version_release(struct version *version, const struct version_drop *drop)
{
    if (!version || --version->ref_count)
        return;
    for (size_t i = 0; i < version->count; i++) {
        for (size_t s = 0; s < version->ranges[i].count; s++)
            drop->table(drop->context, version->ranges[i].slices[s].table);
        release_range(&version->ranges[i]);
    }
    for (size_t i = 0; i < version->value_count; i++)
        drop->values(drop->context, version->values[i].file);
    free(version->values);
    free(version->ranges);
    free(version->heads);
    free(version);
}

// ---- Reading -----------------------------------------------------------------------

static struct bytes begin_of(const struct version *version, size_t index)
{
    return buf_bytes(&version->ranges[index].begin);
}

size_t version_find(const struct version *version, struct bytes key)
{
    uint64_t wanted = key_head(key, 0);
    size_t low = 0, high = version->count; // the answer is before `high`
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t found =
            version->heads ? version->heads[middle] : key_head(begin_of(version, middle), 0);
        bool is_above = found > wanted ||
                        (found == wanted && bytes_compare(begin_of(version, middle), key) > 0);
        if (is_above)
            high = middle;
        else
            low = middle;
    }
    return low;
}

struct bytes version_range_end(const struct version *version, size_t index)
{
    return index + 1 < version->count ? begin_of(version, index + 1) : (struct bytes){0};
}

static int compare_tables(const void *a, const void *b)
{
    uint64_t x = (*(struct sstable *const *)a)->info.number;
    uint64_t y = (*(struct sstable *const *)b)->info.number;
    return (x > y) - (x < y);
}

struct sstable **version_tables(const struct version *version, size_t *count)
{
    size_t all = 0;
    *count = 0;
    for (size_t i = 0; i < version->count; i++)
        all += version->ranges[i].count;
    struct sstable **tables = xmalloc((all + 1) * sizeof(struct sstable *));
    all = 0;
    for (size_t i = 0; i < version->count; i++)
        for (size_t s = 0; s < version->ranges[i].count; s++)
            tables[all++] = version->ranges[i].slices[s].table;
    if (all)
        qsort(tables, all, sizeof(struct sstable *), compare_tables);
    for (size_t i = 0; i < all; i++)
        if (!*count || tables[*count - 1] != tables[i])
            tables[(*count)++] = tables[i];
    return tables;
}

// ---- Damage --------------------------------------------------------------------------

static bool is_among(const struct sstable *table, struct sstable *const *tables, size_t count)
{
    size_t i = 0;
    while (i < count && tables[i] != table)
        i++;
    return i < count;
}

size_t range_sound_count(const struct range *range)
{
    size_t count = 0;
    while (count < range->count && !range->slices[count].is_damaged)
        count++;
    return count;
}

bool range_is_sound(const struct range *range)
{
    return range_sound_count(range) == range->count;
}

bool version_is_sound(const struct version *version)
{
    size_t i = 0;
    while (i < version->count && range_is_sound(&version->ranges[i]))
        i++;
    return i == version->count;
}

void range_mark_damaged(const struct version *version, size_t index, struct sstable *const *tables,
                        size_t count)
{
    struct range *range = &version->ranges[index];
    for (size_t s = 0; s < range->count; s++)
        range->slices[s].is_damaged |= is_among(range->slices[s].table, tables, count);
}

// ---- How much is superseded ----------------------------------------------------------

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void range_survey(const struct version *version, size_t index)
{
    struct range *range = &version->ranges[index];
    struct buf hashes = {0};
    range->deleted_count = range->distinct_count = 0;
    for (size_t s = 0; s < range->count; s++) {
        uint32_t begin, end; // the first and the last may reach out of the range
        sstable_range_blocks(range->slices[s].table, buf_bytes(&range->begin),
                             version_range_end(version, index), &begin, &end);
        sstable_sample(range->slices[s].table, begin, end, &hashes, &range->deleted_count);
    }
    uint64_t *sorted = (uint64_t *)(void *)hashes.data;
    range->sampled_count = hashes.size / sizeof *sorted;
    if (range->sampled_count)
        qsort(sorted, range->sampled_count, sizeof *sorted, compare_hashes);
    for (size_t i = 0; i < range->sampled_count; i++)
        range->distinct_count += i == 0 || sorted[i] != sorted[i - 1];
    range->is_surveyed = true;
    buf_release(&hashes);
}

// ---- A draft -----------------------------------------------------------------------

static void copy_range(struct range *to, const struct range *from)
{
    *to = *from;
    to->begin = (struct buf){0};
    buf_set(&to->begin, buf_bytes(&from->begin));
    to->slices = xmalloc((from->count + 1) * sizeof *to->slices);
    for (size_t s = 0; s < from->count; s++) {
        to->slices[s] = from->slices[s];
        sstable_retain(to->slices[s].table);
    }
}

struct version *version_copy(const struct version *version)
{
    struct version *draft = xcalloc(1, sizeof *draft);
    draft->ref_count = 1;
    draft->count = version->count;
    draft->ranges = xmalloc(draft->count * sizeof *draft->ranges);
    for (size_t i = 0; i < draft->count; i++)
        copy_range(&draft->ranges[i], &version->ranges[i]);
    draft->value_count = version->value_count;
    draft->values = xmalloc((draft->value_count + 1) * sizeof *draft->values);
    for (size_t i = 0; i < draft->value_count; i++) {
        draft->values[i] = version->values[i];
        draft->values[i].file->ref_count++;
    }
    return draft;
}

// The draft changes: sizes and heads computed from it are void.
static void touch(struct version *draft, struct range *range)
{
    range->is_surveyed = false;
    range->size = 0;
    free(draft->heads);
    draft->heads = NULL;
}

static bool reaches(const struct sstable *table, struct bytes begin, struct bytes end)
{
    return bytes_compare(buf_bytes(&table->info.largest), begin) >= 0 &&
           (!end.size || bytes_compare(buf_bytes(&table->info.smallest), end) < 0);
}

// Takes the slices away that do not reach into the range.
static void trim(struct version *draft, size_t index)
{
    struct range *range = &draft->ranges[index];
    struct bytes end = version_range_end(draft, index);
    size_t kept = 0;
    for (size_t s = 0; s < range->count; s++) {
        struct slice slice = range->slices[s];
        if (reaches(slice.table, buf_bytes(&range->begin), end))
            range->slices[kept++] = slice;
        else
            sstable_release(slice.table); // another range has it
    }
    range->count = kept;
}

static void insert_range(struct version *draft, size_t index, struct range range)
{
    draft->ranges = xrealloc(draft->ranges, (draft->count + 1) * sizeof *draft->ranges);
    memmove(draft->ranges + index + 1, draft->ranges + index,
            (draft->count - index) * sizeof *draft->ranges);
    draft->ranges[index] = range;
    draft->count++;
}

static void remove_range(struct version *draft, size_t index)
{
    for (size_t s = 0; s < draft->ranges[index].count; s++)
        sstable_release(draft->ranges[index].slices[s].table);
    release_range(&draft->ranges[index]);
    draft->count--;
    memmove(draft->ranges + index, draft->ranges + index + 1,
            (draft->count - index) * sizeof *draft->ranges);
}

size_t version_cut(struct version *draft, struct bytes key)
{
    size_t index = version_find(draft, key);
    if (bytes_equal(begin_of(draft, index), key))
        return index;
    struct range second;
    copy_range(&second, &draft->ranges[index]);
    buf_set(&second.begin, key);
    insert_range(draft, index + 1, second);
    touch(draft, &draft->ranges[index]);
    touch(draft, &draft->ranges[index + 1]);
    trim(draft, index);
    trim(draft, index + 1);
    return index + 1;
}

static struct slice *add_slice(struct version *draft, size_t index, struct sstable *table)
{
    struct range *range = &draft->ranges[index];
    size_t at = 0;
    while (at < range->count && range->slices[at].table->info.run > table->info.run)
        at++;
    range->slices = xrealloc(range->slices, (range->count + 1) * sizeof *range->slices);
    memmove(range->slices + at + 1, range->slices + at,
            (range->count - at) * sizeof *range->slices);
    range->slices[at] = (struct slice){.table = sstable_retain(table)};
    range->count++;
    touch(draft, range);
    return &range->slices[at];
}

void version_add(struct version *draft, size_t index, struct sstable *table)
{
    add_slice(draft, index, table);
}

void version_push(struct version *draft, struct sstable *table)
{
    for (size_t i = 0; i < draft->count; i++) {
        if (reaches(table, begin_of(draft, i), version_range_end(draft, i)))
            version_add(draft, i, table);
    }
}

// Takes the inputs out of a range.
static void take_inputs(struct version *draft, struct range *range,
                        const struct version_change *change)
{
    size_t kept = 0;
    for (size_t s = 0; s < range->count; s++) {
        struct slice slice = range->slices[s];
        if (is_among(slice.table, change->inputs, change->input_count))
            sstable_release(slice.table); // a reference of the version before is left
        else
            range->slices[kept++] = slice;
    }
    range->count = kept;
    touch(draft, range);
}

// The ranges first..last become one, which has the slices of all.
static void join(struct version *draft, size_t first, size_t last)
{
    for (; last > first; last--) {
        struct range *range = &draft->ranges[last];
        for (size_t s = 0; s < range->count; s++) {
            struct range *left = &draft->ranges[first];
            size_t i = 0;
            while (i < left->count && left->slices[i].table != range->slices[s].table)
                i++;
            struct slice *slice = i < left->count ? &left->slices[i]
                                                  : add_slice(draft, first, range->slices[s].table);
            slice->is_damaged |= range->slices[s].is_damaged;
        }
        remove_range(draft, last);
        touch(draft, &draft->ranges[first]);
    }
}

void version_replace(struct version *draft, const struct version_change *change)
{
    size_t first = version_find(draft, change->begin), last = first;
    while (last + 1 < draft->count &&
           (!change->end.size || bytes_compare(begin_of(draft, last + 1), change->end) < 0))
        last++;
    for (size_t i = first; i <= last; i++)
        take_inputs(draft, &draft->ranges[i], change);
    assert(change->is_bottom || first == last);
    if (change->is_bottom)
        join(draft, first, last);
    for (size_t i = 0; i < change->output_count; i++) {
        size_t index = first;
        if (i && change->is_bottom)
            index = version_cut(draft, buf_bytes(&change->outputs[i]->info.smallest));
        version_add(draft, index, change->outputs[i]);
    }
}

// Whether the range has nothing and the one before it does not reach into it.
static bool is_superfluous(const struct version *draft, size_t index)
{
    const struct range *before = &draft->ranges[index - 1];
    bool is_free = !draft->ranges[index].count;
    for (size_t s = 0; s < before->count && is_free; s++)
        is_free = bytes_compare(buf_bytes(&before->slices[s].table->info.largest),
                                begin_of(draft, index)) < 0;
    return is_free;
}

void version_tidy(struct version *draft)
{
    for (size_t i = draft->count - 1; i > 0; i--) {
        if (is_superfluous(draft, i))
            join(draft, i - 1, i);
    }
}

// Index of the first file whose id is not below this one.
static size_t values_from(const struct version *version, uint64_t id)
{
    size_t low = 0, high = version->value_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (version->values[middle].file->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t version_find_values(const struct version *version, uint64_t id)
{
    size_t at = values_from(version, id);
    return at < version->value_count && version->values[at].file->id == id ? at : SIZE_MAX;
}

static void add_values(struct version *draft, struct value_file *file)
{
    size_t at = values_from(draft, file->id);
    draft->values = xrealloc(draft->values, (draft->value_count + 1) * sizeof *draft->values);
    memmove(draft->values + at + 1, draft->values + at,
            (draft->value_count - at) * sizeof *draft->values);
    file->ref_count++;
    draft->values[at] = (struct live_values){.file = file};
    draft->value_count++;
}

void version_count_values(struct version *draft, const struct version_values *values,
                          const struct version_drop *drop)
{
    for (size_t i = 0; i < values->file_count; i++)
        add_values(draft, values->files[i]);
    size_t kept = 0;
    for (size_t i = 0; i < draft->value_count; i++) {
        struct live_values live = draft->values[i];
        live.size += value_counts_find(values->more, live.file->id);
        uint64_t less = value_counts_find(values->less, live.file->id);
        live.size -= less <= live.size ? less : 0; // or the manifest lies
        if (live.size)
            draft->values[kept++] = live;
        else
            drop->values(drop->context, live.file);
    }
    draft->value_count = kept;
}

static void measure(struct version *draft, size_t index)
{
    struct range *range = &draft->ranges[index];
    range->size = 0;
    for (size_t s = 0; s < range->count; s++) {
        struct slice *slice = &range->slices[s];
        const struct sstable_info *info = &slice->table->info;
        uint64_t weight = info->size + info->value_size / VALUE_WEIGHT;
        slice->size = sstable_range_size(slice->table, buf_bytes(&range->begin),
                                         version_range_end(draft, index));
        slice->size = (uint64_t)((double)slice->size * (double)weight / (double)info->size);
        range->size += slice->size;
    }
}

void version_finish(struct version *draft)
{
    free(draft->heads);
    draft->heads = xmalloc(draft->count * sizeof *draft->heads);
    for (size_t i = 0; i < draft->count; i++) {
        draft->heads[i] = key_head(begin_of(draft, i), 0);
        if (!draft->ranges[i].size) // it has changed
            measure(draft, i);
    }
}
