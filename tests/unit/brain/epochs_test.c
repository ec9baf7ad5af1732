// The next ring document: proposed by a client or missed, put to the vote, durable, and then it
// counts. The other routers and the disk are this test.
#include "unit/brain/router_bench.h"
#include "wire/client.h"
#include "wire/ring.h"

#include <string.h>

static void start(struct bench *bench, uint32_t others_up)
{
    init(bench, NODES);
    for (uint32_t i = 0; i < others_up; i++)
        welcome(bench, OTHER + 1 + i);
}

static void stop(struct bench *bench, struct ring_snapshot *document)
{
    ring_snapshot_drop(document);
    release(bench);
}

static void tick(struct bench *bench, uint64_t later_ms)
{
    bench->now.mono_ms += later_ms;
    outbox_clear(&bench->outbox);
    dispatch_on_tick(&bench->router, bench->now, &bench->outbox);
}

// A message in whose header is another epoch than the first.
static void tell_of(struct bench *bench, uint64_t epoch, link_id link, enum message_type type,
                    struct buf *body)
{
    uint64_t hash = bench->snapshot.hash;
    bench->ring.epoch = epoch;
    if (epoch == bench->router.ring->epoch)
        bench->snapshot.hash = bench->router.snapshot->hash;
    tell(bench, link, type, body);
    bench->ring.epoch = 1;
    bench->snapshot.hash = hash;
}

static void pong_of(struct bench *bench, uint64_t epoch, link_id link)
{
    struct buf body = {0};
    op_encode_pong(&(struct op_pong){0}, &body);
    tell_of(bench, epoch, link, MESSAGE_PONG, &body);
}

static void propose(struct bench *bench, enum role role, struct bytes document)
{
    struct buf message = {0}, body = {0};
    struct op_ask ask = {.id = 77, .topic = bytes_of_text("ring/propose"), .argument = document};
    op_encode_ask(&ask, &body);
    struct message_header header = {.type = MESSAGE_ASK,
                                    .count = 1,
                                    .body_size = (uint32_t)body.size,
                                    .boot = CLIENT,
                                    .your_ms = link_clock(BOOT, bench->now.mono_ms),
                                    .budget_ms = 5000};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    buf_append(&message, buf_bytes(&body));
    struct arrival arrival = {.link = CLIENT, .role = role};
    outbox_clear(&bench->outbox);
    dispatch_on_message(&bench->router, &arrival, buf_bytes(&message), bench->now, &bench->outbox);
    buf_release(&message);
    buf_release(&body);
}

// The status that the client was answered with, and whether the answer has these words; -1: none.
static int answered(struct bench *bench, const char *words)
{
    struct reader body;
    struct op_answer answer;
    if (!said(bench, CLIENT, MESSAGE_ANSWER, &body))
        return -1;
    assert_int_equal(op_decode_answer(&answer, &body), STATUS_OK);
    assert_int_equal(answer.id, 77);
    if (!memmem(answer.text.data, answer.text.size, words, strlen(words)))
        fail_msg("\"%.*s\" does not say \"%s\"", (int)answer.text.size, answer.text.data, words);
    return answer.status;
}

// The worker makes durable what it is given; what leaves then is in the outbox. False: there was
// nothing.
static bool save(struct bench *bench, enum status status)
{
    struct epochs_job *job = epochs_next_job(&bench->router.epochs);
    if (!job)
        return false;
    job->status = status;
    outbox_clear(&bench->outbox);
    dispatch_on_job_done(&bench->router, bench->now, &bench->outbox);
    return true;
}

static struct op_prepare prepared(struct bench *bench, link_id link)
{
    struct reader body;
    struct op_prepare op;
    assert_true(said(bench, link, MESSAGE_PREPARE, &body));
    assert_int_equal(op_decode_prepare(&op, &body), STATUS_OK);
    return op;
}

static void promise(struct bench *bench, link_id link, const struct op_prepare *op,
                    const struct op_promised *more)
{
    struct buf body = {0};
    struct op_promised reply = *more;
    reply.epoch = op->epoch;
    reply.round = op->round;
    reply.proposer = op->proposer;
    op_encode_promised(&reply, &body);
    tell(bench, link, MESSAGE_PROMISED, &body);
}

