// peers.h - what people are told of other nodes: who went away, who is back, whose clock is off.
//
// Looks at the links now and then (links.h decides) and makes a line of each change:
//
//     n2: its store does not answer
//     n2: its store answers again, after 3.2 s
//     n3: its store belongs to another cluster
//     n4: its clock is 1.5 s ahead of ours
//
// Who was never up is told once, when `down_after_ms` have passed; who comes up in that time is
// not told at all. A clock is told once a minute, after it was off for ten seconds: an answer
// that was late makes it look so for a moment.
#pragma once

#include "dkv-router/links.h"

struct peer {
    bool is_up;
    enum link_state told; // what is wrong with it, as we said; LINK_WELL = nothing
    uint64_t down_ms;     // since when, as far as we saw
    uint64_t off_ms;      // since when its clock is off, 0 = it is not
    uint64_t clock_due_ms;
};

struct peers {
    struct peer *peers; // by number of the link
    uint32_t count;
    const struct ring *ring; // borrowed
    uint64_t begin_ms;
};

void peers_init(struct peers *peers, const struct ring *ring, const struct links *links,
                struct moment now);
void peers_release(struct peers *peers);

// Looks at one link. If there is something to tell, the line is in `line`.
enum link_change peers_look(struct peers *peers, const struct links *links, uint32_t number,
                            struct moment now, struct buf *line);

// The same for its clock, which may be `warn_ms` off. True if there is something to tell.
bool peers_look_at_clock(struct peers *peers, const struct links *links, uint32_t number,
                         uint64_t warn_ms, struct moment now, struct buf *line);

// Appends "serving; 2 of 3 stores up; down: n2".
void peers_status(const struct peers *peers, const struct links *links, struct buf *out);
