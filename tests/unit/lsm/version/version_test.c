// A version knows for every key which tables may have it, newest first, whatever was
// pushed, cut, merged and joined before.
#include "unit/lsm/paper.h"

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

static void push(struct version *draft, const char *smallest, const char *largest)
{
    version_push(draft, paper_table(&paper, smallest, largest));
}

static void assert_shape(const struct version *version, const char *shape)
{
    assert_string_equal(paper_shape(&paper, version), shape);
}

// ---- One change ------------------------------------------------------------------------

TEST(a_new_version_has_one_empty_range)
{
    struct version *version = start();
    assert_shape(version, "");
    assert_int_equal(version->count, 1);
    assert_int_equal(version_find(version, text("any")), 0);
    assert_int_equal(version_range_end(version, 0).size, 0);
    version_finish(version);
    assert_int_equal(version->ranges[0].size, 0);
    stop(version);
}

TEST(a_pushed_table_lies_on_top_of_the_ranges_that_it_reaches)
{
    struct version *draft = start();
    version_cut(draft, text("h"));
    version_cut(draft, text("q"));
    push(draft, "a", "z");
    push(draft, "b", "h"); // the begin of a range is in it ...
    push(draft, "h", "pp");
    push(draft, "a", "gzz"); // ... and its end is not
    push(draft, "q", "q");
    assert_shape(draft, "4 2 1 | h: 3 2 1 | q: 5 1");
    assert_int_equal(paper.tables[0]->ref_count, 4);
    assert_int_equal(paper.tables[3]->ref_count, 2);
    stop(draft);
}

TEST(a_cut_divides_a_range_among_those_who_reach_into_the_halves)
{
    struct version *draft = start();
    push(draft, "a", "f");
    push(draft, "a", "z");
    push(draft, "m", "p");
    assert_int_equal(version_cut(draft, text("m")), 1);
    assert_shape(draft, "2 1 | m: 3 2");
    assert_int_equal(version_cut(draft, text("m")), 1); // is one already
    assert_int_equal(version_cut(draft, text("")), 0);
    assert_int_equal(version_cut(draft, text("g")), 1);
    assert_shape(draft, "2 1 | g: 2 | m: 3 2");
    assert_int_equal(paper.tables[0]->ref_count, 2);
    assert_int_equal(paper.tables[1]->ref_count, 4);
    stop(draft);
}

TEST(a_table_added_to_one_range_takes_the_place_of_its_run)
{
    struct version *draft = start();
    push(draft, "a", "z");
    push(draft, "a", "z");
    push(draft, "a", "z");
    struct sstable *table = paper_table(&paper, "a", "z");
    table->info.run = 2;
    version_cut(draft, text("m"));
    version_add(draft, 1, table);
    assert_shape(draft, "3 2 1 | m: 3 4 2 1");
    stop(draft);
}

TEST(a_range_is_found_with_and_without_its_head)
{
    static const char *const begins[] = {
        "b", "bb", "common prefix", "common prefix a", "common prefix b", "d"};
    static const char *const keys[] = {"",
                                       "a",
                                       "b",
                                       "b\1",
                                       "bb",
                                       "bbb",
                                       "common",
                                       "c",
                                       "ca",
                                       "cz",
                                       "common p",
                                       "d",
                                       "dd",
                                       "\xff",
                                       "common prefix",
                                       "common prefix 9",
                                       "common prefix aa",
                                       "common prefix b",
                                       "common prefix z"};
    struct version *draft = start();
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
        version_cut(draft, text(begins[i]));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(draft->heads != NULL, round);
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            size_t expected = 0;
            for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
                expected += bytes_compare(text(begins[i]), text(keys[k])) <= 0;
            assert_int_equal(version_find(draft, text(keys[k])), expected);
        }
        version_finish(draft);
    }
    assert_true(bytes_equal(version_range_end(draft, 0), text("b")));
    assert_int_equal(version_range_end(draft, draft->count - 1).size, 0);
    stop(draft);
}

TEST(tables_are_listed_once_by_number)
{
    struct version *draft = start();
    size_t count;
    push(draft, "a", "z");
    push(draft, "m", "z");
    version_cut(draft, text("k"));
    version_cut(draft, text("n"));
    struct sstable **tables = version_tables(draft, &count);
    assert_int_equal(count, 2);
    assert_true(tables[0] == paper.tables[0] && tables[1] == paper.tables[1]);
    free(tables);
    stop(draft);
}

