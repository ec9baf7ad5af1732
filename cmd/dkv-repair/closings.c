#include "dkv-repair/closings.h"

static const uint64_t is_closing = (uint64_t)1 << 63;

uint64_t closings_id(const struct closings *closings)
{
    return is_closing | (uint64_t)(closings->generation & INT32_MAX) << 32 | closings->closing.step;
}

void closings_stop(struct closings *closings)
{
    closing_release(&closings->closing);
    closings->is_running = false;
}

bool closings_on_reply(struct closings *closings, uint64_t id, enum message_type type,
                       struct reader *body, struct moment now)
{
    if (!(id & is_closing))
        return false;
    uint32_t generation = (uint32_t)(id >> 32) & INT32_MAX;
    if (closings->is_running && generation == (closings->generation & INT32_MAX)) {
        closings->heard_ms = now.mono_ms;
        closing_on_reply(&closings->closing, (uint32_t)id, type, body);
    }
    return true;
}
