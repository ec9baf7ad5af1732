// Choices and merges, two at a time, of a database without an engine: nothing is lost, and when
// all is done there is nothing to do.
#include "unit/lsm/shelf.h"

#include "base/hash.h"
#include "lsm/merge/merge.h"
#include "lsm/policy/compaction.h"

#include <stdio.h>
#include <stdlib.h>

// Tables of samples alone: all that is superseded is known to be.
enum {
    KEY_COUNT = 600,
    MERGE_COUNT = 2,
    RANGE_SIZE = 8 << 10,
    FILE_COUNT_MAX = 1000, // of one run
};

struct field {
    struct memory_vfs disk;
    struct sstable_files files;
    struct version *version;
    uint64_t next_file;
    struct random random;
    char keys[KEY_COUNT][8];    // ascending
    uint64_t values[KEY_COUNT]; // 0: none
    uint64_t value;             // the newest
    struct merge merges[MERGE_COUNT];
    unsigned merge_count; // that were begun
    struct fault fault;
};

static void field_drop_table(void *context, struct sstable *table)
{
    (void)context;
    sstable_release(table);
}

static void field_release_version(struct version *old)
{
    version_release(old, &(struct version_drop){.table = field_drop_table});
}

static void field_init(struct field *field, uint64_t seed)
{
    *field = (struct field){.files = {.count_max = 20}, .next_file = 1};
    memory_vfs_init(&field->disk);
    field->disk.vfs.make_dir(&field->disk.vfs, "db", NULL);
    random_init(&field->random, seed);
    field->version = version_new();
    for (unsigned i = 0, count = 0; count < KEY_COUNT; i++) {
        snprintf(field->keys[count], sizeof field->keys[count], "%07u", i);
        count += !(hash64_seeded(bytes_of_text(field->keys[count]), SHELF_DATABASE) & UINT8_MAX);
    }
}

static void field_release(struct field *field)
{
    for (unsigned i = 0; i < MERGE_COUNT; i++) {
        struct version *old = merge_release(&field->merges[i]);
        if (old)
            field_release_version(old);
    }
    field_release_version(field->version);
    sstable_files_release(&field->files);
    memory_vfs_release(&field->disk);
}

static struct run_writer field_writer(struct field *field, uint64_t run, uint64_t table_size_max)
{
    struct run_writer writer = {
        .vfs = &field->disk.vfs,
        .dir = "db",
        .database = SHELF_DATABASE,
        .block_size = 512,
        .filter_bits = 10,
        .table_size_max = table_size_max,
        .next_file = field->next_file,
        .file_end = field->next_file + FILE_COUNT_MAX,
        .run = run,
    };
    field->next_file += FILE_COUNT_MAX;
    return writer;
}

// The draft comes into force with what the writer has made.
static void field_commit(struct field *field, struct version *draft, struct run_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++)
        sstable_adopt(writer->tables[i], &field->files);
    version_tidy(draft);
    version_finish(draft);
    field_release_version(field->version);
    field->version = draft;
}

// Keys of [first, end): each is written, deleted or left out.
static void field_flush(struct field *field, unsigned first, unsigned end, unsigned percent,
                        unsigned deleted_percent)
{
    struct run_writer writer = field_writer(field, field->next_file, 2 * RANGE_SIZE);
    uint64_t noise[8];
    for (unsigned i = first; i < end; i++) {
        if (random_below(&field->random, 100) >= percent)
            continue;
        for (unsigned n = 0; n < 8; n++)
            noise[n] = random_u64(&field->random);
        noise[0] = ++field->value;
        struct entry entry = {.key = bytes_of_text(field->keys[i]),
                              .value = bytes_of(noise, sizeof noise)};
        entry.is_deleted = random_below(&field->random, 100) < deleted_percent;
        if (entry.is_deleted)
            entry.value.size = 0;
        field->values[i] = entry.is_deleted ? 0 : field->value;
        assert_int_equal(run_writer_add(&writer, &entry, &field->fault), STATUS_OK);
    }
    assert_int_equal(run_writer_finish(&writer, &field->fault), STATUS_OK);
    struct version *draft = version_copy(field->version);
    for (size_t i = 0; i < writer.count; i++)
        version_push(draft, writer.tables[i]);
    field_commit(field, draft, &writer);
    run_writer_release(&writer);
}

// Begins a merge if there is something to do, as the engine does.
static bool field_begin(struct field *field, struct merge *merge, bool is_idle)
{
    struct compaction_span spans[MERGE_COUNT];
    struct compaction_limits ask = {
        .slice_count = 3, .range_size = RANGE_SIZE, .survey_count = 100, .is_idle = is_idle};
    struct compaction_choice chosen;
    size_t span_count = 0;
    for (unsigned i = 0; i < MERGE_COUNT; i++)
        if (field->merges[i].version)
            spans[span_count++] = field->merges[i].span;
    if (!compaction_choose(&chosen, field->version, &ask, spans, span_count))
        return false;
    assert_true(chosen.range_count &&
                chosen.first_range + chosen.range_count <= field->version->count);
    assert_true(chosen.is_bottom || (chosen.range_count == 1 && chosen.slice_count > 1));
    assert_int_equal(merge_init(merge, field->version, &chosen, &field->fault), STATUS_OK);
    for (size_t i = 0; i < span_count; i++)
        assert_false(compaction_span_meets(&spans[i], buf_bytes(&merge->span.begin),
                                           buf_bytes(&merge->span.end)));
    uint64_t run = 0, pieces = (merge->size + RANGE_SIZE / 2) / RANGE_SIZE;
    for (size_t i = 0; i < merge->table_count; i++)
        run = run < merge->tables[i]->info.run ? merge->tables[i]->info.run : run;
    uint64_t size_max = pieces < 2 ? 2 * RANGE_SIZE : merge->size / pieces + 1;
    merge->writer = field_writer(field, run, merge->is_bottom ? size_max : UINT64_MAX / 4);
    field->merge_count++;
    return true;
}

