// One turn after the other, with a brain that does as it is told and a shell without a world.
#include "unit/unit.h"

#include "turn/turn.h"
#include "wire/hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINK = 7, OTHER = 8, WORKERS = 2, TICK_MS = 100, BEGIN_MS = 1000 };

// All that happens is a word of `story`, in its order:
//
//     message:N lost:N unsent:N job:W tick end    the brain is told, of a link or a worker
//     submit:W reset:N sent:N                     the shell is asked
struct stage {
    struct turn turn;
    char story[4096];
    uint64_t now_ms, durable;
    // The world.
    struct incoming arrived[8];
    unsigned arrived_count, arrived_next;
    unsigned flood; // messages that arrive without end
    size_t flood_size;
    link_id lost[8];
    unsigned lost_count;
    bool is_done[WORKERS], is_given[WORKERS]; // a job is
    link_id unreachable;
    uint64_t ages[8]; // the time that each message is told with
    unsigned age_count;
    // The brain.
    uint64_t gates[8]; // of the words of the next turn, in order; UINT64_MAX ends them
    unsigned job_count[WORKERS];
    enum status job_status;
    unsigned within_ms;
    bool is_open; // something of the brain's
    bool resets;
};

static void tell(struct stage *stage, const char *word, uint64_t number)
{
    size_t size = strlen(stage->story);
    snprintf(stage->story + size, sizeof stage->story - size, "%s%s:%llu", size ? " " : "", word,
             (unsigned long long)number);
}

static void tell_plainly(struct stage *stage, const char *word)
{
    size_t size = strlen(stage->story);
    snprintf(stage->story + size, sizeof stage->story - size, "%s%s", size ? " " : "", word);
}

// ---- the brain -----------------------------------------------------------------------

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    (void)message, (void)outbox;
    if (stage->age_count < sizeof stage->ages / sizeof *stage->ages)
        stage->ages[stage->age_count++] = now.mono_ms;
    if (!stage->flood)
        tell(stage, "message", arrival->link);
}

static void on_lost(void *self, link_id link, struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    (void)now;
    tell(stage, "lost", link);
    if (stage->resets)
        outbox_reset_link(outbox, link);
}

static void on_unsent(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox)
{
    struct message_header header;
    struct reader body;
    (void)now, (void)outbox;
    assert_int_equal(why, STATUS_UNREACHABLE);
    assert_int_equal(message_header_decode(&header, message, &body), STATUS_OK);
    tell(self, "unsent", link);
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    (void)now, (void)outbox;
    tell_plainly(self, "tick");
}

// Says what the test put into `gates`: a ping for each, to links from LINK on.
static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    (void)now;
    tell_plainly(stage, "end");
    for (unsigned i = 0; stage->gates[i] != UINT64_MAX; i++) {
        const struct op_ping ping = {.id = i};
        op_encode_ping(&ping, outbox_add(outbox, LINK + i, MESSAGE_PING, stage->gates[i]));
    }
    stage->gates[0] = UINT64_MAX;
}

static unsigned tick_within_ms(void *self)
{
    return ((struct stage *)self)->within_ms;
}

static void *next_job(void *self, unsigned worker)
{
    struct stage *stage = self;
    if (!stage->job_count[worker])
        return NULL;
    stage->job_count[worker]--;
    return &stage->job_count[worker];
}

static enum status on_job_done(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox, struct fault *fault)
{
    struct stage *stage = self;
    (void)now, (void)outbox;
    assert_ptr_equal(job, &stage->job_count[worker]);
    tell(stage, "job", worker);
    return stage->job_status ? fault_set(fault, stage->job_status, "the disk is on fire")
                             : STATUS_OK;
}

static uint64_t durable(void *self)
{
    return ((struct stage *)self)->durable;
}

static bool is_drained(void *self)
{
    return !((struct stage *)self)->is_open;
}

static const struct brain brain = {.on_message = on_message,
                                   .on_lost = on_lost,
                                   .on_unsent = on_unsent,
                                   .on_tick = on_tick,
                                   .on_turn_end = on_turn_end,
                                   .tick_within_ms = tick_within_ms,
                                   .worker_count = WORKERS,
                                   .next_job = next_job,
                                   .on_job_done = on_job_done,
                                   .durable = durable,
                                   .is_drained = is_drained};

// ---- the shell -----------------------------------------------------------------------

static struct moment now(void *self)
{
    return (struct moment){.mono_ms = ((struct stage *)self)->now_ms};
}

