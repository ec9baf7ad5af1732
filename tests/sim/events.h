// events.h - what is going to happen, in order of time.
//
// A heap ordered by (time, sequence): events of one moment happen in the order in which
// they were added, so that a run depends on nothing but its seed.
#pragma once

#include "base/buf.h"

struct event {
    uint64_t at_us;
    uint64_t sequence;
    void (*fire)(void *self, struct event *event);
    void *self;
    uint64_t a, b;    // what the receiver makes of them
    struct buf bytes; // a message; the receiver may take it
};

struct events {
    struct event *heap;
    uint32_t count;
    uint32_t capacity;
    uint64_t sequence;
};

void events_release(struct events *events);
void events_add_take(struct events *events, const struct event *event); // the bytes are its now
bool events_next(struct events *events, uint64_t until_us, struct event *event);
