// ring_change.h - the ring document that follows is made here, and proposed to the cluster.
//
//     struct ring_change change;
//     exit_status = ring_change_begin(globals, verb, &change);     change.next is a copy of .before
//     ... change.next ...
//     exit_status = ring_change_propose(globals, verb, &change, what);
//     ring_change_release(&change);
#pragma once

#include "dkv/dkv.h"
#include "ring/ring.h"

struct ring_change {
    struct ring before, next;
};

// Reads the document that counts. Returns the exit status; the change is to be released anyway.
int ring_change_begin(const struct globals *globals, const char *verb, struct ring_change *change);
void ring_change_release(struct ring_change *change);

// Makes `next` the document that follows: nothing else is to be changed. False: it has nothing new,
// and stays as it is.
bool ring_change_succeed(struct ring_change *change);

// Proposes it, and says what became of it; `what` is its subject. Returns the exit status. 0: every
// node that can be reached has it; others have it when they are back. 11: another change came
// first.
int ring_change_propose(const struct globals *globals, const char *verb,
                        const struct ring_change *change, const char *what);
