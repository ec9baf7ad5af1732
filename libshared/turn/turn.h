// turn.h - the turn: the order in which a brain is told and its words leave.
//
//     take     finished jobs
//     tell     messages that could not be sent
//     receive  messages, up to a cap of messages and bytes, then lost links
//     tick     if it is due
//     end      on_turn_end: the outbox is complete
//     reset    links that the brain wants new
//     submit   next jobs, to workers that are idle
//     release  held messages, in order, up to the first whose gate is closed
//     send     this turn's messages; one whose gate is closed is held
//
// A gate is a position in the log. It is open once the brain's durable() has reached it, so no
// message that promises durability leaves before the promise is true.
//
// Natural batching: no timer and no delay to tune. While one fsync runs, turns go on; the next
// fsync covers all that they wrote. Under light load that is one operation.
//
// Pure: a shell around the brain brings the world. There are two, and both run this turn: the
// daemon (proc/daemon.h) on sockets, clocks and threads, and the simulator's process
// (tests/sim/process.h).
#pragma once

#include "turn/brain.h"
#include "turn/queue.h"

enum { TURN_MESSAGES_MAX = 1024, TURN_SIZE_MAX = 4 * 1024 * 1024 };

struct incoming {
    struct arrival arrival;
    struct bytes bytes; // valid until the next one is asked for
    bool is_request;    // an answer if not, on a link of our own
};

struct turn_shell {
    void *self;
    // Asked anew for every message: one may have come while the process stood still in the middle
    // of a turn, and then it is old.
    struct moment (*now)(void *self);
    bool (*receive)(void *self, struct incoming *incoming); // false: no more
    bool (*next_lost)(void *self, link_id *link);           // false: no more
    void (*reset_link)(void *self, link_id link);           // the brain wants it new; or NULL
    void (*submit)(void *self, unsigned worker, void *job); // to a worker that is idle
    void *(*take_job)(void *self, unsigned worker);         // NULL: it is not done
    // OK: it is on its way, and its bytes may have been taken. Else they are as they were.
    enum status (*send)(void *self, link_id link, struct buf *bytes);
};

struct turn {
    struct brain brain;
    struct turn_shell shell;
    struct outbox outbox;
    struct queue held;   // until their gates open
    struct queue unsent; // to be told to the brain
    bool is_busy[BRAIN_WORKERS_MAX];
    bool is_stopping;
    uint64_t tick_ms, tick_due_ms;
};

// The first turn ticks, and then one at least every tick_ms. 0: only when turn_tick_next() or the
// brain asks for it.
void turn_init(struct turn *turn, const struct brain *brain, const struct turn_shell *shell,
               uint64_t tick_ms);
void turn_release(struct turn *turn); // messages that did not leave are lost

// One turn. Not OK: a job failed and the process must end; nothing was sent.
enum status turn_run(struct turn *turn, struct fault *fault) MUST_USE;

// The next turn ticks.
void turn_tick_next(struct turn *turn);

// When the next turn must be, in monotonic time, if nothing arrives before: 0 = at once.
uint64_t turn_due_ms(const struct turn *turn);

// From now on requests are dropped; answers still reach the brain. It is drained when no job
// runs, no message is held and the brain has nothing open.
void turn_stop(struct turn *turn);
bool turn_is_drained(const struct turn *turn);
