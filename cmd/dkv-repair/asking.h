// asking.h - what the stores of other nodes have heard of ours is brought to it, when it has
// started.
//
//     HEAR   ours     are you asking?            no: nothing is to be done
//     HEAR   others   what have you heard of it?
//     HEAR   ours     this one has heard that    once for each of the others
//     HEAR   ours     that is all                when every other one was asked
//
// Our store does not answer routers before (dkv-store/asking.h), so all of this is said at once.
// One that cannot be reached now is asked when it can be: our store does not wait for it, but may
// learn something still.
//
// A pure state machine. What it says names nodes by their index in the ring.
#pragma once

#include "wire/hello.h"

#include <stdbool.h>

enum asking_step {
    ASKING_LEFT,     // it is not asked yet
    ASKING_SENT,     // and has not answered
    ASKING_ANSWERED, // our store is to be told
    ASKING_TELLING,  // and has not said that it was
    ASKING_TOLD,
};

struct asking_node {
    enum asking_step step;
    struct op_heard heard; // from ASKING_ANSWERED on
};

struct asking {
    struct asking_node *nodes; // owned; that of our own: whether our store is asking
    uint32_t count, self;      // self: index of our node
    uint32_t number;           // of our node
    uint32_t generation;       // of requests; counts the starts
    bool is_running;
    bool is_ending; // "that is all" was said
};

void asking_release(struct asking *asking);

// Our store was reached, or the ring is another one. `self` is the index of our node, of `count`.
void asking_start(struct asking *asking, uint32_t count, uint32_t self, uint32_t number);
// It is out of reach.
void asking_stop(struct asking *asking);

// What is to be said next to this node, if anything: false, nothing. Asked again and again until
// then, of those that can be reached.
bool asking_next(struct asking *asking, uint32_t node, struct op_hear *hear);

// `node` has answered; replies to what was said before the last start count for nothing.
void asking_on_heard(struct asking *asking, uint32_t node, const struct op_heard *heard);

// What was asked of this node, another one, is lost.
void asking_on_lost(struct asking *asking, uint32_t node);
