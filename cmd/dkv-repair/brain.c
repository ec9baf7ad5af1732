// dkv-repair as a brain: nothing but names.
#include "dkv-repair/brain.h"

#include "dkv-repair/post.h"

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox)
{
    post_on_message(self, arrival, message, now, outbox);
}

static void on_lost(void *self, link_id link, struct moment now, struct outbox *outbox)
{
    (void)outbox;
    post_on_lost(self, link, now);
}

static void on_unsent(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox)
{
    (void)message, (void)why, (void)outbox;
    post_on_lost(self, link, now);
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    repair_on_tick(self, now, outbox);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    post_on_turn_end(self, now, outbox);
}

static unsigned tick_within_ms(void *self)
{
    return repair_tick_within_ms(self);
}

struct brain repair_brain(struct repair *repair)
{
    return (struct brain){
        .self = repair,
        .on_message = on_message,
        .on_lost = on_lost,
        .on_unsent = on_unsent,
        .on_tick = on_tick,
        .on_turn_end = on_turn_end,
        .tick_within_ms = tick_within_ms,
    };
}