static void accepted(struct bench *bench, link_id link, const struct op_prepare *op)
{
    struct buf body = {0};
    struct op_accepted reply = {.epoch = op->epoch, .round = op->round, .proposer = op->proposer};
    op_encode_accepted(&reply, &body);
    tell(bench, link, MESSAGE_ACCEPTED, &body);
}

TEST(a_change_counts_once_a_majority_accepted_it_and_it_is_durable)
{
    struct bench bench;
    struct reader body;
    start(&bench, 2);
    struct ring_snapshot *next = next_document(&bench.ring);
    propose(&bench, ROLE_ADMIN, buf_bytes(&next->text));
    struct op_prepare op = prepared(&bench, OTHER + 1);
    prepared(&bench, OTHER + 2);
    promise(&bench, OTHER + 1, &op, &(struct op_promised){0});
    assert_false(said(&bench, OTHER + 1, MESSAGE_ACCEPT, &body)); // our own vote is not durable
    assert_true(save(&bench, STATUS_OK));
    assert_true(said(&bench, OTHER + 1, MESSAGE_ACCEPT, &body));
    accepted(&bench, OTHER + 2, &op);
    assert_int_equal(bench.router.ring->epoch, 1);
    assert_true(save(&bench, STATUS_OK)); // our vote: that makes two
    assert_int_equal(bench.router.ring->epoch, 1);
    assert_true(save(&bench, STATUS_OK)); // the document
    assert_int_equal(bench.router.ring->epoch, 2);
    assert_true(said(&bench, 0, MESSAGE_RING, &body));         // our own store
    assert_true(said(&bench, OTHER + 1, MESSAGE_PING, &body)); // the others hear of it
    assert_false(said(&bench, 1, MESSAGE_RING, &body));
    stop(&bench, next);
}

// The proposal of `start` above, up to where the document counts here.
static struct ring_snapshot *adopt_one(struct bench *bench)
{
    struct ring_snapshot *next = next_document(&bench->ring);
    propose(bench, ROLE_ADMIN, buf_bytes(&next->text));
    struct op_prepare op = prepared(bench, OTHER + 1);
    promise(bench, OTHER + 1, &op, &(struct op_promised){0});
    promise(bench, OTHER + 2, &op, &(struct op_promised){0});
    accepted(bench, OTHER + 1, &op);
    accepted(bench, OTHER + 2, &op);
    while (save(bench, STATUS_OK))
        continue;
    assert_int_equal(bench->router.ring->epoch, 2);
    return next;
}

TEST(who_asked_is_answered_when_all_that_are_up_have_it)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *next = adopt_one(&bench);
    for (uint32_t i = 0; i < NODES; i++)
        pong_of(&bench, 2, i);
    pong_of(&bench, 2, OTHER + 1);
    tick(&bench, 10);
    assert_int_equal(answered(&bench, ""), -1);
    pong_of(&bench, 2, OTHER + 2);
    tick(&bench, 10);
    assert_int_equal(answered(&bench, "epoch 2"), STATUS_OK);
    stop(&bench, next);
}

TEST(one_that_does_not_take_it_is_not_waited_for_for_ever)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *next = adopt_one(&bench);
    tick(&bench, 1000);
    assert_int_equal(answered(&bench, ""), -1);
    pong_of(&bench, 2, OTHER + 1);
    tick(&bench, 600);
    assert_int_equal(answered(&bench, "epoch 2; not there yet: n2"), STATUS_OK);
    stop(&bench, next);
}

TEST(without_a_majority_nothing_changes_and_the_answer_says_who_is_silent)
{
    struct bench bench;
    start(&bench, 0);
    struct ring_snapshot *next = next_document(&bench.ring);
    propose(&bench, ROLE_ADMIN, buf_bytes(&next->text));
    save(&bench, STATUS_OK);
    tick(&bench, 900);
    assert_int_equal(answered(&bench, ""), -1);
    tick(&bench, 200);
    assert_int_equal(answered(&bench, "majority of the 3 voters is needed; no answer from n1, n2"),
                     STATUS_UNAVAILABLE);
    propose(&bench, ROLE_ADMIN, buf_bytes(&next->text)); // and another one may be tried
    assert_int_equal(answered(&bench, ""), -1);
    stop(&bench, next);
}