TEST(a_draft_leaves_the_version_as_it_is)
{
    struct version *version = start();
    push(version, "a", "z");
    version_cut(version, text("m"));
    struct version *draft = version_copy(version);
    push(draft, "a", "c");
    version_cut(draft, text("g"));
    assert_shape(version, "1 | m: 1");
    assert_shape(draft, "2 1 | g: 1 | m: 1");
    paper_release_version(&paper, draft);
    assert_int_equal(paper.dropped_count, 4);
    assert_shape(version, "1 | m: 1");
    assert_int_equal(paper.tables[0]->ref_count, 3);
    assert_ptr_equal(version_retain(version), version);
    paper_release_version(&paper, version); // one reference is left
    assert_int_equal(paper.dropped_count, 4);
    stop(version);
}

// ---- Merges ----------------------------------------------------------------------------

// Inputs and outputs by number.
static void replace(struct version *draft, const char *begin, const char *end, const char *inputs,
                    const char *outputs, bool is_bottom)
{
    struct sstable *in[9], *out[9];
    struct version_change change = {
        .begin = text(begin), .end = text(end), .inputs = in, .outputs = out};
    for (; *inputs; inputs++)
        in[change.input_count++] = paper.tables[*inputs - '1'];
    for (; *outputs; outputs++)
        out[change.output_count++] = paper.tables[*outputs - '1'];
    change.is_bottom = is_bottom;
    version_replace(draft, &change);
}

static struct sstable *output(const char *smallest, const char *largest, uint64_t run)
{
    struct sstable *table = paper_table(&paper, smallest, largest);
    table->info.run = run;
    return table;
}

TEST(the_output_of_a_tier_lies_where_its_inputs_were)
{
    struct version *draft = start();
    for (unsigned i = 0; i < 4; i++)
        push(draft, "a", "z"); // 4 came while 3 and 2 were merged
    version_cut(draft, text("m"));
    output("n", "z", 3);
    replace(draft, "m", "", "32", "5", false);
    assert_shape(draft, "4 3 2 1 | m: 4 5 1");
    stop(draft);
}

TEST(each_table_of_a_new_bottom_has_a_range_of_its_own)
{
    struct version *draft = start();
    push(draft, "a", "z");
    push(draft, "a", "z");
    push(draft, "k", "n"); // came later
    output("b", "f", 2);
    output("j", "l", 2);
    output("p", "q", 2);
    replace(draft, "", "", "21", "456", true);
    assert_shape(draft, "4 | j: 3 5 | p: 6");
    assert_int_equal(paper.tables[0]->ref_count, 1);
    stop(draft);
}

TEST(a_bottom_of_neighbours_joins_them)
{
    struct version *draft = start();
    version_cut(draft, text("h"));
    version_cut(draft, text("q"));
    push(draft, "a", "c");
    push(draft, "h", "z");
    push(draft, "a", "z"); // 3 came later, 2 reaches beyond what is merged
    output("a", "k", 2);
    replace(draft, "", "q", "12", "4", true);
    assert_shape(draft, "3 4 | q: 3 2");
    assert_int_equal(paper.tables[2]->ref_count, 3);
    stop(draft);
}

TEST(a_range_from_which_all_has_gone_joins_the_one_before)
{
    struct version *draft = start();
    push(draft, "a", "c");
    version_cut(draft, text("h"));
    push(draft, "i", "p");
    version_cut(draft, text("q"));
    push(draft, "r", "z");
    replace(draft, "h", "q", "2", "", true);
    assert_shape(draft, "1 | h: | q: 3");
    version_tidy(draft);
    assert_shape(draft, "1 | q: 3");
    push(draft, "b", "z"); // now something reaches over
    replace(draft, "q", "", "34", "", true);
    version_tidy(draft);
    assert_shape(draft, "4 1 | q:");
    replace(draft, "", "q", "14", "", true);
    version_tidy(draft);
    assert_shape(draft, "");
    assert_int_equal(draft->count, 1);
    stop(draft);
}

TEST(a_range_that_was_cut_meanwhile_takes_the_output_on_both_sides_or_is_joined)
{
    struct version *draft = start();
    push(draft, "a", "f");
    push(draft, "a", "f");
    version_cut(draft, text("k")); // came between choice and commit
    push(draft, "k", "p");
    output("a", "f", 2);
    replace(draft, "", "", "21", "4", true);
    assert_shape(draft, "3 4");
    stop(draft);
}

// ---- Many changes ----------------------------------------------------------------------

// For every letter the tables that say something of it, newest first.
struct model {
    struct sstable *tables[26][64];
    size_t counts[26];
};

static bool has_letter(const struct sstable *table, unsigned letter)
{
    struct bytes key = text(paper_letter(letter));
    return bytes_compare(buf_bytes(&table->info.smallest), key) <= 0 &&
           bytes_compare(key, buf_bytes(&table->info.largest)) <= 0;
}

