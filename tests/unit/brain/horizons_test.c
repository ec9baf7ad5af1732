// What the ledger knows of other owners: horizons, losses, starts, and its notes of those.
#include "dkv-store/ledger_format.h"
#include "dkv-store/ledger_notes.h"
#include "unit/unit.h"

#define GOLDEN_DIR "tests/unit/brain/golden"
#include "unit/causal/golden.h"

enum { PARTITIONS = 64, NODE = 3 };

static struct ledger ledger, again;
static struct buf note, all, snapshot;
static struct seen seen, horizon;
static struct fault fault;

static int make(void **state)
{
    (void)state;
    ledger_init(&ledger, PARTITIONS, 1000);
    ledger_init(&again, PARTITIONS, 1000);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    ledger_release(&ledger);
    ledger_release(&again);
    buf_release(&note);
    buf_release(&all);
    buf_release(&snapshot);
    seen_release(&seen);
    seen_release(&horizon);
    return 0;
}

AROUND_EACH(make, drop)

static uint64_t life(uint16_t node, uint32_t start)
{
    return actor_make((struct actor){.node = node, .start = start, .random = 7});
}

static struct seen *upto(struct seen *of, uint64_t actor, uint64_t counter)
{
    seen_clear(of);
    clock_add(&of->dots, (struct interval){actor, 1, counter});
    return of;
}

// Writes the note, as a store does; its replay is how it is applied.
static void written(void)
{
    buf_append(&all, buf_bytes(&note));
    assert_int_equal(ledger_format_replay(&ledger, buf_bytes(&note), &fault), STATUS_OK);
    buf_clear(&note);
}

static void started(uint32_t start)
{
    struct ledger with = {.actor = life(NODE, start), .partition_count = PARTITIONS};
    ledger_format_start(&with, &note);
    written();
}

static struct ledger_shard *shard(uint32_t partition)
{
    return ledger_shard(&ledger, 1, partition);
}

static const struct ledger_place place = {1, 5}, other = {1, 6};

static void live(void)
{
    started(10);
    ledger_notes_adoption(place, upto(&seen, life(1, 4), 9), &note);
    written();
    ledger_notes_horizon(place, upto(&horizon, life(1, 4), 6), &note);
    written();
    ledger_notes_closing(other, actor_process(life(2, 1)), 8, &note);
    written();
    ledger_notes_heard(life(1, 4), 77, &note);
    written();
}

TEST(adoption_and_horizon_are_joined_into_the_shard)
{
    live();
    assert_int_equal(seen_base(&shard(5)->seen, life(1, 4)), 9);
    assert_int_equal(seen_base(&shard(5)->horizon, life(1, 4)), 6);
    assert_true(shard(5)->must_strip);
    assert_int_equal(seen_closed(&shard(6)->seen, actor_process(life(2, 1))), 8);
    assert_false(shard(6)->must_strip);
    assert_int_equal(ledger_lost_count(&ledger), 0);
}

// S := G, not empty and not what it was: E10.
TEST(a_loss_takes_the_seen_clock_back_to_the_horizon_and_begins_a_life)
{
    live();
    shard(5)->counter = 4;
    ledger_notes_loss(life(NODE, 11), &place, 1, &note);
    written();
    assert_true(shard(5)->is_lost);
    assert_false(shard(6)->is_lost);
    assert_true(seen_hash(&shard(5)->seen) == seen_hash(&shard(5)->horizon));
    assert_int_equal(seen_base(&shard(5)->seen, life(1, 4)), 6);
    assert_int_equal(ledger.lives.losses, 1);
    assert_true(ledger.actor == life(NODE, 11));
    assert_int_equal(shard(5)->counter, 0);
    assert_int_equal(ledger.lives.start, 11);
    assert_int_equal(ledger_lost_count(&ledger), 1);
    ledger_notes_whole(place, upto(&seen, life(1, 4), 9), upto(&horizon, life(1, 4), 7), &note);
    written();
    assert_false(shard(5)->is_lost);
    assert_int_equal(seen_base(&shard(5)->seen, life(1, 4)), 9);
    assert_int_equal(seen_base(&shard(5)->horizon, life(1, 4)), 7);
}

TEST(a_shard_that_went_is_forgotten)
{
    live();
    ledger_notes_drop(place, &note);
    written();
    assert_null(ledger_find(&ledger, 1, 5));
    assert_non_null(ledger_find(&ledger, 1, 6));
}

static void check_same(const struct ledger *a, const struct ledger *b)
{
    struct buf left = {0}, right = {0};
    lives_encode(&a->lives, &left);
    lives_encode(&b->lives, &right);
    assert_true(bytes_equal(buf_bytes(&left), buf_bytes(&right)));
    assert_int_equal(a->shards.count, b->shards.count);
    for (uint32_t i = 5; i < 7; i++) {
        const struct ledger_shard *one = ledger_find(a, 1, i), *two = ledger_find(b, 1, i);
        assert_true(one->is_lost == two->is_lost);
        assert_true(seen_hash(&one->seen) == seen_hash(&two->seen));
        assert_true(seen_hash(&one->horizon) == seen_hash(&two->horizon));
    }
    buf_release(&left);
    buf_release(&right);
}

TEST(a_snapshot_holds_all_of_it)
{
    live();
    ledger_notes_loss(life(NODE, 11), &place, 1, &note);
    written();
    ledger_format_snapshot(&ledger, &snapshot);
    assert_int_equal(ledger_format_restore(&again, buf_bytes(&snapshot), &fault), STATUS_OK);
    check_same(&ledger, &again);
    assert_true(ledger_find(&again, 1, 6)->must_strip); // how far that had come is not in it
}

