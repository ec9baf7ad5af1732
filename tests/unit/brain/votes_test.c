// What a router remembers of its votes on the next ring document, and what it does without.
#include "dkv-router/votes.h"
#include "fixture/ring.h"
#include "unit/unit.h"

static enum status ask_votes(struct votes *votes, const struct ring_snapshot *current)
{
    struct op_promised reply;
    struct op_prepare prepare = {
        .epoch = current->ring.epoch + 1, .parent = current->hash, .round = 9};
    uint64_t gate = votes_on_prepare(votes, &prepare, &reply);
    assert_true(!gate == !!reply.status);
    return (enum status)reply.status;
}

TEST(lost_votes_and_damaged_ones_are_not_contradicted_for_two_epochs)
{
    struct votes votes;
    struct ring ring;
    struct buf kept = {0};
    assert_int_equal(make_cluster(&ring, 3), STATUS_OK);
    struct ring_snapshot first = snapshot_of(&ring), *next = next_document(&ring);
    votes_encode_none(&kept);
    assert_int_equal(votes_init(&votes, &first, buf_bytes(&kept), NULL), STATUS_OK);
    assert_int_equal(ask_votes(&votes, &first), STATUS_OK);
    votes_release(&votes);
    kept.data[20] ^= 1;
    for (size_t size = kept.size; size != SIZE_MAX; size = size ? 0 : SIZE_MAX) {
        assert_int_equal(votes_init(&votes, &first, bytes_of(kept.data, size), NULL),
                         STATUS_CORRUPT);
        assert_int_equal(votes_abstained(&votes), 3);
        assert_true(votes.written > votes.durable); // the next start knows of it, too
        assert_int_equal(ask_votes(&votes, &first), STATUS_STALE);
        votes_adopt(&votes, next);
        assert_int_equal(ask_votes(&votes, next), STATUS_STALE);
        next->ring.epoch++;
        votes_adopt(&votes, next);
        assert_int_equal(votes_abstained(&votes), 0);
        assert_int_equal(ask_votes(&votes, next), STATUS_OK);
        next->ring.epoch--;
        votes_release(&votes);
    }
    buf_release(&kept);
    ring_snapshot_drop(next);
    ring_release(&ring);
}

TEST(of_two_voters_the_other_one_remembers)
{
    struct ring ring;
    struct votes votes;
    assert_int_equal(make_cluster(&ring, 2), STATUS_OK);
    struct ring_snapshot snapshot = snapshot_of(&ring);
    assert_int_equal(votes_init(&votes, &snapshot, (struct bytes){0}, NULL), STATUS_CORRUPT);
    assert_int_equal(ask_votes(&votes, &snapshot), STATUS_OK);
    votes_release(&votes);
    ring_release(&ring);
}
