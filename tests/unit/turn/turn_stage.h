// turn_stage.h - a turn under test: a brain and a shell that write down what is asked of them.
#pragma once

#include "turn/turn.h"
#include "unit/unit.h"
#include "wire/hello.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINK = 7, OTHER = 8, WORKERS = 2, TICK_MS = 100, BEGIN_MS = 1000 };

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

static inline void tell(struct stage *stage, const char *word, uint64_t number)
{
    size_t size = strlen(stage->story);
    snprintf(stage->story + size, sizeof stage->story - size, "%s%s:%llu", size ? " " : "", word,
             (unsigned long long)number);
}

static inline void tell_plainly(struct stage *stage, const char *word)
{
    size_t size = strlen(stage->story);
    snprintf(stage->story + size, sizeof stage->story - size, "%s%s", size ? " " : "", word);
}

// ---- the brain -----------------------------------------------------------------------

static inline void on_message(void *self, const struct arrival *arrival, struct bytes message,
                              struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    (void)message, (void)outbox;
    if (stage->age_count < sizeof stage->ages / sizeof *stage->ages)
        stage->ages[stage->age_count++] = now.mono_ms;
    if (!stage->flood)
        tell(stage, "message", arrival->link);
}

static inline void on_lost(void *self, link_id link, struct moment now, struct outbox *outbox)
{
    struct stage *stage = self;
    (void)now;
    tell(stage, "lost", link);
    if (stage->resets)
        outbox_reset_link(outbox, link);
}

static inline void on_unsent(void *self, link_id link, struct bytes message, enum status why,
                             struct moment now, struct outbox *outbox)
{
    struct message_header header;
    struct reader body;
    (void)now, (void)outbox;
    assert_int_equal(why, STATUS_UNREACHABLE);
    assert_int_equal(message_header_decode(&header, message, &body), STATUS_OK);
    tell(self, "unsent", link);
}

static inline void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    (void)now, (void)outbox;
    tell_plainly(self, "tick");
}

// Says what the test put into `gates`: a ping for each, to links from LINK on.
static inline void on_turn_end(void *self, struct moment now, struct outbox *outbox)
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

static inline unsigned tick_within_ms(void *self)
{
    return ((struct stage *)self)->within_ms;
}

static inline void *next_job(void *self, unsigned worker)
{
    struct stage *stage = self;
    if (!stage->job_count[worker])
        return NULL;
    stage->job_count[worker]--;
    return &stage->job_count[worker];
}

static inline enum status on_job_done(void *self, unsigned worker, void *job, struct moment now,
                                      struct outbox *outbox, struct fault *fault)
{
    struct stage *stage = self;
    (void)now, (void)outbox;
    assert_ptr_equal(job, &stage->job_count[worker]);
    tell(stage, "job", worker);
    return stage->job_status ? fault_set(fault, stage->job_status, "the disk is on fire")
                             : STATUS_OK;
}

static inline uint64_t durable(void *self)
{
    return ((struct stage *)self)->durable;
}

static inline bool is_drained(void *self)
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

static inline struct moment now(void *self)
{
    return (struct moment){.mono_ms = ((struct stage *)self)->now_ms};
}

static inline bool receive(void *self, struct incoming *incoming)
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

static inline bool next_lost(void *self, link_id *link)
{
    struct stage *stage = self;
    if (!stage->lost_count)
        return false;
    *link = stage->lost[--stage->lost_count];
    return true;
}

static inline void reset_link(void *self, link_id link)
{
    tell(self, "reset", link);
}

static inline void submit(void *self, unsigned worker, void *job)
{
    struct stage *stage = self;
    assert_ptr_equal(job, &stage->job_count[worker]);
    assert_false(stage->is_given[worker]);
    stage->is_given[worker] = true;
    tell(stage, "submit", worker);
}

static inline void *take_job(void *self, unsigned worker)
{
    struct stage *stage = self;
    assert_true(stage->is_given[worker]);
    if (!stage->is_done[worker])
        return NULL;
    stage->is_done[worker] = stage->is_given[worker] = false;
    return &stage->job_count[worker];
}

static inline enum status send(void *self, link_id link, struct buf *bytes)
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

static inline void open_stage_with(struct stage *stage, const struct brain *table)
{
    struct brain own = *table;
    struct turn_shell around = shell;
    *stage = (struct stage){.now_ms = BEGIN_MS, .gates = {UINT64_MAX}, .within_ms = UINT32_MAX};
    own.self = around.self = stage;
    turn_init(&stage->turn, &own, &around, TICK_MS);
}

// A turn, after the first, which ticks.
static inline void open_stage(struct stage *stage)
{
    struct fault fault;
    open_stage_with(stage, &brain);
    assert_int_equal(turn_run(&stage->turn, &fault), STATUS_OK);
    assert_string_equal(stage->story, "tick end");
}

static inline void close_stage(struct stage *stage)
{
    turn_release(&stage->turn);
}

static inline void arrive(struct stage *stage, link_id link, bool is_request)
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
