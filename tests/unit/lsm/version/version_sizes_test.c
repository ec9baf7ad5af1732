// What a version knows of its sizes: of slices, of what is superseded in them, of large values.
#include "unit/lsm/paper.h"
#include "unit/lsm/shelf.h"

#include "base/hash.h"

#include <stdio.h>

static struct paper paper;

static struct bytes text(const char *key)
{
    return bytes_of_text(key);
}

static struct version *start(void)
{
    paper_init(&paper);
    return version_new();
}

static void stop(struct version *version)
{
    paper_release_version(&paper, version);
    paper_release(&paper);
}

// ---- Sizes -----------------------------------------------------------------------------

static struct shelf shelf;

static void drop_table(void *context, struct sstable *table)
{
    (void)context;
    assert_false(sstable_release(table)); // the shelf has one
}

// A table with a key for each number in [first, end), and values of noise.
static struct sstable *numbers(unsigned first, unsigned end, size_t value_size)
{
    struct entry *entries = xcalloc(end - first, sizeof *entries);
    char(*keys)[8] = xcalloc(end - first, sizeof *keys);
    uint8_t *noise = xcalloc(end - first, value_size);
    struct random random;
    random_init(&random, first);
    for (size_t i = 0; i < value_size * (end - first); i++)
        noise[i] = (uint8_t)random_u64(&random);
    for (unsigned i = first; i < end; i++) {
        snprintf(keys[i - first], sizeof *keys, "%06u", i);
        entries[i - first].key = text(keys[i - first]);
        entries[i - first].value = bytes_of(noise + (i - first) * value_size, value_size);
    }
    struct sstable *table = shelf_add(&shelf, entries, end - first, 1000);
    table->info.run = table->info.number;
    free(entries);
    free(keys);
    free(noise);
    return table;
}

TEST(the_size_of_a_slice_is_about_what_the_table_has_in_the_range)
{
    struct version_drop drop = {NULL, drop_table, NULL};
    shelf_init(&shelf);
    struct sstable *table = numbers(0, 1000, 200);
    struct version *draft = version_new();
    version_push(draft, table);
    version_finish(draft);
    uint64_t all = draft->ranges[0].size;
    assert_true(all > 1000 * 200 && all < table->info.size);
    assert_int_equal(draft->ranges[0].slices[0].size, all);

    version_cut(draft, text("000250"));
    version_cut(draft, text("000250x")); // nothing is there but the block around
    version_cut(draft, text("000251"));
    version_cut(draft, text("000750"));
    version_finish(draft);
    assert_int_equal(draft->count, 5);
    const struct range *ranges = draft->ranges;
    assert_true(ranges[0].size > all / 4 - 2000 && ranges[0].size < all / 4 + 2000);
    assert_true(ranges[1].size < 3000 && ranges[2].size < 3000);
    assert_true(ranges[3].size > all / 2 - 3000 && ranges[3].size < all / 2 + 3000);

    version_push(draft, numbers(700, 800, 200));
    uint64_t before = ranges[0].size;
    version_finish(draft);
    assert_int_equal(draft->ranges[0].size, before); // untouched
    assert_true(draft->ranges[3].slices[0].size > 50 * 200 - 2000);
    assert_true(draft->ranges[3].slices[0].size < 50 * 200 + 3000);
    version_release(draft, &drop);
    shelf_release(&shelf);
}

TEST(large_values_weigh_a_quarter)
{
    struct version_drop drop = {NULL, drop_table, NULL};
    shelf_init(&shelf);
    struct sstable *table = numbers(0, 1000, 20);
    struct version *draft = version_new();
    table->info.value_size = 4000000; // elsewhere
    version_push(draft, table);
    version_cut(draft, text("000500"));
    version_finish(draft);
    assert_true(draft->ranges[0].size > 430000 && draft->ranges[0].size < 540000);
    version_release(draft, &drop);
    shelf_release(&shelf);
}

TEST(a_survey_counts_what_is_superseded_or_deleted_among_the_samples)
{
    struct version_drop drop = {NULL, drop_table, NULL};
    struct entry entries[40] = {0};
    char keys[40][8];
    size_t count = 0;
    shelf_init(&shelf);
    for (unsigned i = 0; count < 40; i++) { // those that samples have
        snprintf(keys[count], sizeof keys[count], "%06u", i);
        if (!(hash64_seeded(text(keys[count]), SHELF_DATABASE) & UINT8_MAX)) {
            entries[count].key = text(keys[count]);
            count++;
        }
    }
    struct version *draft = version_new();
    version_push(draft, shelf_add(&shelf, entries, 40, 1));
    for (size_t i = 10; i < 15; i++)
        entries[i].is_deleted = true;
    version_push(draft, shelf_add(&shelf, entries + 10, 10, 1));
    version_finish(draft);
    const struct range *range = &draft->ranges[0];
    range_survey(draft, 0);
    assert_true(range->is_surveyed);
    assert_int_equal(range->sampled_count, 40 + 10);
    assert_int_equal(range->distinct_count, 40);
    assert_int_equal(range->deleted_count, 5);

    version_cut(draft, entries[12].key);
    assert_false(draft->ranges[0].is_surveyed);
    version_finish(draft);
    range_survey(draft, 1); // the block where it begins counts as a whole
    range = &draft->ranges[1];
    assert_in_range(range->sampled_count, 28 + 8, 29 + 9);
    assert_in_range(range->distinct_count, 28, 29);
    assert_in_range(range->deleted_count, 3, 4);
    version_release(draft, &drop);
    shelf_release(&shelf);
}

// ---- Large values ----------------------------------------------------------------------

static void count_values(struct version *draft, const struct value_counts *more,
                         const struct value_counts *less, struct value_file *file)
{
    struct version_drop drop = paper_drop(&paper);
    struct value_counts none = {0};
    version_count_values(draft,
                         &(struct version_values){
                             .more = more ? more : &none,
                             .less = less ? less : &none,
                             .files = &file,
                             .file_count = file != NULL,
                         },
                         &drop);
}

TEST(a_file_of_large_values_stays_as_long_as_some_are_pointed_to)
{
    struct version *draft = start();
    struct value_counts counts = {0};
    value_counts_add(&counts, 2, 300);
    count_values(draft, &counts, NULL, &paper.files[1]);
    value_counts_add(&counts, 1, 50);
    count_values(draft, &counts, NULL, &paper.files[0]);
    assert_int_equal(draft->value_count, 2); // by id
    assert_true(draft->values[0].file->id == 1 && draft->values[0].size == 50);
    assert_true(draft->values[1].file->id == 2 && draft->values[1].size == 600);
    assert_int_equal(version_find_values(draft, 2), 1);
    assert_true(version_find_values(draft, 3) == SIZE_MAX);

    struct version *copy = version_copy(draft);
    assert_int_equal(paper.files[0].ref_count, 3);
    count_values(draft, NULL, &counts, NULL);
    assert_int_equal(draft->value_count, 1);
    assert_true(draft->values[0].file->id == 2 && draft->values[0].size == 300);
    count_values(draft, &counts, &counts, &paper.files[0]); // comes and goes at once
    assert_int_equal(draft->value_count, 1);
    assert_int_equal(paper.files[0].ref_count, 2);
    assert_int_equal(copy->value_count, 2);
    paper_release_version(&paper, copy);
    value_counts_release(&counts);
    stop(draft);
}
