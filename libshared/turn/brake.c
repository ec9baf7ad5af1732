#include "turn/brake.h"

void brake_on_turn_end(struct brake *brake, uint64_t now_ms, uint64_t written, uint64_t durable,
                       uint64_t (*delay_us)(void *context), void *context)
{
    if (brake->until_ms > now_ms)
        return;
    brake->until_ms = 0;
    if (written == brake->written)
        return;
    brake->written = written;
    brake->delay_us += delay_us(context);
    uint64_t delay_ms = brake->delay_us / 1000;
    if (!delay_ms)
        return;
    brake->delay_us -= delay_ms * 1000;
    brake->held_ms += delay_ms;
    brake->until_ms = now_ms + delay_ms;
    brake->durable = durable;
}
