#include "peer/throttle.h"

void throttle_init(struct throttle *throttle, uint64_t most)
{
    *throttle = (struct throttle){.most = most, .rate = most};
}

void throttle_use(struct throttle *throttle, uint64_t size)
{
    throttle->used += size;
}

// Bytes a second since the last look.
static uint64_t used_rate(const struct throttle *throttle, struct moment now)
{
    return throttle->used * 1000 / (now.mono_ms - throttle->looked_ms);
}

static void learn_usual(struct throttle *throttle, uint64_t delay_us, bool is_ours)
{
    if (!throttle->is_usual_known || delay_us < throttle->usual_us)
        throttle->usual_us = delay_us;
    else if (!is_ours)
        throttle->usual_us += (delay_us - throttle->usual_us) / 4;
    throttle->is_usual_known = true;
}

static bool is_felt(const struct throttle *throttle, uint64_t delay_us)
{
    return delay_us > THROTTLE_FREE_US && delay_us > THROTTLE_PATIENCE * throttle->usual_us;
}

void throttle_tell(struct throttle *throttle, uint64_t delay_us, struct moment now)
{
    uint64_t least = throttle->most / THROTTLE_LEAST_PART + 1;
    if (now.mono_ms < throttle->looked_ms + THROTTLE_PAUSE_MS)
        return;
    uint64_t used = used_rate(throttle, now);
    learn_usual(throttle, delay_us, used > least);
    if (is_felt(throttle, delay_us)) {
        throttle->rate = used < throttle->rate ? used / 2 : throttle->rate / 2;
        throttle->rate = throttle->rate > least ? throttle->rate : least;
    } else {
        throttle->rate += throttle->most / THROTTLE_STEPS + 1;
        throttle->rate = throttle->rate < throttle->most ? throttle->rate : throttle->most;
    }
    throttle->used = 0;
    throttle->looked_ms = now.mono_ms;
}
