// news.h - what people are told of peers: who went away, who is back, whose clock is off.
//
// Looks at the links now and then (link.h decides) and makes a line of each change:
//
//     n2: its store does not answer
//     n2: its store answers again, after 3.2 s
//     n3: its store belongs to another cluster
//     n4: its clock is 1.5 s ahead of ours
//
// A link that was never up is told once, when `down_after_ms` have passed; one that comes up in
// that time is not told at all. A clock is told once a minute, after it was off for ten seconds: an
// answer that was late makes it look so for a moment.
#pragma once

#include "peer/peers.h"

struct news_item {
    uint64_t node; // that it is of
    bool is_up;
    uint8_t told;     // enum link_state: what is wrong, as we said; LINK_WELL = nothing
    uint64_t down_ms; // since when, as far as we saw
    uint64_t off_ms;  // since when its clock is off, 0 = it is not
    uint64_t clock_due_ms;
};

struct news {
    struct news_item *items; // by number of the link
    uint32_t count;
};

void news_release(struct news *news); // zero-filled is empty

// Looks at one link. If there is something to tell, the line is in `line`.
enum link_change news_look(struct news *news, const struct peers *peers, uint32_t number,
                           struct moment now, struct buf *line);

// The same for its clock, which may be `warn_ms` off. True if there is something to tell.
bool news_look_at_clock(struct news *news, const struct peers *peers, uint32_t number,
                        uint64_t warn_ms, struct moment now, struct buf *line);

// Appends "serving; 2 of 3 stores up; down: n2".
void news_status(const struct peers *peers, struct buf *out);