static bool receive(void *self, struct incoming *incoming)
{
    static const uint8_t zeros[TURN_SIZE_MAX];
    struct stage *stage = self;
    if (stage->flood) {
        *incoming = (struct incoming){.bytes = bytes_of(zeros, stage->flood_size)};
        stage->flood++;
        return true;
    }
    if (stage->arrived_next == stage->arrived_count)
        return false;
    *incoming = stage->arrived[stage->arrived_next++];
    stage->now_ms++; // the process stands still for a moment before each
    return true;
}

static bool next_lost(void *self, link_id *link)
{
    struct stage *stage = self;
    if (!stage->lost_count)
        return false;
    *link = stage->lost[--stage->lost_count];
    return true;
}

static void reset_link(void *self, link_id link)
{
    tell(self, "reset", link);
}

static void submit(void *self, unsigned worker, void *job)
{
    struct stage *stage = self;
    assert_ptr_equal(job, &stage->job_count[worker]);
    assert_false(stage->is_given[worker]);
    stage->is_given[worker] = true;
    tell(stage, "submit", worker);
}

static void *take_job(void *self, unsigned worker)
{
    struct stage *stage = self;
    assert_true(stage->is_given[worker]);
    if (!stage->is_done[worker])
        return NULL;
    stage->is_done[worker] = stage->is_given[worker] = false;
    return &stage->job_count[worker];
}

static enum status send(void *self, link_id link, struct buf *bytes)
{
    struct stage *stage = self;
    struct message_header header;
    struct reader body;
    assert_int_equal(message_header_decode(&header, buf_bytes(bytes), &body), STATUS_OK);
    if (link == stage->unreachable)
        return STATUS_UNREACHABLE;
    tell(stage, "sent", link);
    return STATUS_OK;
}

static const struct turn_shell shell = {.now = now,
                                        .receive = receive,
                                        .next_lost = next_lost,
                                        .reset_link = reset_link,
                                        .submit = submit,
                                        .take_job = take_job,
                                        .send = send};

static void open_stage_with(struct stage *stage, const struct brain *table)
{
    struct brain own = *table;
    struct turn_shell around = shell;
    *stage = (struct stage){.now_ms = BEGIN_MS, .gates = {UINT64_MAX}, .within_ms = UINT32_MAX};
    own.self = around.self = stage;
    turn_init(&stage->turn, &own, &around, TICK_MS);
}

// A turn, after the first, which ticks.
static void open_stage(struct stage *stage)
{
    struct fault fault;
    open_stage_with(stage, &brain);
    assert_int_equal(turn_run(&stage->turn, &fault), STATUS_OK);
    assert_string_equal(stage->story, "tick end");
}

static void close_stage(struct stage *stage)
{
    turn_release(&stage->turn);
}

static void arrive(struct stage *stage, link_id link, bool is_request)
{
    stage->arrived[stage->arrived_count++] =
        (struct incoming){.arrival.link = link, .is_request = is_request};
}

// The brain says this much at the end of the next turn: a message for each gate, to LINK, LINK + 1
// and so on.
#define SAY(stage, ...)                                                                            \
    memcpy((stage)->gates, ((const uint64_t[]){__VA_ARGS__, UINT64_MAX}),                          \
           sizeof((const uint64_t[]){__VA_ARGS__, UINT64_MAX}))

// Runs a turn; its story is returned.
static const char *run(struct stage *stage)
{
    struct fault fault;
    stage->story[0] = 0;
    assert_int_equal(turn_run(&stage->turn, &fault), STATUS_OK);
    return stage->story;
}

// ---- the order -----------------------------------------------------------------------

TEST(a_turn_takes_jobs_tells_unsent_receives_ticks_ends_submits_releases_and_sends)
{
    struct stage stage;
    open_stage(&stage);
    stage.job_count[0] = 2;
    stage.unreachable = LINK;
    SAY(&stage, 0, 10);
    assert_string_equal(run(&stage), "end submit:0");
    stage.unreachable = 0;
    stage.is_done[0] = true;
    stage.durable = 10;
    stage.now_ms += TICK_MS;
    stage.resets = true;
    stage.lost[stage.lost_count++] = 3;
    arrive(&stage, 1, true);
    arrive(&stage, 2, false);
    SAY(&stage, 0);
    assert_string_equal(run(&stage), "job:0 unsent:7 message:1 message:2 lost:3 tick end reset:3 "
                                     "submit:0 sent:8 sent:7");
    close_stage(&stage);
}

TEST(the_time_is_asked_anew_for_every_message)
{
    struct stage stage;
    open_stage(&stage);
    arrive(&stage, 1, true);
    arrive(&stage, 1, true);
    run(&stage);
    assert_int_equal(stage.age_count, 2);
    assert_int_equal(stage.ages[0], BEGIN_MS + 1);
    assert_int_equal(stage.ages[1], BEGIN_MS + 2);
    close_stage(&stage);
}

