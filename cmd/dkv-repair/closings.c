#include "dkv-repair/closings.h"

static const uint64_t is_closing = (uint64_t)1 << 63;

uint64_t closings_ask(struct closings *closings)
{
    if (closings->step != closings->closing.step)
        closings->waiting = (struct waiting){0};
    closings->step = closings->closing.step;
    waiting_add(&closings->waiting, ++closings->asked);
    return is_closing | closings->asked;
}

void closings_stop(struct closings *closings)
{
    closing_release(&closings->closing);
    closings->is_running = false;
    closings->waiting = (struct waiting){0};
}

bool closings_on_reply(struct closings *closings, uint64_t id, enum message_type type,
                       struct reader *body, struct moment now)
{
    if (!(id & is_closing))
        return false;
    if (waiting_take(&closings->waiting, id & ~is_closing) && closings->is_running) {
        closings->heard_ms = now.mono_ms;
        closing_on_reply(&closings->closing, closings->step, type, body);
    }
    return true;
}
