// What is merged next: each urge alone is heard, what is worked on is left alone, and when
// all is done there is nothing to do.
#include "unit/lsm/paper.h"
#include "unit/lsm/shelf.h"

#include "base/hash.h"
#include "lsm/compaction.h"
#include "lsm/merge.h"

#include <stdio.h>

// ---- The urges, on paper -----------------------------------------------------------------

static struct paper paper;
static struct version *version;
static struct compaction_limits limits;
static struct compaction_choice choice;

static struct bytes text(const char *key)
{
    return bytes_of_text(key);
}

// Ranges that begin at "", c, e, g ... and have nothing yet.
static void start(unsigned range_count)
{
    paper_init(&paper);
    version = version_new();
    for (unsigned i = 1; i < range_count; i++)
        version_cut(version, text(paper_letter(2 * i)));
    limits = (struct compaction_limits){.slice_count = 4, .range_size = 1000, .survey_count = 9};
}

static void stop(void)
{
    paper_release_version(&paper, version);
    paper_release(&paper);
}

// Slices of these sizes, newest first and ended by 0; tables that lie in this range alone.
static void fill(size_t index, const uint64_t *sizes)
{
    size_t count = 0;
    while (sizes[count])
        count++;
    const char *key = paper_letter(2 * (unsigned)index);
    for (size_t s = count; s-- > 0;)
        version_add(version, index, paper_table(&paper, key, key));
    struct range *range = &version->ranges[index];
    range->is_surveyed = true;
    range->sampled_count = range->distinct_count = 100;
    range->deleted_count = range->size = 0;
    for (size_t s = 0; s < count; s++)
        range->size += range->slices[s].size = sizes[s];
}

#define FILL(index, ...) fill(index, (const uint64_t[]){__VA_ARGS__, 0})

static struct sstable_info *info_of(size_t index, size_t slice)
{
    return &version->ranges[index].slices[slice].table->info;
}

static bool choose(void)
{
    choice = (struct compaction_choice){0};
    return compaction_choose(&choice, version, &limits, NULL, 0);
}

static void assert_choice(size_t first_range, size_t range_count, bool is_bottom)
{
    assert_true(choose());
    assert_int_equal(choice.first_range, first_range);
    assert_int_equal(choice.range_count, range_count);
    assert_int_equal(choice.is_bottom, is_bottom);
}

TEST(nothing_is_to_be_done_where_all_is_well)
{
    start(3);
    assert_false(choose()); // nothing is there
    limits.is_idle = true;
    assert_false(compaction_debt(version, 4));
    limits.is_idle = false;
    FILL(0, 800);
    FILL(1, 100, 100, 100, 900); // a third of the bottom
    FILL(2, 1200);
    assert_false(choose());
    stop();
}

TEST(too_many_slices_are_merged_with_their_like)
{
    start(3);
    FILL(0, 900);
    FILL(1, 10, 10, 10, 50, 900);
    assert_choice(1, 1, false);
    assert_int_equal(choice.slice_count, 4); // 50 is not more than twice what is before it
    stop();
    start(1);
    FILL(0, 10, 10, 10, 100, 200, 900);
    assert_choice(0, 1, false);
    assert_int_equal(choice.slice_count, 3);
    stop();
    start(1);
    FILL(0, 200, 1, 100, 5, 9000); // at least half of them, whatever their sizes
    assert_choice(0, 1, false);
    assert_int_equal(choice.slice_count, 4);
    stop();
}

TEST(upper_slices_that_grew_to_a_share_of_the_bottom_make_a_new_one)
{
    start(3);
    FILL(0, 800);
    FILL(1, 500, 900);
    FILL(2, 800);
    assert_false(choose());
    stop();
    start(3);
    FILL(0, 800);
    FILL(1, 300, 250, 900);
    FILL(2, 800);
    assert_choice(1, 1, true);
    stop();
}

TEST(garbage_makes_a_new_bottom)
{
    start(1);
    FILL(0, 100, 2000);
    version->ranges[0].distinct_count = 75;
    assert_false(choose());
    version->ranges[0].distinct_count = 69;
    assert_choice(0, 1, true);
    version->ranges[0].sampled_count = 7; // too few to say anything
    version->ranges[0].distinct_count = 1;
    assert_false(choose());
    stop();
}