TEST(a_brain_may_leave_out_all_but_messages_and_ticks)
{
    struct stage stage;
    const struct brain least = {.on_message = on_message, .on_tick = on_tick};
    open_stage_with(&stage, &least);
    arrive(&stage, 1, true);
    stage.lost[stage.lost_count++] = 3;
    assert_string_equal(run(&stage), "message:1 tick");
    assert_true(turn_is_drained(&stage.turn));
    close_stage(&stage);
}

// ---- gates ---------------------------------------------------------------------------

TEST(a_message_without_a_gate_leaves_at_once_and_one_with_a_gate_when_it_opens)
{
    struct stage stage;
    open_stage(&stage);
    SAY(&stage, 10, 0);
    assert_string_equal(run(&stage), "end sent:8");
    stage.durable = 9;
    assert_string_equal(run(&stage), "end");
    stage.durable = 10;
    assert_string_equal(run(&stage), "end sent:7");
    assert_string_equal(run(&stage), "end");
    close_stage(&stage);
}

TEST(a_gate_that_is_open_already_holds_nothing)
{
    struct stage stage;
    open_stage(&stage);
    stage.durable = 10;
    SAY(&stage, 10, 11);
    assert_string_equal(run(&stage), "end sent:7");
    close_stage(&stage);
}

TEST(held_messages_leave_in_the_order_of_their_turns_before_newer_ones)
{
    struct stage stage;
    open_stage(&stage);
    SAY(&stage, 10, 10);
    assert_string_equal(run(&stage), "end");
    SAY(&stage, 20, 20, 20);
    assert_string_equal(run(&stage), "end");
    stage.durable = 15;
    assert_string_equal(run(&stage), "end sent:7 sent:8");
    stage.durable = 30;
    SAY(&stage, 0, 0, 0, 30);
    assert_string_equal(run(&stage), "end sent:7 sent:8 sent:9 sent:7 sent:8 sent:9 sent:10");
    close_stage(&stage);
}

TEST(a_brain_without_a_log_holds_nothing)
{
    struct stage stage;
    struct brain table = brain;
    table.durable = NULL;
    open_stage_with(&stage, &table);
    SAY(&stage, 10);
    assert_string_equal(run(&stage), "tick end sent:7");
    close_stage(&stage);
}

TEST(many_held_messages_keep_their_order)
{
    struct stage stage;
    open_stage(&stage);
    for (uint64_t i = 1; i <= 1000; i++) {
        SAY(&stage, i);
        if (i > 100)
            stage.durable = i - 100;
        assert_string_equal(run(&stage), i > 100 ? "end sent:7" : "end");
    }
    close_stage(&stage);
}

// ---- messages that cannot be sent ----------------------------------------------------

TEST(a_message_that_could_not_be_sent_is_told_in_the_next_turn_which_is_due_at_once)
{
    struct stage stage;
    open_stage(&stage);
    stage.unreachable = LINK;
    SAY(&stage, 0, 0);
    assert_string_equal(run(&stage), "end sent:8");
    assert_int_equal(turn_due_ms(&stage.turn), 0);
    assert_string_equal(run(&stage), "unsent:7 end");
    assert_true(turn_due_ms(&stage.turn) > stage.now_ms);
    assert_string_equal(run(&stage), "end");
    close_stage(&stage);
}

TEST(so_is_one_that_was_held)
{
    struct stage stage;
    open_stage(&stage);
    stage.unreachable = LINK;
    SAY(&stage, 10);
    run(&stage);
    stage.durable = 10;
    assert_string_equal(run(&stage), "end");
    assert_string_equal(run(&stage), "unsent:7 end");
    close_stage(&stage);
}

TEST(a_brain_that_does_not_want_to_know_is_not_told)
{
    struct stage stage;
    struct brain table = brain;
    table.on_unsent = NULL;
    open_stage_with(&stage, &table);
    stage.unreachable = LINK;
    SAY(&stage, 0);
    run(&stage);
    assert_true(turn_due_ms(&stage.turn) > stage.now_ms);
    assert_string_equal(run(&stage), "end");
    close_stage(&stage);
}

// ---- jobs ----------------------------------------------------------------------------

TEST(a_job_goes_to_a_worker_only_when_its_last_one_is_done)
{
    struct stage stage;
    open_stage(&stage);
    stage.job_count[0] = 2;
    stage.job_count[1] = 1;
    assert_string_equal(run(&stage), "end submit:0 submit:1");
    assert_string_equal(run(&stage), "end");
    stage.is_done[1] = true;
    assert_string_equal(run(&stage), "job:1 end");
    stage.is_done[0] = true;
    assert_string_equal(run(&stage), "job:0 end submit:0");
    close_stage(&stage);
}