TEST(once_it_was_offered_the_answer_does_not_say_that_nothing_changed)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *next = next_document(&bench.ring);
    propose(&bench, ROLE_ADMIN, buf_bytes(&next->text));
    struct op_prepare op = prepared(&bench, OTHER + 1);
    promise(&bench, OTHER + 1, &op, &(struct op_promised){0});
    promise(&bench, OTHER + 2, &op, &(struct op_promised){0});
    for (int i = 0; i < 60 && answered(&bench, "") < 0; i++)
        tick(&bench, 100);
    assert_int_equal(answered(&bench, "may still come"), STATUS_INDETERMINATE);
    stop(&bench, next);
}

TEST(what_was_accepted_before_wins_and_who_asked_hears_that_the_ring_changed)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *ours = next_document(&bench.ring);
    struct ring other = copy_of(&bench.ring);
    other.nodes[1].weight = 7;
    struct ring_snapshot *theirs = document_take(&other, &bench.ring);
    propose(&bench, ROLE_ADMIN, buf_bytes(&ours->text));
    struct op_prepare op = prepared(&bench, OTHER + 1);
    promise(&bench, OTHER + 1, &op,
            &(struct op_promised){.accepted_round = 1, .document = buf_bytes(&theirs->text)});
    promise(&bench, OTHER + 2, &op, &(struct op_promised){0});
    accepted(&bench, OTHER + 1, &op);
    accepted(&bench, OTHER + 2, &op);
    while (save(&bench, STATUS_OK))
        continue;
    assert_true(bench.router.snapshot->hash == theirs->hash);
    tick(&bench, 1);
    assert_int_equal(answered(&bench, "another change became epoch 2"), STATUS_RING_CHANGED);
    ring_snapshot_drop(theirs);
    stop(&bench, ours);
}

TEST(what_cannot_follow_is_refused_at_once)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *next = next_document(&bench.ring);
    struct ring_snapshot *moved = moved_document(&bench.ring);
    struct ring_snapshot *third = next_document(&next->ring);
    propose(&bench, ROLE_CLIENT, buf_bytes(&next->text));
    assert_int_equal(answered(&bench, "role admin"), STATUS_NOT_AUTHORISED);
    propose(&bench, ROLE_ADMIN, bytes_of_text("dkv-ring 2\n"));
    assert_int_equal(answered(&bench, ""), STATUS_INVALID);
    propose(&bench, ROLE_ADMIN, buf_bytes(&moved->text));
    assert_int_equal(answered(&bench, "has other owners"), STATUS_REFUSED);
    propose(&bench, ROLE_ADMIN, buf_bytes(&third->text));
    assert_int_equal(answered(&bench, "this router has epoch 1"), STATUS_STALE);
    propose(&bench, ROLE_ADMIN, buf_bytes(&next->text));
    propose(&bench, ROLE_ADMIN, buf_bytes(&next->text));
    assert_int_equal(answered(&bench, "another change is on its way"), STATUS_BUSY);
    ring_snapshot_drop(moved);
    ring_snapshot_drop(third);
    stop(&bench, next);
}

TEST(a_change_that_counts_already_is_answered_as_done)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *next = adopt_one(&bench);
    tick(&bench, 2000);
    assert_int_equal(answered(&bench, "epoch 2"), STATUS_OK);
    propose(&bench, ROLE_ADMIN, buf_bytes(&next->text)); // it is said again, as after a lost answer
    tick(&bench, 2000);
    assert_int_equal(answered(&bench, "epoch 2"), STATUS_OK);
    stop(&bench, next);
}

// ---- votes -----------------------------------------------------------------------------