static void field_finish(struct field *field, struct merge *merge)
{
    while (!merge->has_ended)
        assert_int_equal(merge_step(merge, 1 << 20, &field->fault), STATUS_OK);
    struct version *draft = version_copy(field->version);
    version_replace(draft, &(struct version_change){
                               .begin = buf_bytes(&merge->span.begin),
                               .end = buf_bytes(&merge->span.end),
                               .inputs = merge->tables,
                               .input_count = merge->table_count,
                               .outputs = merge->writer.tables,
                               .output_count = merge->writer.count,
                               .is_bottom = merge->is_bottom,
                           });
    field_commit(field, draft, &merge->writer);
    field_release_version(merge_release(merge));
}

static void field_check(const struct field *field)
{
    struct walk walk = {.version = field->version, .slice_count = SIZE_MAX};
    size_t count;
    struct fault fault;
    struct entry entry;
    struct sstable **tables = version_tables(field->version, &count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sstable_pin(tables[i], &fault), STATUS_OK);
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        if (!field->values[i])
            continue;
        do
            assert_int_equal(walk_next(&walk, &entry, &fault), STATUS_OK);
        while (entry.is_deleted);
        assert_true(bytes_equal(entry.key, bytes_of_text(field->keys[i])));
        assert_memory_equal(entry.value.data, &field->values[i], sizeof field->values[i]);
    }
    enum status status;
    while (!(status = walk_next(&walk, &entry, &fault)))
        assert_true(entry.is_deleted);
    assert_int_equal(status, STATUS_END);
    walk_release(&walk);
    for (size_t i = 0; i < count; i++)
        sstable_unpin(tables[i]);
    free(tables);
}

// Works until nothing is left; in a number of merges that the ranges explain.
static void field_rest(struct field *field, bool is_idle)
{
    unsigned count = 0, count_max = 8 * (unsigned)field->version->count + 40;
    for (unsigned i = 0; i < MERGE_COUNT; i++)
        if (field->merges[i].version)
            field_finish(field, &field->merges[i]);
    while (field_begin(field, &field->merges[0], is_idle)) {
        field_finish(field, &field->merges[0]);
        if (++count > count_max)
            fail_msg("%u merges, and no end", count);
    }
    field_check(field);
}

// At rest: little is left of what is superseded or deleted, and ranges are not too small.
static void assert_tidy(const struct field *field)
{
    uint64_t live = 0, kept = 0;
    for (unsigned i = 0; i < KEY_COUNT; i++)
        live += field->values[i] != 0;
    for (size_t i = 0; i < field->version->count; i++) {
        const struct range *range = &field->version->ranges[i];
        range_survey(field->version, i);
        kept += range->sampled_count;
        assert_true(range->count <= 3);
        uint64_t next_size = i + 1 < field->version->count ? range[1].size : UINT64_MAX;
        assert_true(range->size > RANGE_SIZE / 4 || next_size > RANGE_SIZE - range->size);
    }
    // The first and last block of a slice count for both of their ranges.
    uint64_t shared = 2 * 8 * field->version->count;
    if (kept > live * 12 / 10 + shared)
        fail_msg("%u entries are kept of %u", (unsigned)kept, (unsigned)live);
}

static void play(uint64_t seed)
{
    struct field field;
    field_init(&field, seed);
    for (unsigned step = 0; step < 150; step++) {
        struct merge *merge = &field.merges[random_below(&field.random, MERGE_COUNT)];
        unsigned first = (unsigned)random_below(&field.random, KEY_COUNT);
        unsigned end = first + 1 + (unsigned)random_below(&field.random, KEY_COUNT - first);
        unsigned percent = 1 + (unsigned)random_below(&field.random, 100);
        unsigned kind = (unsigned)random_below(&field.random, 100);
        if (kind < 30)
            field_flush(&field, first, end, percent, 0);
        else if (kind < 40)
            field_flush(&field, first, end, percent, 5 + percent);
        else if (merge->version)
            field_finish(&field, merge);
        else
            field_begin(&field, merge, kind < 50);
        if (kind == 99) {
            field_rest(&field, false);
            field_rest(&field, true);
            assert_tidy(&field);
        }
    }
    field_rest(&field, false);
    field_check(&field);
    field_rest(&field, true);
    assert_tidy(&field);
    field_rest(&field, true);
    field_release(&field);
}

TEST(merges_lose_nothing_and_come_to_an_end)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        play(seed);
}

TEST(a_choice_surveys_a_few_ranges_and_the_next_one_goes_on)
{
    struct field field;
    struct compaction_choice choice;
    struct compaction_limits ask = {.slice_count = 9, .range_size = 1 << 20, .survey_count = 2};
    field_init(&field, 1);
    field_flush(&field, 0, KEY_COUNT, 100, 0);
    field_rest(&field, true);
    field_flush(&field, 0, KEY_COUNT, 10, 0);
    const struct version *now = field.version;
    assert_true(now->count > 4);
    for (size_t wanted = 2; wanted <= now->count + 2; wanted += 2) {
        size_t surveyed = 0;
        assert_false(compaction_choose(&choice, now, &ask, NULL, 0));
        for (size_t i = 0; i < now->count; i++)
            surveyed += now->ranges[i].is_surveyed;
        assert_int_equal(surveyed, wanted < now->count ? wanted : now->count);
    }
    field_release(&field);
}