TEST(a_job_that_failed_ends_the_turn_before_anything_is_sent)
{
    struct stage stage;
    struct fault fault = {0};
    open_stage(&stage);
    stage.job_count[0] = 1;
    SAY(&stage, 10);
    run(&stage);
    stage.job_status = STATUS_IO;
    stage.is_done[0] = true;
    stage.durable = 10;
    SAY(&stage, 0);
    stage.story[0] = 0;
    assert_int_equal(turn_run(&stage.turn, &fault), STATUS_IO);
    assert_string_equal(stage.story, "job:0");
    assert_string_equal(fault.text, "the disk is on fire");
    close_stage(&stage);
}

// ---- caps ----------------------------------------------------------------------------

TEST(a_turn_receives_no_more_than_its_cap_of_messages)
{
    struct stage stage;
    open_stage(&stage);
    stage.flood = 1;
    stage.lost[stage.lost_count++] = 3;
    assert_string_equal(run(&stage), "lost:3 end");
    assert_int_equal(stage.flood, 1 + TURN_MESSAGES_MAX);
    close_stage(&stage);
}

TEST(a_turn_receives_no_more_once_it_has_its_cap_of_bytes)
{
    struct stage stage;
    open_stage(&stage);
    stage.flood = 1;
    stage.flood_size = TURN_SIZE_MAX / 2 - 1;
    run(&stage);
    assert_int_equal(stage.flood, 1 + 3);
    close_stage(&stage);
}

// ---- ticks ---------------------------------------------------------------------------

TEST(a_tick_comes_when_it_is_due)
{
    struct stage stage;
    open_stage(&stage);
    assert_int_equal(turn_due_ms(&stage.turn), BEGIN_MS + TICK_MS);
    stage.now_ms += TICK_MS - 1;
    assert_string_equal(run(&stage), "end");
    stage.now_ms++;
    assert_string_equal(run(&stage), "tick end");
    assert_int_equal(turn_due_ms(&stage.turn), stage.now_ms + TICK_MS);
    close_stage(&stage);
}

TEST(a_brain_may_want_the_next_tick_sooner_but_not_later)
{
    struct stage stage;
    open_stage(&stage);
    stage.within_ms = 5;
    run(&stage);
    assert_int_equal(turn_due_ms(&stage.turn), BEGIN_MS + 5);
    stage.within_ms = 10 * TICK_MS;
    stage.now_ms += 5;
    assert_string_equal(run(&stage), "tick end");
    assert_int_equal(turn_due_ms(&stage.turn), stage.now_ms + TICK_MS);
    close_stage(&stage);
}

TEST(a_shell_may_tick_by_itself)
{
    struct stage stage;
    struct brain own = brain;
    struct turn_shell around = shell;
    stage = (struct stage){.gates = {UINT64_MAX}};
    own.self = around.self = &stage;
    own.tick_within_ms = NULL;
    turn_init(&stage.turn, &own, &around, 0);
    assert_string_equal(run(&stage), "end");
    assert_true(turn_due_ms(&stage.turn) == UINT64_MAX);
    turn_tick_next(&stage.turn);
    assert_string_equal(run(&stage), "tick end");
    assert_string_equal(run(&stage), "end");
    close_stage(&stage);
}

// ---- the end -------------------------------------------------------------------------

TEST(a_turn_that_stops_drops_requests_and_still_hears_answers)
{
    struct stage stage;
    open_stage(&stage);
    turn_stop(&stage.turn);
    arrive(&stage, 1, true);
    arrive(&stage, 2, false);
    arrive(&stage, 3, true);
    assert_string_equal(run(&stage), "message:2 end");
    assert_int_equal(stage.arrived_next, 3);
    close_stage(&stage);
}

TEST(it_is_drained_when_no_job_runs_no_message_is_held_and_nothing_is_open)
{
    struct stage stage;
    open_stage(&stage);
    assert_true(turn_is_drained(&stage.turn));
    stage.job_count[0] = 1;
    run(&stage);
    assert_false(turn_is_drained(&stage.turn));
    stage.is_done[0] = true;
    SAY(&stage, 10);
    run(&stage);
    assert_false(turn_is_drained(&stage.turn));
    stage.durable = 10;
    run(&stage);
    assert_true(turn_is_drained(&stage.turn));
    stage.is_open = true;
    assert_false(turn_is_drained(&stage.turn));
    close_stage(&stage);
}