// The gate of the reply of this type to a router.
static uint64_t gate_of(const struct bench *bench, enum message_type type)
{
    for (uint32_t i = 0; i < bench->outbox.count; i++) {
        if (bench->outbox.messages[i].type == type)
            return bench->outbox.messages[i].gate;
    }
    fail();
    return 0;
}

static void ask_vote(struct bench *bench, uint64_t round, const struct ring_snapshot *document)
{
    struct buf body = {0};
    struct op_prepare prepare = {
        .epoch = 2, .parent = bench->snapshot.hash, .round = round, .proposer = 9};
    struct op_accept accept = {.epoch = 2,
                               .parent = bench->snapshot.hash,
                               .round = round,
                               .proposer = 9,
                               .document =
                                   document ? buf_bytes(&document->text) : (struct bytes){0}};
    if (document)
        op_encode_accept(&accept, &body);
    else
        op_encode_prepare(&prepare, &body);
    tell(bench, CLIENT + 1, document ? MESSAGE_ACCEPT : MESSAGE_PREPARE, &body);
}

TEST(a_vote_waits_until_it_is_durable)
{
    struct bench bench;
    const struct votes *votes = &bench.router.epochs.votes;
    start(&bench, 2);
    struct ring_snapshot *next = next_document(&bench.ring);
    ask_vote(&bench, 1, NULL);
    uint64_t gate = gate_of(&bench, MESSAGE_PROMISED);
    assert_true(gate > votes->durable);
    struct epochs_job *job = epochs_next_job(&bench.router.epochs);
    ask_vote(&bench, 1, next); // while the worker is at the first
    assert_true(gate_of(&bench, MESSAGE_ACCEPTED) > gate);
    assert_null(epochs_next_job(&bench.router.epochs));
    job->status = STATUS_OK;
    dispatch_on_job_done(&bench.router, bench.now, &bench.outbox);
    assert_true(votes->durable >= gate);
    assert_true(votes->durable < votes->written);
    assert_true(save(&bench, STATUS_OK));
    assert_true(votes->durable == votes->written);
    stop(&bench, next);
}

TEST(a_vote_is_remembered_by_the_next_life)
{
    struct bench bench;
    struct acceptor acceptor;
    struct buf kept = {0};
    start(&bench, 2);
    struct ring_snapshot *next = next_document(&bench.ring);
    ask_vote(&bench, 5, next);
    struct epochs_job *job = epochs_next_job(&bench.router.epochs);
    buf_append(&kept, buf_bytes(&job->votes));
    assert_int_equal(acceptor_decode(&acceptor, buf_bytes(&kept), NULL), STATUS_OK);
    assert_int_equal(acceptor.epoch, 2);
    assert_true(bytes_equal(buf_bytes(&acceptor.value), buf_bytes(&next->text)));
    acceptor_release(&acceptor);
    struct votes votes;
    assert_int_equal(votes_init(&votes, &bench.snapshot, buf_bytes(&kept), NULL), STATUS_OK);
    assert_int_equal(votes.acceptor.accepted.round, 5);
    votes_release(&votes);
    buf_release(&kept);
    stop(&bench, next);
}

TEST(a_document_that_cannot_follow_gets_no_vote)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *moved = moved_document(&bench.ring);
    ask_vote(&bench, 1, moved);
    assert_int_equal(gate_of(&bench, MESSAGE_ACCEPTED), 0);
    assert_null(epochs_next_job(&bench.router.epochs));
    stop(&bench, moved);
}

TEST(a_disk_that_fails_holds_votes_back_and_is_tried_again)
{
    struct bench bench;
    start(&bench, 2);
    ask_vote(&bench, 1, NULL);
    assert_true(save(&bench, STATUS_DISK_FULL));
    assert_int_equal(bench.router.epochs.votes.durable, 0);
    assert_false(save(&bench, STATUS_OK)); // not at once
    for (uint64_t round = 2; round < 100; round++)
        ask_vote(&bench, round, NULL);
    assert_int_equal(gate_of(&bench, MESSAGE_PROMISED), 0); // BUSY: too many wait
    tick(&bench, 1100);
    assert_true(save(&bench, STATUS_OK));
    assert_true(bench.router.epochs.votes.durable > 0);
    ask_vote(&bench, 100, NULL);
    assert_true(gate_of(&bench, MESSAGE_PROMISED) > 0);
    stop(&bench, NULL);
}