TEST(deletions_make_a_new_bottom)
{
    start(1);
    FILL(0, 2000);
    version->ranges[0].deleted_count = 25;
    assert_false(choose());
    version->ranges[0].deleted_count = 31;
    assert_choice(0, 1, true);
    stop();
}

TEST(old_deletions_make_a_new_bottom)
{
    start(2);
    FILL(0, 2000);
    FILL(1, 10, 2000);
    info_of(1, 0)->deleted_count = 1;
    limits.purge_run = info_of(1, 0)->run; // it is not older than that
    assert_false(choose());
    limits.purge_run++;
    assert_choice(1, 1, true);
    stop();
}

TEST(who_points_into_dead_files_takes_part_in_the_round)
{
    start(3);
    FILL(0, 2000);
    FILL(1, 2000);
    FILL(2, 10, 2000);
    assert_true(compaction_pointing_since(version) == UINT64_MAX);
    limits.value_round = 100;
    assert_false(choose()); // nobody points anywhere
    info_of(1, 0)->value_size = 5;
    info_of(2, 0)->value_size = 5;
    assert_int_equal(compaction_pointing_since(version), info_of(1, 0)->number);
    assert_choice(1, 1, true);
    info_of(1, 0)->number = 100; // has merged since
    assert_int_equal(compaction_pointing_since(version), info_of(2, 1)->number);
    assert_choice(2, 1, true);
    info_of(2, 1)->number = 101;
    assert_false(choose());
    limits.value_round = 101;
    assert_choice(1, 1, true);
    stop();
}

TEST(the_greatest_urge_is_first)
{
    start(3);
    FILL(0, 700, 1000);
    FILL(1, 2000, 1000);
    FILL(2, 900, 1000);
    assert_choice(1, 1, true);
    stop();
}

TEST(when_nobody_writes_less_is_asked_for)
{
    start(2);
    limits.is_idle = true;
    FILL(0, 100, 2000);
    FILL(1, 2000);
    assert_false(choose());
    FILL(0, 400, 2000); // on top: 400 2000 100 2000
    version->ranges[0].sampled_count = 100;
    assert_choice(0, 1, true);
    stop();
    start(1);
    limits.is_idle = true;
    FILL(0, 1, 2000);
    version->ranges[0].distinct_count = 95;
    assert_false(choose());
    version->ranges[0].distinct_count = 91;
    assert_choice(0, 1, true);
    version->ranges[0].distinct_count = 100;
    version->ranges[0].deleted_count = 6;
    assert_choice(0, 1, true);
    stop();
}

TEST(small_neighbours_are_joined_when_nobody_writes)
{
    start(5);
    FILL(0, 900);
    FILL(1, 240);
    FILL(2, 700);
    FILL(3, 900);
    FILL(4, 100); // beside nobody who has room
    assert_false(choose());
    limits.is_idle = true;
    assert_choice(1, 2, true);
    stop();
    start(4);
    limits.is_idle = true;
    FILL(0, 900);
    FILL(1, 300); // not small
    FILL(2, 300);
    FILL(3, 900);
    assert_false(choose());
    stop();
}

TEST(a_new_bottom_takes_small_neighbours_with_it)
{
    start(5);
    FILL(0, 900);
    FILL(1, 200);
    FILL(2, 250, 300);
    FILL(3, 200);
    FILL(4, 100);
    assert_choice(2, 3, true); // with the first it would be too much
    stop();
}

TEST(what_another_merge_works_on_is_left_alone)
{
    struct compaction_span spans[2] = {0};
    start(4);
    FILL(0, 9000, 900);
    FILL(1, 5000, 900);
    FILL(2, 100, 100);
    FILL(3, 100);
    buf_append_text(&spans[0].end, "c"); // of the first range
    assert_true(compaction_choose(&choice, version, &limits, spans, 1));
    assert_int_equal(choice.first_range, 1);
    buf_append_text(&spans[1].begin, "d"); // anywhere in the second
    buf_append_text(&spans[1].end, "d1");
    assert_true(compaction_choose(&choice, version, &limits, spans, 2));
    assert_true(choice.first_range == 2 && choice.range_count == 2);
    buf_clear(&spans[1].end); // to the end of all keys
    assert_false(compaction_choose(&choice, version, &limits, spans, 2));
    buf_clear(&spans[1].begin);
    buf_append_text(&spans[1].begin, "g"); // the neighbour that would join
    assert_true(compaction_choose(&choice, version, &limits, spans, 2));
    assert_int_equal(choice.first_range, 1);
    FILL(1, 1);
    for (size_t i = 0; i < 2; i++) {
        buf_release(&spans[i].begin);
        buf_release(&spans[i].end);
    }
    stop();
}