static void model_add(struct model *model, unsigned letter, struct sstable *table)
{
    size_t at = 0, *count = &model->counts[letter];
    struct sstable **tables = model->tables[letter];
    assert_true(*count < 64);
    while (at < *count && tables[at]->info.run > table->info.run)
        at++;
    memmove(tables + at + 1, tables + at, (*count - at) * sizeof(struct sstable *));
    tables[at] = table;
    ++*count;
}

static void model_remove(struct model *model, unsigned letter, const struct sstable *table)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->counts[letter]; i++)
        if (model->tables[letter][i] != table)
            model->tables[letter][kept++] = model->tables[letter][i];
    model->counts[letter] = kept;
}

static void model_replace(struct model *model, const struct version_change *change)
{
    for (unsigned letter = 0; letter < 26; letter++) {
        struct bytes key = text(paper_letter(letter));
        if (bytes_compare(key, change->begin) < 0 ||
            (change->end.size && bytes_compare(key, change->end) >= 0))
            continue;
        for (size_t i = 0; i < change->input_count; i++)
            model_remove(model, letter, change->inputs[i]);
        for (size_t i = 0; i < change->output_count; i++)
            if (has_letter(change->outputs[i], letter))
                model_add(model, letter, change->outputs[i]);
    }
}

static void check_letter(const struct model *model, const struct version *version, unsigned letter)
{
    const struct range *range = &version->ranges[version_find(version, text(paper_letter(letter)))];
    size_t found = 0;
    for (size_t s = 0; s < range->count; s++) {
        if (!has_letter(range->slices[s].table, letter))
            continue;
        assert_true(found < model->counts[letter]);
        assert_ptr_equal(range->slices[s].table, model->tables[letter][found]);
        found++;
    }
    assert_int_equal(found, model->counts[letter]);
}

static void check_version(const struct version *version)
{
    assert_int_equal(version->ranges[0].begin.size, 0);
    for (size_t i = 0; i < version->count; i++) {
        const struct range *range = &version->ranges[i];
        struct bytes begin = buf_bytes(&range->begin), end = version_range_end(version, i);
        assert_true(!end.size || bytes_compare(begin, end) < 0);
        for (size_t s = 0; s < range->count; s++) {
            const struct sstable_info *info = &range->slices[s].table->info;
            assert_true(bytes_compare(buf_bytes(&info->largest), begin) >= 0);
            assert_true(!end.size || bytes_compare(buf_bytes(&info->smallest), end) < 0);
            assert_true(!s || info->run <= range->slices[s - 1].table->info.run);
            for (size_t before = 0; before < s; before++)
                assert_ptr_not_equal(range->slices[before].table, range->slices[s].table);
        }
    }
}

// Whether a cut would divide what a merge works on, which its owner does not allow.
static bool is_merging(const struct paper_merge *merge, struct bytes key)
{
    const struct version_change *change = &merge->change;
    return bytes_compare(key, change->begin) > 0 &&
           (!change->end.size || bytes_compare(key, change->end) < 0);
}

// One merge is always under way: it is chosen in one step and comes into force in another.
static void change_at_random(struct model *model, struct version *draft, struct random *random,
                             struct paper_merge *merge)
{
    struct bytes key = text(paper_letter((unsigned)random_below(random, 26)));
    struct sstable *table;
    switch (random_below(random, 4)) {
    case 0:
        table = paper_any_table(&paper, random);
        version_push(draft, table);
        for (unsigned letter = 0; letter < 26; letter++)
            if (has_letter(table, letter))
                model_add(model, letter, table);
        break;
    case 1:
        if (!is_merging(merge, key))
            version_cut(draft, key);
        break;
    case 2:
        version_replace(draft, &merge->change);
        model_replace(model, &merge->change);
        paper_merge_release(merge);
        paper_merge(&paper, random, draft, merge);
        break;
    default:
        version_tidy(draft);
    }
}

static void play(uint64_t seed, unsigned step_count)
{
    struct version *version = start();
    struct model model = {0};
    struct paper_merge merge;
    struct random random;
    random_init(&random, seed);
    paper_merge(&paper, &random, version, &merge);
    for (unsigned step = 0; step < step_count; step++) {
        struct version *draft = version_copy(version);
        change_at_random(&model, draft, &random, &merge);
        paper_release_version(&paper, version);
        version = draft;
        check_version(version);
        for (unsigned letter = 0; letter < 26; letter++)
            check_letter(&model, version, letter);
    }
    paper_merge_release(&merge);
    stop(version);
}

TEST(whatever_happens_every_key_finds_its_tables_in_order)
{
    for (uint64_t seed = 1; seed <= 200; seed++)
        play(seed, 150);
}
