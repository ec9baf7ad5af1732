#include "dkv-store/delay.h"

#include "base/p99.h"

void delay_on_operation(struct delay *delay, struct moment now)
{
    if (now.mono_ms > delay->last_ms + DELAY_SILENCE_MS)
        delay->p99_us = 0; // of another time
    delay->last_ms = now.mono_ms;
    if (!delay->turn_ms)
        delay->turn_ms = now.mono_ms;
}

static void add(struct delay *delay, uint64_t since_ms, struct moment now)
{
    uint64_t sample_us = (now.mono_ms - since_ms) * 1000;
    if (delay->p99_us)
        p99_follow(&delay->p99_us, sample_us);
    else
        delay->p99_us = sample_us;
}

void delay_on_turn_end(struct delay *delay, uint64_t written, uint64_t durable, struct moment now)
{
    if (delay->since_ms && durable >= delay->mark) {
        add(delay, delay->since_ms, now);
        delay->since_ms = 0;
    }
    if (delay->turn_ms && durable >= written) {
        add(delay, delay->turn_ms, now);
    } else if (delay->turn_ms && !delay->since_ms) {
        delay->since_ms = delay->turn_ms;
        delay->mark = written;
    }
    delay->turn_ms = 0;
}

uint64_t delay_now_us(const struct delay *delay, struct moment now)
{
    uint64_t waiting_us = delay->since_ms ? (now.mono_ms - delay->since_ms) * 1000 : 0;
    if (now.mono_ms > delay->last_ms + DELAY_SILENCE_MS && !waiting_us)
        return 0;
    return waiting_us > delay->p99_us ? waiting_us : delay->p99_us;
}