TEST(spans_meet_if_some_key_may_lie_in_both)
{
    static const struct {
        const char *begin, *end, *from, *to;
        bool do_meet;
    } cases[] = {
        {"b", "d", "d", "e", false}, {"b", "d", "a", "b", false}, {"b", "d", "c", "e", true},
        {"b", "d", "a", "c", true},  {"b", "d", "c", "c1", true}, {"b", "d", "", "", true},
        {"", "", "x", "y", true},    {"", "b", "b", "", false},   {"b", "", "", "b", false},
        {"b", "", "c", "", true},    {"b", "", "a", "b1", true},  {"", "b", "", "a", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct compaction_span span = {0};
        buf_append_text(&span.begin, cases[i].begin);
        buf_append_text(&span.end, cases[i].end);
        assert_int_equal(compaction_span_meets(&span, text(cases[i].from), text(cases[i].to)),
                         cases[i].do_meet);
        buf_release(&span.begin);
        buf_release(&span.end);
    }
}

TEST(a_range_with_a_damaged_table_is_left_alone)
{
    start(3);
    FILL(0, 100);
    FILL(1, 900, 900);
    FILL(2, 700, 900);
    version->ranges[1].slices[1].table->is_damaged = true;
    assert_choice(2, 1, true); // without the first, which is not beside it
    version->ranges[2].slices[0].table->is_damaged = true;
    limits.is_idle = true;
    assert_false(choose());
    stop();
}

TEST(debt_grows_gradually_with_the_slices_that_are_too_many)
{
    unsigned before = 0;
    start(2);
    FILL(0, 900);
    FILL(1, 900);
    for (unsigned i = 0; i < 40; i++) {
        FILL(0, 10);
        unsigned debt = compaction_debt(version, 4);
        assert_true(debt >= before && debt <= before + 260 && debt <= 1000);
        before = debt;
    }
    assert_int_equal(before, 1000);
    stop();
}

// ---- A database without an engine --------------------------------------------------------

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
        count += !(hash64_seeded(text(field->keys[count]), SHELF_DATABASE) & UINT8_MAX);
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
        struct entry entry = {.key = text(field->keys[i]), .value = bytes_of(noise, sizeof noise)};
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
    struct compaction_limits ask = {3, RANGE_SIZE, 0, 0, 100, is_idle};
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
        assert_true(bytes_equal(entry.key, text(field->keys[i])));
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
    struct compaction_limits ask = {9, 1 << 20, 0, 0, 2, false};
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

TESTS(RUN(nothing_is_to_be_done_where_all_is_well), RUN(too_many_slices_are_merged_with_their_like),
      RUN(upper_slices_that_grew_to_a_share_of_the_bottom_make_a_new_one),
      RUN(garbage_makes_a_new_bottom), RUN(deletions_make_a_new_bottom),
      RUN(old_deletions_make_a_new_bottom), RUN(who_points_into_dead_files_takes_part_in_the_round),
      RUN(the_greatest_urge_is_first), RUN(when_nobody_writes_less_is_asked_for),
      RUN(small_neighbours_are_joined_when_nobody_writes),
      RUN(a_new_bottom_takes_small_neighbours_with_it),
      RUN(what_another_merge_works_on_is_left_alone), RUN(spans_meet_if_some_key_may_lie_in_both),
      RUN(a_range_with_a_damaged_table_is_left_alone),
      RUN(debt_grows_gradually_with_the_slices_that_are_too_many),
      RUN(merges_lose_nothing_and_come_to_an_end),
      RUN(a_choice_surveys_a_few_ranges_and_the_next_one_goes_on))
