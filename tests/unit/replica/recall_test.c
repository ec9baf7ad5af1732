// Requests are remembered when nothing shows them any more.
#include "unit/replica/process.h"

static struct process here;

static int make(void **state)
{
    (void)state;
    process_init(&here, 1);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    process_release(&here);
    return 0;
}

AROUND_EACH(make, drop)

TEST(a_request_is_live_as_long_as_the_record_has_it_then_superseded)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    assert_int_equal(fate_of(&here, 1), FATE_UNKNOWN);
    minted(&here, &first);
    assert_int_equal(fate_of(&here, 1), FATE_LIVE);
    minted(&here, &second);
    assert_int_equal(fate_of(&here, 1), FATE_SUPERSEDED);
    assert_int_equal(fate_of(&here, 2), FATE_LIVE);
}

TEST(a_superseded_request_is_remembered_with_its_dot)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    struct dot dot = minted(&here, &first), found;
    minted(&here, &second);
    replica_find(&here.replica, &first.request, &found);
    assert_true(dot_equal(found, dot));
}

TEST(a_request_id_names_another_request_on_another_key)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    minted(&here, &first);
    minted(&here, &second);
    here.replica.key_hash++;
    assert_int_equal(fate_of(&here, 1), FATE_UNKNOWN);
    here.replica.key_hash--;
    assert_int_equal(fate_of(&here, 1), FATE_SUPERSEDED);
}

TEST(an_id_is_bound_to_its_key_and_no_id_stays_none)
{
    struct request_id one = request(1), none = {{0}};
    struct request_id bound = recall_bind(&one, 77), other = recall_bind(&one, 78);
    assert_false(request_id_equal(&bound, &other));
    assert_false(request_id_equal(&bound, &one));
    bound = recall_bind(&none, 77);
    assert_true(request_id_is_none(&bound));
}

TEST(a_write_without_an_id_is_never_found)
{
    struct mint first = blind(0, "first"), second = blind(0, "second");
    struct dot dot = minted(&here, &first);
    assert_false(dot_equal(minted(&here, &second), dot));
    assert_int_equal(fate_of(&here, 0), FATE_UNKNOWN);
    assert_int_equal(here.remembered.count, 0);
}

TEST(a_write_is_beaten_as_long_as_its_winner_is_there)
{
    struct dot winner = {7, 1}, became = {1, 1};
    struct request_id one = request(1), bound = recall_bind(&one, here.replica.key_hash);
    struct record_write write = {.dot = winner, .hlc = 9};
    superseded_list_add(&here.remembered, (struct superseded){recall_beaten_by(winner), bound});
    record_update(&here.held, &write, false);
    assert_int_equal(recall_find(&here.replica.recall, &bound, &here.held, &became), FATE_BEATEN);
    assert_int_equal(became.counter, 0); // what it had is not known any more
    write.dot.counter = 2;
    record_update(&here.held, &write, true);
    assert_int_equal(recall_find(&here.replica.recall, &bound, &here.held, &became),
                     FATE_SUPERSEDED);
}

TEST(a_process_may_remember_nothing)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    struct dot dot;
    here.replica.recall = (struct recall){0};
    minted(&here, &first);
    minted(&here, &second);
    assert_int_equal(replica_recall(&here.replica, &first.request, &dot), FATE_UNKNOWN);
    assert_false(recall_has(&here.replica.recall, &first.request));
}

TEST(a_request_is_purged_when_the_horizon_has_its_dot_and_the_key_no_record)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    struct dot dot = minted(&here, &first);
    minted(&here, &second);
    record_clear(&here.held);
    assert_int_equal(fate_of(&here, 1), FATE_UNKNOWN); // the record was lost, it seems
    seen_add(&here.horizon, dot);
    assert_int_equal(fate_of(&here, 1), FATE_PURGED);
    assert_int_equal(process_mint(&here, &first), STATUS_NOT_KEPT);
    assert_int_equal(fate_of(&here, 3), FATE_UNKNOWN);
}