TEST(a_document_that_is_not_durable_does_not_count)
{
    struct bench bench;
    struct buf body = {0};
    start(&bench, 2);
    struct ring_snapshot *next = next_document(&bench.ring);
    struct op_answer answer = {.id = EPOCHS_ASK, .text = buf_bytes(&next->text)};
    op_encode_answer(&answer, &body);
    tell(&bench, OTHER + 1, MESSAGE_ANSWER, &body);
    assert_true(save(&bench, STATUS_DISK_FULL));
    assert_int_equal(bench.router.ring->epoch, 1);
    tick(&bench, 1100);
    assert_true(save(&bench, STATUS_OK));
    assert_int_equal(bench.router.ring->epoch, 2);
    stop(&bench, next);
}

// ---- what was missed -------------------------------------------------------------------

static void answer_ring(struct bench *bench, link_id link, const struct ring_snapshot *document)
{
    struct buf body = {0};
    struct op_answer answer = {.id = EPOCHS_ASK, .text = buf_bytes(&document->text)};
    op_encode_answer(&answer, &body);
    tell_of(bench, document->ring.epoch, link, MESSAGE_ANSWER, &body);
}

static bool is_pulled(const struct bench *bench, link_id link)
{
    struct reader body;
    struct op_ask ask;
    return said(bench, link, MESSAGE_ASK, &body) && !op_decode_ask(&ask, &body) &&
           ask.id == EPOCHS_ASK && bytes_equal(ask.topic, bytes_of_text("ring"));
}

TEST(a_document_that_was_missed_is_pulled_from_who_told_of_its_epoch)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *next = next_document(&bench.ring);
    struct ring_snapshot *third = next_document(&next->ring); // the one between was missed, too
    pong_of(&bench, 3, OTHER + 2);
    assert_true(is_pulled(&bench, OTHER + 2));
    answer_ring(&bench, OTHER + 2, third);
    assert_int_equal(bench.router.ring->epoch, 1);
    assert_true(save(&bench, STATUS_OK));
    assert_int_equal(bench.router.ring->epoch, 3);
    ring_snapshot_drop(third);
    stop(&bench, next);
}

TEST(the_epoch_that_a_store_has_is_asked_of_the_router_of_its_node)
{
    struct bench bench;
    start(&bench, 2);
    pong_of(&bench, 2, 1);
    assert_true(is_pulled(&bench, OTHER + 1));
    stop(&bench, NULL);
}

TEST(an_answer_that_does_not_come_is_asked_for_again)
{
    struct bench bench;
    start(&bench, 2);
    pong_of(&bench, 2, OTHER + 1);
    assert_true(is_pulled(&bench, OTHER + 1));
    tick(&bench, 100);
    assert_false(is_pulled(&bench, OTHER + 1));
    tick(&bench, 500);
    assert_true(is_pulled(&bench, OTHER + 1));
    stop(&bench, NULL);
}

TEST(a_document_that_would_move_data_is_not_pulled_in)
{
    struct bench bench;
    start(&bench, 2);
    struct ring_snapshot *moved = moved_document(&bench.ring);
    pong_of(&bench, 2, OTHER + 1);
    answer_ring(&bench, OTHER + 1, moved);
    assert_null(epochs_next_job(&bench.router.epochs));
    assert_non_null(strstr(bench.router.epochs.told.text, "has other owners"));
    stop(&bench, moved);
}

TEST(our_store_is_handed_the_document_until_it_has_it)
{
    struct bench bench;
    struct reader body;
    start(&bench, 2);
    struct ring_snapshot *next = adopt_one(&bench);
    tick(&bench, 400);
    assert_true(said(&bench, 0, MESSAGE_RING, &body));
    pong_of(&bench, 2, 0);
    tick(&bench, 400);
    assert_false(said(&bench, 0, MESSAGE_RING, &body));
    stop(&bench, next);
}
