// What a hintd knows of its hints is a function of notes and snapshots.
#include "dkv-hintd/tally_format.h"

#include "base/section.h"
#include "unit/unit.h"

static const uint64_t one[] = {5}, two[] = {5, 9};

static struct tally_entry entry_of(uint64_t target, int64_t count, int64_t bytes)
{
    return (struct tally_entry){.target = target,
                                .keyspace = 1,
                                .token = (uint64_t)7 << 58,
                                .count = count,
                                .bytes = bytes,
                                .wall_ms = 1000};
}

static void init(struct tally *tally)
{
    tally_init(tally, 60000);
    tally->partition_count = RING_PARTITIONS_MIN;
}

// The notes of a life: two hints come, one grows, one goes, two debts, one of which is settled.
static void live(struct tally *tally, struct buf *notes)
{
    struct superseded superseded = {{3, 4}, {{1}}};
    struct tally_entry entries[] = {entry_of(1, 1, 100), entry_of(2, 1, 50), entry_of(1, 0, 20),
                                    entry_of(2, -1, -50)};
    tally->actor = 77;
    tally_format_start(tally, notes);
    entries[0].came = one;
    entries[0].came_count = 1;
    entries[1].came = two;
    entries[1].came_count = 2;
    entries[2].superseded = &superseded;
    entries[2].superseded_count = 1;
    entries[3].went = two;
    entries[3].went_count = 2;
    for (unsigned i = 0; i < 4; i++) {
        tally_apply(tally, &entries[i]);
        tally_format_entry(&entries[i], notes);
    }
    tally_format_debt(tally_owe(tally, 1, 3, 2000), notes);
    tally_format_debt(tally_owe(tally, 2, 4, 3000), notes);
    assert_true(tally_settle(tally, 1, 3, 1));
    tally_format_settled(1, 3, 1, notes);
}

static void assert_same(const struct tally *a, const struct tally *b)
{
    struct request_id request = {{1}};
    assert_true(tally_equal(a, b));
    assert_int_equal(a->actor, b->actor);
    assert_int_equal(a->debt_count, b->debt_count);
    assert_int_equal(a->debts[0].mark, b->debts[0].mark);
    assert_int_equal(a->debts[0].since_ms, b->debts[0].since_ms);
    assert_int_equal(tally_find(a, 1)->since_ms, tally_find(b, 1)->since_ms);
    assert_non_null(requests_find(&b->requests, &request));
}

TEST(notes_give_the_same_tally)
{
    struct tally tally, replayed;
    struct buf notes = {0};
    init(&tally);
    init(&replayed);
    live(&tally, &notes);
    assert_int_equal(tally_format_replay(&replayed, buf_bytes(&notes), NULL), STATUS_OK);
    assert_same(&tally, &replayed);
    tally_release(&tally);
    tally_release(&replayed);
    buf_release(&notes);
}

TEST(a_snapshot_gives_the_same_tally)
{
    struct tally tally, restored;
    struct buf notes = {0}, snapshot = {0};
    init(&tally);
    init(&restored);
    live(&tally, &notes);
    tally_format_snapshot(&tally, &snapshot);
    assert_int_equal(tally_format_restore(&restored, buf_bytes(&snapshot), NULL), STATUS_OK);
    assert_same(&tally, &restored);
    tally_release(&tally);
    tally_release(&restored);
    buf_release(&notes);
    buf_release(&snapshot);
}

TEST(every_cut_of_a_note_or_snapshot_is_corrupt_or_whole_sections)
{
    struct tally tally;
    struct buf notes = {0}, snapshot = {0};
    init(&tally);
    live(&tally, &notes);
    tally_format_snapshot(&tally, &snapshot);
    for (size_t size = 0; size < notes.size; size++) {
        struct tally replayed;
        init(&replayed);
        enum status status = tally_format_replay(&replayed, bytes_of(notes.data, size), NULL);
        assert_true(status == STATUS_OK || status == STATUS_CORRUPT);
        assert_true(size || status == STATUS_CORRUPT);
        tally_release(&replayed);
    }
    for (size_t size = 0; size < snapshot.size; size++) {
        struct tally restored;
        init(&restored);
        enum status status = tally_format_restore(&restored, bytes_of(snapshot.data, size), NULL);
        assert_true(status == STATUS_OK || status == STATUS_CORRUPT);
        tally_release(&restored);
    }
    tally_release(&tally);
    buf_release(&notes);
    buf_release(&snapshot);
}

TEST(a_change_that_cannot_have_been_is_corrupt)
{
    struct tally tally;
    struct buf note = {0};
    struct tally_entry entry = entry_of(1, -1, -10); // there is none
    init(&tally);
    tally_format_entry(&entry, &note);
    assert_int_equal(tally_format_replay(&tally, buf_bytes(&note), NULL), STATUS_CORRUPT);
    tally_release(&tally);
    buf_release(&note);
}

TEST(what_a_newer_program_has_written_is_refused_unless_it_may_be_passed_over)
{
    struct tally tally;
    struct buf note = {0};
    struct fault fault = {0};
    init(&tally);
    section_end(&note, section_begin(&note, SECTION_MAY_BE_SKIPPED | 40));
    assert_int_equal(tally_format_replay(&tally, buf_bytes(&note), &fault), STATUS_OK);
    section_end(&note, section_begin(&note, 40));
    assert_int_equal(tally_format_replay(&tally, buf_bytes(&note), &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "notes of kind 40");
    tally_release(&tally);
    buf_release(&note);
}

TEST(the_hints_of_another_number_of_partitions_are_refused)
{
    struct tally tally, other;
    struct buf note = {0};
    init(&tally);
    init(&other);
    other.partition_count *= 2;
    tally_format_start(&other, &note);
    assert_int_equal(tally_format_replay(&tally, buf_bytes(&note), NULL), STATUS_CORRUPT);
    tally_release(&tally);
    tally_release(&other);
    buf_release(&note);
}

TEST(a_target_has_had_hints_since_it_last_had_none)
{
    struct tally tally;
    init(&tally);
    struct tally_entry first = entry_of(1, 1, 10), second = entry_of(1, 1, 10);
    struct tally_entry gone = entry_of(1, -1, -10);
    second.wall_ms = gone.wall_ms = 5000;
    tally_apply(&tally, &first);
    tally_apply(&tally, &second);
    assert_int_equal(tally_find(&tally, 1)->since_ms, 1000);
    tally_apply(&tally, &gone);
    assert_int_equal(tally_find(&tally, 1)->since_ms, 1000);
    tally_apply(&tally, &gone);
    assert_int_equal(tally_find(&tally, 1)->since_ms, 0);
    tally_apply(&tally, &second);
    assert_int_equal(tally_find(&tally, 1)->since_ms, 5000);
    tally_release(&tally);
}
