#include "dkv-store/ledger.h"

#include "unit/unit.h"

static const struct dot dots[] = {{5, 1}, {6, 9}};
static const struct ledger_superseded superseded[] = {{.dot = {4, 4}, .request = {{1}}}};

static struct ledger_entry entry_of(uint32_t partition, uint64_t root_delta)
{
    return (struct ledger_entry){.partition = partition,
                                 .root_delta = root_delta,
                                 .is_new_key = true,
                                 .now_ms = 100,
                                 .dots = dots,
                                 .dot_count = 2,
                                 .superseded = superseded,
                                 .superseded_count = 1};
}

static void assert_same(const struct ledger *a, const struct ledger *b)
{
    assert_int_equal(a->actor, b->actor);
    assert_int_equal(a->entries, b->entries);
    assert_int_equal(a->requests.count, b->requests.count);
    for (uint32_t i = 0; i < a->partition_count; i++) {
        const struct ledger_partition *left = &a->partitions[i], *right = &b->partitions[i];
        assert_int_equal(left->root, right->root);
        assert_int_equal(left->entries, right->entries);
        assert_int_equal(seen_hash(&left->seen), seen_hash(&right->seen));
    }
}

// A life with three records, its notes one after the other in `notes`.
static struct ledger lived(struct buf notes[4])
{
    struct ledger ledger;
    ledger_init(&ledger, 64, 1000);
    ledger_start_actor(&ledger, 77, 100, &notes[0]);
    for (uint32_t i = 1; i < 4; i++) {
        struct ledger_entry entry = entry_of(i % 3, 1000 * i);
        ledger_note(&entry, &notes[i]);
        ledger_apply(&ledger, &entry);
    }
    return ledger;
}

static void release(struct buf notes[4], struct ledger *a, struct ledger *b)
{
    for (unsigned i = 0; i < 4; i++)
        buf_release(&notes[i]);
    ledger_release(a);
    ledger_release(b);
}

TEST(replayed_notes_give_the_same_ledger)
{
    struct buf notes[4] = {{0}};
    struct ledger ledger = lived(notes), again;
    ledger_init(&again, 64, 1000);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(ledger_replay(&again, buf_bytes(&notes[i])), STATUS_OK);
    assert_same(&ledger, &again);
    release(notes, &ledger, &again);
}

TEST(a_snapshot_and_the_later_notes_give_the_same_ledger)
{
    struct buf notes[4] = {{0}}, snapshot = {0};
    struct ledger ledger = lived(notes), again;
    ledger_init(&again, 64, 1000);
    ledger_snapshot(&ledger, &snapshot);
    assert_int_equal(ledger_restore(&again, buf_bytes(&snapshot)), STATUS_OK);
    assert_same(&ledger, &again);
    struct ledger_entry later = entry_of(2, 5);
    struct buf note = {0};
    ledger_note(&later, &note);
    ledger_apply(&ledger, &later);
    assert_int_equal(ledger_replay(&again, buf_bytes(&note)), STATUS_OK);
    assert_same(&ledger, &again);
    buf_release(&note);
    buf_release(&snapshot);
    release(notes, &ledger, &again);
}

TEST(what_is_no_note_is_refused_and_changes_nothing)
{
    struct buf notes[4] = {{0}};
    struct ledger ledger = lived(notes), empty;
    ledger_init(&empty, 64, 1000);
    for (size_t size = 0; size < notes[1].size; size++)
        assert_int_equal(ledger_replay(&empty, bytes_of(notes[1].data, size)), STATUS_CORRUPT);
    assert_int_equal(empty.entries, 0);
    assert_int_equal(empty.requests.count, 0);
    release(notes, &ledger, &empty);
}

TEST(a_snapshot_of_another_ring_is_refused)
{
    struct buf notes[4] = {{0}}, snapshot = {0};
    struct ledger ledger = lived(notes), other;
    ledger_init(&other, 128, 1000);
    ledger_snapshot(&ledger, &snapshot);
    assert_int_equal(ledger_restore(&other, buf_bytes(&snapshot)), STATUS_CORRUPT);
    buf_release(&snapshot);
    release(notes, &ledger, &other);
}

TEST(a_new_life_counts_from_the_start)
{
    struct buf notes[4] = {{0}}, note = {0};
    struct ledger ledger = lived(notes), unused = {0};
    ledger.partitions[3].counter = 12;
    ledger_start_actor(&ledger, 78, 200, &note);
    assert_int_equal(ledger.actor, 78);
    assert_int_equal(ledger.partitions[3].counter, 0);
    buf_release(&note);
    release(notes, &ledger, &unused);
}

TESTS(RUN(replayed_notes_give_the_same_ledger),
      RUN(a_snapshot_and_the_later_notes_give_the_same_ledger),
      RUN(what_is_no_note_is_refused_and_changes_nothing),
      RUN(a_snapshot_of_another_ring_is_refused), RUN(a_new_life_counts_from_the_start))
