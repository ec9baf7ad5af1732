#include "dkv-store/ledger_format.h"

#include "base/section.h"
#include "unit/unit.h"

#define GOLDEN_DIR "tests/unit/brain/golden"
#include "unit/causal/golden.h"

#include <stdlib.h>

enum { PARTITIONS = 64 };

static const struct dot dots[] = {{5, 1}, {6, 9}};
static const struct superseded superseded[] = {{.dot = {4, 4}, .request = {{1}}}};
static struct fault fault;

static uint64_t token_in(uint32_t partition)
{
    return ring_partition_begin(PARTITIONS, partition) + 77;
}

static struct ledger_entry entry_of(uint32_t keyspace, uint32_t partition, uint64_t root)
{
    return (struct ledger_entry){.keyspace = keyspace,
                                 .token = token_in(partition),
                                 .leaves = {.live_count = 1, .live_root = root},
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
    assert_int_equal(a->shards.count, b->shards.count);
    assert_null(ledger_difference(a, b));
    for (uint32_t keyspace = 1; keyspace < 3; keyspace++) {
        for (uint32_t i = 0; i < PARTITIONS; i++) {
            const struct ledger_shard *left = ledger_find(a, keyspace, i),
                                      *right = ledger_find(b, keyspace, i);
            assert_true(!left == !right);
            if (!left)
                continue;
            assert_int_equal(seen_hash(&left->seen), seen_hash(&right->seen));
            assert_int_equal(seen_hash(&left->horizon), seen_hash(&right->horizon));
            assert_int_equal(left->is_lost, right->is_lost);
        }
    }
}

// A life with records in shards of two keyspaces, its notes one after the other.
enum { NOTES = 6 };

static struct ledger lived(struct buf notes[NOTES])
{
    struct ledger ledger;
    ledger_init(&ledger, PARTITIONS, 1000);
    ledger_start_actor(&ledger, 77);
    ledger_format_start(&ledger, &notes[0]);
    ledger.lives.position = NOTES;
    for (uint32_t i = 1; i < NOTES; i++) {
        struct ledger_entry entry = entry_of(1 + i % 2, i % 3, 1000 * i);
        if (i == 4) { // deleted
            entry.leaves.live_count = -1;
            entry.leaves.gone_count = 1;
            entry.leaves.live_root = (uint64_t)-2000;
            entry.leaves.deleted_root = 5;
        }
        ledger_format_note(&entry, &notes[i]);
        ledger_apply(&ledger, &entry);
    }
    return ledger;
}

static void release(struct buf notes[NOTES], struct ledger *a, struct ledger *b)
{
    for (unsigned i = 0; i < NOTES; i++)
        buf_release(&notes[i]);
    ledger_release(a);
    ledger_release(b);
}

TEST(a_shard_is_a_keyspace_in_a_partition)
{
    struct buf notes[NOTES] = {{0}};
    struct ledger ledger = lived(notes), unused = {0};
    assert_int_equal(ledger.shards.count, 5);
    assert_null(ledger_find(&ledger, 3, 1));
    const struct ledger_shard *shard = ledger_find(&ledger, 1, 1);
    assert_true(shard && shard->gone_count == 1 && shard->live_count == UINT64_MAX);
    assert_true(shard->live_root == (uint64_t)-2000 && shard->deleted_root == 5);
    shard = ledger_find(&ledger, 2, 1);
    assert_true(shard && shard->live_count == 1 && shard->live_root == 1000);
    assert_true(seen_has(&shard->seen, dots[1]));
    assert_int_equal(ledger.entries, 4);
    release(notes, &ledger, &unused);
}

TEST(replayed_notes_give_the_same_ledger)
{
    struct buf notes[NOTES] = {{0}};
    struct ledger ledger = lived(notes), again;
    ledger_init(&again, PARTITIONS, 1000);
    for (unsigned i = 0; i < NOTES; i++)
        assert_int_equal(ledger_format_replay(&again, buf_bytes(&notes[i]), &fault), STATUS_OK);
    assert_same(&ledger, &again);
    assert_false(again.is_old);
    release(notes, &ledger, &again);
}

TEST(a_snapshot_and_the_later_notes_give_the_same_ledger)
{
    struct buf notes[NOTES] = {{0}}, snapshot = {0};
    struct ledger ledger = lived(notes), again;
    ledger_init(&again, PARTITIONS, 1000);
    ledger_format_snapshot(&ledger, &snapshot);
    assert_int_equal(ledger_format_restore(&again, buf_bytes(&snapshot), &fault), STATUS_OK);
    assert_same(&ledger, &again);
    struct ledger_entry later = entry_of(2, 7, 5);
    struct buf note = {0};
    ledger_format_note(&later, &note);
    ledger_apply(&ledger, &later);
    ledger.lives.position++;
    assert_int_equal(ledger_format_replay(&again, buf_bytes(&note), &fault), STATUS_OK);
    assert_same(&ledger, &again);
    buf_release(&note);
    buf_release(&snapshot);
    release(notes, &ledger, &again);
}

TEST(what_is_no_note_is_refused_and_changes_nothing)
{
    struct buf notes[NOTES] = {{0}};
    struct ledger ledger = lived(notes), empty;
    ledger_init(&empty, PARTITIONS, 1000);
    for (size_t size = 0; size < notes[1].size; size++)
        assert_int_equal(ledger_format_replay(&empty, bytes_of(notes[1].data, size), &fault),
                         STATUS_CORRUPT);
    assert_int_equal(empty.entries, 0);
    assert_int_equal(empty.requests.count, 0);
    release(notes, &ledger, &empty);
}

TEST(a_write_that_is_no_write_is_refused)
{
    struct ledger ledger;
    struct buf note = {0};
    struct dot none = {7, 0};
    struct ledger_entry entry = {.keyspace = 1, .dots = &none, .dot_count = 1};
    ledger_init(&ledger, PARTITIONS, 1000);
    ledger_format_note(&entry, &note);
    assert_int_equal(ledger_format_replay(&ledger, buf_bytes(&note), &fault), STATUS_CORRUPT);
    assert_int_equal(ledger.entries, 0);
    buf_release(&note);
    ledger_release(&ledger);
}

TEST(what_is_no_snapshot_is_refused)
{
    struct buf notes[NOTES] = {{0}}, snapshot = {0};
    struct ledger ledger = lived(notes), unused = {0};
    ledger_format_snapshot(&ledger, &snapshot);
    unsigned whole = 0; // what ends with a section is one
    for (size_t size = 0; size < snapshot.size; size++) {
        struct ledger cut;
        ledger_init(&cut, PARTITIONS, 1000);
        whole += !ledger_format_restore(&cut, bytes_of(snapshot.data, size), &fault);
        ledger_release(&cut);
    }
    assert_int_equal(whole, 1 + 1 + 1 + 5); // also behind the head, and the starts
    buf_release(&snapshot);
    release(notes, &ledger, &unused);
}

TEST(a_snapshot_of_another_ring_is_refused)
{
    struct buf notes[NOTES] = {{0}}, snapshot = {0};
    struct ledger ledger = lived(notes), other;
    ledger_init(&other, 128, 1000);
    ledger_format_snapshot(&ledger, &snapshot);
    assert_int_equal(ledger_format_restore(&other, buf_bytes(&snapshot), &fault), STATUS_CORRUPT);
    buf_release(&snapshot);
    release(notes, &ledger, &other);
}

TEST(who_does_not_know_the_ring_learns_how_many_partitions_it_has)
{
    struct buf notes[NOTES] = {{0}};
    struct ledger ledger = lived(notes), other;
    ledger_init(&other, 0, 1000);
    assert_int_equal(ledger_format_replay(&other, buf_bytes(&notes[1]), &fault), STATUS_CORRUPT);
    for (unsigned i = 0; i < NOTES; i++)
        assert_int_equal(ledger_format_replay(&other, buf_bytes(&notes[i]), &fault), STATUS_OK);
    assert_same(&ledger, &other);
    release(notes, &ledger, &other);
}

TEST(a_new_life_counts_from_the_start)
{
    struct buf notes[NOTES] = {{0}}, note = {0};
    struct ledger ledger = lived(notes), unused = {0};
    ledger_shard(&ledger, 1, 3)->counter = 12;
    ledger_start_actor(&ledger, 78);
    ledger_format_start(&ledger, &note);
    assert_int_equal(ledger.actor, 78);
    assert_int_equal(ledger_shard(&ledger, 1, 3)->counter, 0);
    buf_release(&note);
    release(notes, &ledger, &unused);
}

// ---- Sections of later days ------------------------------------------------------------

static void add_section(struct buf *out, uint8_t kind, const char *text)
{
    size_t begin = section_begin(out, kind);
    buf_append_text(out, text);
    section_end(out, begin);
}

TEST(a_section_that_is_not_known_is_passed_over_or_refused_as_it_says)
{
    struct buf notes[NOTES] = {{0}}, snapshot = {0};
    struct ledger ledger = lived(notes), again;
    ledger_init(&again, PARTITIONS, 1000);
    ledger_format_snapshot(&ledger, &snapshot);
    add_section(&snapshot, 0x80 | 40, "whatever");
    for (unsigned i = 0; i < NOTES; i++)
        add_section(&notes[i], 0x80 | 40, "whatever");
    assert_int_equal(ledger_format_restore(&again, buf_bytes(&snapshot), &fault), STATUS_OK);
    assert_same(&ledger, &again);
    ledger_release(&again);
    ledger_init(&again, PARTITIONS, 1000);
    for (unsigned i = 0; i < NOTES; i++)
        assert_int_equal(ledger_format_replay(&again, buf_bytes(&notes[i]), &fault), STATUS_OK);
    assert_same(&ledger, &again);
    add_section(&notes[1], 40, "whatever");
    assert_int_equal(ledger_format_replay(&again, buf_bytes(&notes[1]), &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "notes of kind 40");
    ledger_release(&again);
    ledger_init(&again, PARTITIONS, 1000);
    add_section(&snapshot, 40, "whatever");
    assert_int_equal(ledger_format_restore(&again, buf_bytes(&snapshot), &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "snapshots with sections of kind 40");
    snapshot.data[0] = 9;
    assert_int_equal(ledger_format_restore(&again, buf_bytes(&snapshot), &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "snapshots of version 9");
    buf_release(&snapshot);
    release(notes, &ledger, &again);
}

TEST(version_2_stays_readable)
{
    struct buf notes[NOTES] = {{0}}, written = {0}, read = {0};
    struct ledger ledger = lived(notes), again;
    for (unsigned i = 0; i < NOTES; i++)
        buf_append(&written, buf_bytes(&notes[i])); // together they are one note
    assert_golden("notes", buf_bytes(&written));
    golden_read("notes", &read);
    ledger_init(&again, PARTITIONS, 1000);
    assert_int_equal(ledger_format_replay(&again, buf_bytes(&read), &fault), STATUS_OK);
    assert_same(&ledger, &again);
    ledger_release(&again);
    buf_clear(&read);
    golden_read("snapshot", &read);
    ledger_init(&again, PARTITIONS, 1000);
    assert_int_equal(ledger_format_restore(&again, buf_bytes(&read), &fault), STATUS_OK);
    assert_same(&ledger, &again);
    assert_true(again.lives.is_begun_before);
    buf_release(&written);
    buf_release(&read);
    release(notes, &ledger, &again);
}

// ---- Version 1 -------------------------------------------------------------------------

static void append_lists(struct buf *out)
{
    buf_append_varint(out, 2);
    for (unsigned i = 0; i < 2; i++) {
        buf_append_u64(out, dots[i].actor);
        buf_append_varint(out, dots[i].counter);
    }
    buf_append_varint(out, 1);
    buf_append_u64(out, superseded[0].dot.actor);
    buf_append_varint(out, superseded[0].dot.counter);
    buf_append(out, bytes_of(superseded[0].request.bytes, 16));
}

static void assert_dots_are_of_default(const struct ledger *ledger, uint32_t partition)
{
    const struct ledger_shard *shard = ledger_find(ledger, RING_DEFAULT_KEYSPACE, partition);
    assert_true(ledger->is_old);
    assert_non_null(shard);
    assert_int_equal(ledger->shards.count, 1);
    assert_true(seen_has(&shard->seen, dots[0]) && seen_has(&shard->seen, dots[1]));
    assert_non_null(requests_find(&ledger->requests, &superseded[0].request));
}

TEST(notes_of_version_1_are_of_the_default_keyspace)
{
    struct ledger ledger;
    struct buf start = {0}, entry = {0};
    buf_append_u8(&start, 1);
    buf_append_u64(&start, 77);
    buf_append_u64(&start, 1700000000000);
    buf_append_u8(&entry, 2);
    buf_append_varint(&entry, 63);
    buf_append_u64(&entry, 12345); // root
    buf_append_u8(&entry, 1);      // a new key
    buf_append_u64(&entry, 1700000000000);
    append_lists(&entry);
    ledger_init(&ledger, PARTITIONS, 1000);
    for (size_t size = 1; size < entry.size; size++)
        assert_int_equal(ledger_format_replay(&ledger, bytes_of(entry.data, size), &fault),
                         STATUS_CORRUPT);
    assert_int_equal(ledger_format_replay(&ledger, buf_bytes(&start), &fault), STATUS_OK);
    assert_int_equal(ledger.actor, 77);
    assert_int_equal(ledger_format_replay(&ledger, buf_bytes(&entry), &fault), STATUS_OK);
    assert_dots_are_of_default(&ledger, 63);
    ledger_release(&ledger);
    buf_release(&start);
    buf_release(&entry);
}

TEST(a_snapshot_of_version_1_is_of_the_default_keyspace)
{
    struct ledger ledger;
    struct buf old = {0};
    buf_append_u8(&old, 1);
    buf_append_u64(&old, 77);
    buf_append_u32(&old, PARTITIONS);
    for (unsigned i = 0; i < PARTITIONS; i++) {
        buf_append_u64(&old, 12345);             // root
        buf_append_varint(&old, 7);              // keys
        buf_append_varint(&old, i == 5 ? 2 : 0); // of the seen-clock
        for (unsigned dot = 0; i == 5 && dot < 2; dot++) {
            buf_append_u64(&old, dots[dot].actor);
            buf_append_varint(&old, dots[dot].counter);
            buf_append_varint(&old, 0);
        }
    }
    buf_append_varint(&old, 1);
    buf_append(&old, bytes_of(superseded[0].request.bytes, 16));
    buf_append_u64(&old, superseded[0].dot.actor);
    buf_append_varint(&old, superseded[0].dot.counter);
    buf_append_u64(&old, 1700000000000);
    ledger_init(&ledger, PARTITIONS, 1000);
    ledger.now_ms = 50;
    assert_int_equal(ledger_format_restore(&ledger, buf_bytes(&old), &fault), STATUS_OK);
    assert_dots_are_of_default(&ledger, 5);
    assert_int_equal(requests_find(&ledger.requests, &superseded[0].request)->at_ms, 50);
    ledger_release(&ledger);
    ledger_init(&ledger, 128, 1000);
    assert_int_equal(ledger_format_restore(&ledger, buf_bytes(&old), &fault), STATUS_CORRUPT);
    ledger_release(&ledger);
    ledger_init(&ledger, 0, 1000); // only the records are of interest
    assert_int_equal(ledger_format_restore(&ledger, buf_bytes(&old), &fault), STATUS_OK);
    assert_true(ledger.is_old);
    ledger_release(&ledger);
    buf_release(&old);
}

// ---- Counting --------------------------------------------------------------------------

static void write_to(struct record *record, uint64_t counter, uint8_t flags, bool keeps)
{
    static const struct clock nothing;
    struct record_write write = {
        .dot = {9, counter}, .flags = flags, .context = keeps ? &nothing : NULL};
    record_update(record, &write, record->count > 0);
}

TEST(what_is_counted_write_by_write_is_what_there_is)
{
    static const struct {
        uint8_t flags;
        bool keeps;
    } steps[] = {{0, false},
                 {0, false},
                 {SIBLING_TOMBSTONE, true},
                 {0, true},
                 {SIBLING_TOMBSTONE, false},
                 {SIBLING_TOMBSTONE, false},
                 {0, false}};
    struct ledger ledger, counted;
    struct record record = {0};
    struct engine_key key = {token_in(3), 2, bytes_of_text("k")};
    uint64_t key_hash = 77; // as if
    ledger_init(&ledger, PARTITIONS, 1000);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct ledger_entry entry = {.keyspace = key.keyspace, .token = key.token};
        leaf_delta_remove(&entry.leaves, &record, key_hash);
        write_to(&record, i + 1, steps[i].flags, steps[i].keeps);
        leaf_delta_add(&entry.leaves, &record, key_hash);
        ledger_apply(&ledger, &entry);
        ledger_init(&counted, PARTITIONS, 1000);
        ledger_recount_add(&counted, &key, key_hash, &record);
        assert_null(ledger_difference(&ledger, &counted));
        assert_int_equal(ledger.entries, 1);
        const struct ledger_shard *shard = ledger_find(&counted, 2, 3);
        bool has_value = i != 4 && i != 5;
        assert_true(shard->live_count == has_value && shard->gone_count == !has_value);
        assert_true((shard->live_root != 0) == has_value);
        assert_true((shard->deleted_root != 0) == (i >= 2 && i <= 5));
        assert_true(seen_has(&shard->seen, (struct dot){9, i + 1}));
        ledger_release(&counted);
    }
    struct ledger none;
    ledger_init(&none, PARTITIONS, 1000);
    assert_non_null(ledger_difference(&ledger, &none));
    assert_non_null(ledger_difference(&none, &ledger));
    ledger_recount_begin(&ledger);
    assert_null(ledger_difference(&ledger, &none));
    ledger_release(&none);
    ledger_release(&ledger);
    record_release(&record);
}

// A put is written once, but its note goes with it every time.
TEST(the_note_of_an_overwrite_is_small)
{
    struct buf note = {0};
    struct ledger_entry entry = entry_of(1, 1, (uint64_t)1 << 63);
    entry.leaves.live_count = 0;
    entry.dot_count = 1;
    ledger_format_note(&entry, &note);
    assert_true(note.size <= 60);
    buf_release(&note);
}