TEST(version_3_stays_readable)
{
    live();
    ledger_notes_loss(life(NODE, 11), &place, 1, &note);
    written();
    ledger_notes_whole(place, upto(&seen, life(1, 4), 9), upto(&horizon, life(1, 4), 7), &note);
    written();
    ledger_notes_loss(life(NODE, 12), &other, 1, &note);
    written();
    assert_golden("shard_notes", buf_bytes(&all));
    buf_clear(&all);
    golden_read("snapshot_3", &all);
    assert_int_equal(ledger_format_restore(&again, buf_bytes(&all), &fault), STATUS_OK);
    check_same(&ledger, &again);
    ledger_format_snapshot(&ledger, &snapshot); // in whatever order
    assert_int_equal(snapshot.size, all.size);
}

TEST(a_note_that_is_cut_is_refused)
{
    ledger_notes_whole(place, upto(&seen, life(1, 4), 9), upto(&horizon, life(1, 4), 7), &note);
    ledger_notes_closing(other, actor_process(life(2, 1)), 8, &note);
    ledger_notes_loss(life(NODE, 11), &place, 1, &note);
    unsigned whole = 0;
    for (size_t size = 1; size < note.size; size++)
        whole += !ledger_format_replay(&again, bytes_of(note.data, size), &fault);
    assert_int_equal(whole, 2); // behind the first section, and the second
}

// ---- Starts --------------------------------------------------------------------------------

static enum lives_verdict judge(const struct lives *lives, uint32_t start, uint64_t position)
{
    return lives_judge(lives, actor_process(life(NODE, 1)), start, position);
}

TEST(a_store_knows_how_far_each_of_its_starts_came)
{
    live(); // five frames
    struct lives *lives = &ledger.lives;
    assert_int_equal(judge(lives, 0, 0), LIVES_AGREE);
    assert_int_equal(judge(lives, 10, 5), LIVES_AGREE);
    assert_int_equal(judge(lives, 10, 6), LIVES_LOST);
    started(20);
    assert_int_equal(judge(lives, 10, 5), LIVES_AGREE);
    assert_int_equal(judge(lives, 10, 6), LIVES_LOST); // E8: an older copy of that life
    assert_int_equal(judge(lives, 9, 1), LIVES_LOST);  // wiped
    assert_int_equal(judge(lives, 15, 1), LIVES_LOST); // a life that was rolled back
    assert_int_equal(judge(lives, 20, 1), LIVES_AGREE);
    assert_int_equal(judge(lives, 21, 1), LIVES_YOUNGER);
}

TEST(a_loss_that_is_marked_is_not_found_again)
{
    started(20);
    assert_int_equal(judge(&ledger.lives, 15, 9), LIVES_LOST);
    ledger_notes_heard(life(NODE, 15), 9, &note);
    written();
    assert_int_equal(judge(&ledger.lives, 15, 9), LIVES_AGREE);
    assert_int_equal(judge(&ledger.lives, 12, 99), LIVES_AGREE);
    assert_int_equal(judge(&ledger.lives, 15, 10), LIVES_LOST);
}

TEST(the_older_of_two_processes_lacks_what_the_younger_one_did)
{
    started(20);
    assert_int_equal(judge(&ledger.lives, 30, 5), LIVES_YOUNGER);
    ledger_notes_heard(life(NODE, 30), 0, &note);
    written();
    started(31);
    assert_int_equal(judge(&ledger.lives, 30, 5), LIVES_LOST);
}

TEST(starts_of_programs_that_did_not_note_them_are_not_judged)
{
    started(10);
    ledger.lives.is_begun_before = true; // as a snapshot of version 2 says
    started(20);
    assert_int_equal(judge(&ledger.lives, 10, 99), LIVES_AGREE);
    assert_int_equal(judge(&ledger.lives, 20, 99), LIVES_LOST);
    started(30);
    assert_int_equal(judge(&ledger.lives, 15, 99), LIVES_AGREE);
    assert_int_equal(judge(&ledger.lives, 20, 99), LIVES_LOST);
}

TEST(as_many_starts_are_kept_as_there_is_room_for)
{
    struct lives lives = {0};
    for (uint32_t start = 1; start <= LIVES_MAX + 3; start++) {
        lives_begin(&lives, start);
        lives.position = 5;
    }
    assert_int_equal(judge(&lives, 2, 9), LIVES_AGREE); // who knows
    assert_int_equal(judge(&lives, 3, 9), LIVES_LOST);
    assert_int_equal(judge(&lives, 3, 5), LIVES_AGREE);
    lives_release(&lives);
}

TEST(what_was_heard_of_a_process_only_grows)
{
    struct lives lives = {0};
    lives_hear(&lives, life(2, 5), 10, 100);
    assert_false(lives_is_news(&lives, life(2, 5), 10));
    assert_false(lives_is_news(&lives, life(2, 4), 99));
    assert_true(lives_is_news(&lives, life(2, 5), 11));
    lives_hear(&lives, life(2, 5), 11, 200);
    lives_hear(&lives, life(1, 3), 1, 200);
    const struct heard *heard = lives_heard(&lives, actor_process(life(2, 1)));
    assert_int_equal(heard->position, 11);
    assert_int_equal(heard->since_ms, 100); // that start is heard of since then
    lives_hear(&lives, life(2, 6), 1, 300);
    assert_int_equal(heard->since_ms, 300);
    assert_int_equal(heard->position, 1);
    assert_null(lives_heard(&lives, actor_process(life(3, 1))));
    lives_release(&lives);
}

// A wiped store whose clock is behind must not begin with a start that others have seen.
TEST(a_start_that_a_peer_knows_of_is_over)
{
    started(10);
    ledger_notes_heard(life(NODE, 90), 1, &note);
    written();
    assert_int_equal(ledger_last_start(&ledger, actor_process(life(NODE, 1))), 90);
}
