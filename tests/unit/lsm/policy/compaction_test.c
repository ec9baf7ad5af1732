// What is merged next: each urge alone is heard, and what is worked on is left alone.
#include "unit/lsm/paper.h"

#include "lsm/policy/compaction.h"

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

TEST(a_wish_gives_a_new_bottom_to_every_range_with_a_table_of_before)
{
    start(2);
    FILL(0, 2000);
    FILL(1, 10, 2000);
    uint64_t oldest = info_of(0, 0)->number;
    limits.wish_before = oldest;
    assert_false(compaction_has_before(version, oldest));
    assert_false(choose());
    limits.wish_before = oldest + 1;
    assert_true(compaction_has_before(version, oldest + 1));
    assert_choice(0, 1, true);
    info_of(0, 0)->number = 100; // has merged since
    assert_false(compaction_has_before(version, oldest + 1));
    assert_false(choose());
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
    version->ranges[1].slices[1].is_damaged = true;
    assert_choice(2, 1, true); // without the first, which is not beside it
    version->ranges[2].slices[0].is_damaged = true;
    limits.is_idle = true;
    assert_false(choose());
    stop();
}

TEST(above_damage_new_slices_are_merged_by_their_count)
{
    start(1);
    FILL(0, 10, 10, 10, 10, 900, 10, 900);
    version->ranges[0].slices[4].is_damaged = true;
    assert_int_equal(range_sound_count(&version->ranges[0]), 4);
    assert_false(choose());
    assert_int_equal(compaction_debt(version, 4), 250); // of four slices, not of seven
    FILL(0, 10, 10, 10, 10, 10, 900, 10, 900);
    version->ranges[0].slices[5].is_damaged = true;
    assert_choice(0, 1, false);
    assert_int_equal(choice.slice_count, 5);
    limits.is_idle = true;
    limits.value_round = 1000;
    assert_choice(0, 1, false);
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
