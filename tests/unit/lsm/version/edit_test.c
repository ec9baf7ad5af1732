// Edits add up to the version that wrote them.
#include "unit/lsm/paper.h"

#include "base/section.h"
#include "lsm/version/edit.h"

#include <stdlib.h>

static struct paper paper;
static struct edit_state sum;

static void apply(const struct buf *edit)
{
    assert_int_equal(edit_apply(&sum, buf_bytes(edit), 2), STATUS_OK);
}

static void assert_bytes(const struct buf *a, const struct buf *b)
{
    assert_true(bytes_equal(buf_bytes(a), buf_bytes(b)));
}

static void assert_info(const struct sstable_info *info, const struct sstable_info *expected)
{
    assert_non_null(info);
    assert_true(info->number == expected->number && info->run == expected->run);
    assert_true(info->size == expected->size && info->value_size == expected->value_size);
    assert_true(info->entry_count == expected->entry_count);
    assert_true(info->deleted_count == expected->deleted_count);
    assert_bytes(&info->smallest, &expected->smallest);
    assert_bytes(&info->largest, &expected->largest);
}

// The state says what the version is.
static void assert_state(const struct version *version)
{
    assert_int_equal(sum.range_count, version->count);
    for (size_t i = 0; i < version->count; i++) {
        const struct range *range = &version->ranges[i];
        assert_bytes(&sum.ranges[i].begin, &range->begin);
        assert_int_equal(sum.ranges[i].numbers.size, range->count * 8);
        for (size_t s = 0; s < range->count; s++) {
            const struct sstable_info *info = &range->slices[s].table->info;
            uint64_t number;
            memcpy(&number, sum.ranges[i].numbers.data + s * 8, 8);
            assert_int_equal(number, info->number);
            assert_info(edit_find_table(&sum, number), info);
        }
    }
    assert_int_equal(sum.value_count, version->value_count);
    for (size_t i = 0; i < version->value_count; i++) {
        assert_int_equal(sum.values[i].id, version->values[i].file->id);
        assert_int_equal(sum.values[i].size, version->values[i].file->size);
        assert_int_equal(sum.values[i].live, version->values[i].size);
    }
}

// ---- Whole and difference --------------------------------------------------------------

// Some files get more bytes that are pointed to, some less.
static void change_values(struct version *draft, struct random *random)
{
    struct value_counts more = {0}, less = {0};
    struct value_file *files[PAPER_FILE_COUNT];
    size_t file_count = 0;
    for (uint64_t id = 1; id <= PAPER_FILE_COUNT; id++) {
        size_t at = version_find_values(draft, id);
        uint64_t live = at == SIZE_MAX ? 0 : draft->values[at].size;
        if (random_below(random, 2))
            continue;
        if (at == SIZE_MAX)
            files[file_count++] = &paper.files[id - 1];
        value_counts_add(&more, id, random_below(random, 100));
        value_counts_add(&less, id,
                         random_below(random, 2) ? live : random_below(random, live + 1));
    }
    struct version_drop drop = paper_drop(&paper);
    version_count_values(draft, &(struct version_values){&more, &less, files, file_count}, &drop);
    value_counts_release(&more);
    value_counts_release(&less);
}

static void change(struct version *draft, struct random *random)
{
    struct paper_merge merge;
    switch (random_below(random, 5)) {
    case 0:
        version_push(draft, paper_any_table(&paper, random));
        break;
    case 1:
        version_cut(draft, bytes_of_text(paper_letter((unsigned)random_below(random, 26))));
        break;
    case 2:
        paper_merge(&paper, random, draft, &merge);
        version_replace(draft, &merge.change);
        paper_merge_release(&merge);
        break;
    case 3:
        change_values(draft, random);
        break;
    default:
        version_tidy(draft);
    }
}

// The sum of all edits is the same as one edit that says it all.
static void check_sum(const struct version *version)
{
    struct buf whole = {0};
    struct edit_state kept = sum;
    assert_state(version);
    sum = (struct edit_state){0};
    edit_encode_version(&whole, version);
    apply(&whole);
    assert_state(version);
    size_t count;
    free(version_tables(version, &count));
    assert_int_equal(sum.table_count, count); // those that are gone are not in it
    edit_state_release(&sum);
    sum = kept;
    buf_release(&whole);
}

static void play(uint64_t seed)
{
    struct random random;
    struct buf edit = {0};
    random_init(&random, seed);
    paper_init(&paper);
    struct version *version = version_new();
    edit_encode_version(&edit, version);
    apply(&edit);
    for (unsigned step = 0; step < 60; step++) {
        struct version *draft = version_copy(version);
        for (uint64_t count = 1 + random_below(&random, 4); count; count--)
            change(draft, &random);
        buf_clear(&edit);
        edit_encode_change(&edit, version, draft);
        apply(&edit);
        check_sum(draft);
        paper_release_version(&paper, version);
        version = draft;
    }
    buf_clear(&edit);
    edit_encode_change(&edit, version, version);
    assert_int_equal(edit.size, 0); // no difference, no fact
    buf_release(&edit);
    edit_state_release(&sum);
    paper_release_version(&paper, version);
    paper_release(&paper);
}

