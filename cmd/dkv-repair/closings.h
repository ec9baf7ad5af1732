// closings.h - which shard is looked at for ends of starts (closing.h): one after the other, each
// once in an interval (endings.h does it).
#pragma once

#include "base/moment.h"
#include "dkv-repair/closing.h"
#include "dkv-repair/waiting.h"

struct closings {
    struct closing closing;
    bool is_running;
    uint64_t asked; // requests, ever
    struct waiting waiting;
    uint32_t step;   // to which they belong
    uint32_t next;   // pull whose shard is next
    uint64_t due_ms; // when the next one begins
    uint64_t heard_ms;
    uint64_t closed; // since the start
};

// Drops what is under way.
void closings_stop(struct closings *closings);

// The id of a new request of the current step. Nobody waits for those of steps before any more.
uint64_t closings_ask(struct closings *closings);

// True if the id of a reply is that of a closing; it is taken then.
bool closings_on_reply(struct closings *closings, uint64_t id, enum message_type type,
                       struct reader *body, struct moment now);