TEST(the_difference_of_two_versions_makes_one_out_of_the_other)
{
    for (uint64_t seed = 1; seed <= 200; seed++)
        play(seed);
}

// ---- Facts -----------------------------------------------------------------------------

TEST(flushed_and_next_file_are_replaced_by_what_is_said_later)
{
    struct buf edit = {0};
    struct snapshot snapshot = {5, 1000, 0x1234567812345678}, none = {0};
    edit_encode_flushed(&edit, 1234567890123, &snapshot);
    edit_encode_next_file(&edit, 17);
    apply(&edit);
    assert_true(sum.flushed == 1234567890123 && sum.next_file == 17);
    assert_memory_equal(&sum.snapshot, &snapshot, sizeof snapshot);
    buf_clear(&edit);
    edit_encode_flushed(&edit, 2000000000000, &none);
    edit_encode_next_file(&edit, (uint64_t)1 << 31);
    apply(&edit);
    assert_true(sum.flushed == 2000000000000 && !sum.snapshot.number);
    buf_clear(&edit);
    edit_encode_next_file(&edit, ((uint64_t)1 << 31) + 1);
    assert_int_equal(edit_apply(&sum, buf_bytes(&edit), 2), STATUS_CORRUPT);
    buf_clear(&edit);
    edit_encode_next_file(&edit, 18);
    apply(&edit);
    assert_true(sum.next_file == 18);
    edit_state_release(&sum);
    edit_state_release(&sum);
    buf_release(&edit);
}

// A fact of bytes and numbers, for what the engine would not write.
static enum status apply_fact(uint8_t fact, struct bytes rest)
{
    struct buf edit = {0};
    size_t begin = section_begin(&edit, fact);
    buf_append(&edit, rest);
    section_end(&edit, begin);
    enum status status = edit_apply(&sum, buf_bytes(&edit), 2);
    buf_release(&edit);
    return status;
}

static bool applies(uint8_t fact, struct bytes rest)
{
    return !apply_fact(fact, rest);
}

TEST(a_fact_that_is_not_known_is_passed_over_or_refused_as_it_says)
{
    struct buf edit = {0};
    edit_encode_next_file(&edit, 17);
    size_t begin = section_begin(&edit, 0x80 | 99);
    buf_append_text(&edit, "of later days");
    section_end(&edit, begin);
    edit_encode_next_file(&edit, 18);
    apply(&edit);
    assert_int_equal(sum.next_file, 18);
    assert_int_equal(apply_fact(99, bytes_of_text("of later days")), STATUS_INVALID);
    assert_int_equal(apply_fact(2, bytes_of_text("8 bytes and more")), STATUS_CORRUPT);
    edit_state_release(&sum);
    buf_release(&edit);
}

TEST(an_edit_of_version_1_has_the_snapshot_in_it)
{
    struct buf edit = {0};
    buf_append_u8(&edit, 1); // flushed
    buf_append_u64(&edit, 1234567890123);
    buf_append_u8(&edit, 1);
    buf_append_sized(&edit, bytes_of_text("snapshot"));
    buf_append_u8(&edit, 2); // next
    buf_append_u64(&edit, 17);
    assert_int_equal(edit_apply(&sum, buf_bytes(&edit), 1), STATUS_OK);
    assert_true(sum.flushed == 1234567890123 && sum.next_file == 17 && sum.has_inline);
    assert_true(bytes_equal(buf_bytes(&sum.inline_snapshot), bytes_of_text("snapshot")));
    for (size_t size = 1; size < edit.size; size++) {
        if (size != 22) // where the first fact ends
            assert_int_equal(edit_apply(&sum, bytes_of(edit.data, size), 1), STATUS_CORRUPT);
    }
    buf_append_u8(&edit, 7); // there was no such fact
    assert_int_equal(edit_apply(&sum, buf_bytes(&edit), 1), STATUS_CORRUPT);
    edit_state_release(&sum);
    buf_release(&edit);
}

TEST(facts_that_make_no_sense_are_refused)
{
    struct buf rest = {0};
    assert_int_equal(apply_fact(0, bytes_of_text("")), STATUS_INVALID);
    assert_false(applies(1, bytes_of_text("short")));
    assert_false(applies(2, bytes_of_text("7 bytes")));

    buf_append_u64(&rest, 3); // file 3 with large values ...
    buf_append_u64(&rest, 100);
    buf_append_u64(&rest, 0); // ... is gone: it never was there
    assert_false(applies(6, buf_bytes(&rest)));

    buf_clear(&rest);
    buf_append_short(&rest, bytes_of_text("m"));
    buf_append_u32(&rest, UINT32_MAX); // so many slices
    buf_append_u64(&rest, 1);
    assert_false(applies(4, buf_bytes(&rest)));

    buf_clear(&rest);
    buf_append_short(&rest, (struct bytes){0}); // the first range stays
    assert_false(applies(5, buf_bytes(&rest)));
    assert_true(sum.table_count == 0 && sum.range_count == 0 && sum.value_count == 0);
    edit_state_release(&sum);
    buf_release(&rest);
}
