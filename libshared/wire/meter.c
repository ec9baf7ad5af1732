#include "wire/meter.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum {
    KIB = 1024,
    NONE = METERS_MAX,
    GUESS_FALL = 8, // a greater one is believed at once, a smaller one by and by
};

void meters_init(struct meters *meters, uint64_t seed)
{
    *meters = (struct meters){.oldest = NONE, .newest = NONE};
    table_init(&meters->indexes, seed);
}

void meters_release(struct meters *meters)
{
    table_release(&meters->indexes);
    free(meters->meters);
    *meters = (struct meters){.oldest = NONE, .newest = NONE};
}

static struct meter *find(const struct meters *meters, link_id link)
{
    const union table_value *index = table_find(&meters->indexes, table_key(&link));
    return index ? &meters->meters[index->number] : NULL;
}

// Whole KiB that the other side did not confirm. Bytes of the last one that it cannot
// confirm yet are none.
static uint64_t unread(const struct meter *meter)
{
    return (uint64_t)(uint32_t)((uint32_t)(meter->sent_bytes / KIB) - meter->confirmed_kib) * KIB;
}

static void unlink_meter(struct meters *meters, const struct meter *meter)
{
    if (meter->older != NONE)
        meters->meters[meter->older].newer = meter->newer;
    else
        meters->oldest = meter->newer;
    if (meter->newer != NONE)
        meters->meters[meter->newer].older = meter->older;
    else
        meters->newest = meter->older;
}

static void link_newest(struct meters *meters, uint32_t index)
{
    struct meter *meter = &meters->meters[index];
    meter->older = meters->newest;
    meter->newer = NONE;
    if (meters->newest != NONE)
        meters->meters[meters->newest].newer = index;
    else
        meters->oldest = index;
    meters->newest = index;
}

void meters_forget(struct meters *meters, link_id link)
{
    struct meter *meter = find(meters, link);
    if (!meter)
        return;
    uint32_t index = (uint32_t)(meter - meters->meters), last = meters->count - 1;
    meters->unread_bytes -= unread(meter);
    unlink_meter(meters, meter);
    table_remove(&meters->indexes, table_key(&link));
    meters->count--;
    if (index == last)
        return;
    *meter = meters->meters[last]; // the last one takes its index
    table_find(&meters->indexes, table_key(&meter->link))->number = index;
    if (meter->older != NONE)
        meters->meters[meter->older].newer = index;
    else
        meters->oldest = index;
    if (meter->newer != NONE)
        meters->meters[meter->newer].older = index;
    else
        meters->newest = index;
}

static struct meter *add(struct meters *meters, link_id link)
{
    if (meters->count == METERS_MAX)
        meters_forget(meters, meters->meters[meters->oldest].link);
    if (meters->count == meters->capacity) {
        meters->capacity = meters->capacity ? 2 * meters->capacity : 16;
        meters->meters = xrealloc(meters->meters, meters->capacity * sizeof *meters->meters);
    }
    uint32_t index = meters->count++;
    table_add(&meters->indexes, table_key(&link))->number = index;
    meters->meters[index] = (struct meter){.link = link, .guess = METER_GUESS_FIRST};
    link_newest(meters, index);
    return &meters->meters[index];
}

static struct meter *use(struct meters *meters, link_id link)
{
    struct meter *meter = find(meters, link);
    if (!meter)
        return add(meters, link);
    unlink_meter(meters, meter);
    link_newest(meters, (uint32_t)(meter - meters->meters));
    return meter;
}

void meters_sent(struct meters *meters, link_id link, size_t size)
{
    struct meter *meter = use(meters, link);
    meters->unread_bytes -= unread(meter);
    meter->sent_bytes += size;
    meters->unread_bytes += unread(meter);
}

void meters_unsent(struct meters *meters, link_id link, size_t size)
{
    struct meter *meter = find(meters, link);
    if (!meter || meter->sent_bytes < size)
        return;
    meters->unread_bytes -= unread(meter);
    meter->sent_bytes -= size;
    if (unread(meter) / KIB > UINT32_MAX / 2) // of what the other side does not know either
        meter->sent_bytes = (uint64_t)meter->confirmed_kib * KIB;
    meters->unread_bytes += unread(meter);
}

void meters_taken(struct meters *meters, link_id link, const struct message_header *header)
{
    struct meter *meter = use(meters, link);
    meters->unread_bytes -= unread(meter);
    if (meter->confirmed_kib != header->received_kib)
        meter->refused_count = 0;
    meter->confirmed_kib = header->received_kib;
    if (unread(meter) / KIB > UINT32_MAX / 2) // it cannot have taken more than was sent
        meter->sent_bytes = (uint64_t)meter->confirmed_kib * KIB;
    meters->unread_bytes += unread(meter);
}

uint64_t meters_unread(const struct meters *meters, link_id link)
{
    const struct meter *meter = find(meters, link);
    return meter ? unread(meter) : 0;
}

bool meters_are_behind(const struct meters *meters, link_id link, const struct outbox *outbox)
{
    uint64_t unread = meters_unread(meters, link);
    for (uint32_t i = 0; i < outbox->count; i++) { // of this turn, which counts at its end
        if (outbox->messages[i].link == link)
            unread += outbox->messages[i].bytes.size;
    }
    return unread > METERS_UNREAD_MAX;
}

bool meters_oldest(const struct meters *meters, link_id *link)
{
    if (meters->oldest == NONE)
        return false;
    *link = meters->meters[meters->oldest].link;
    return true;
}

uint32_t meters_refuse(struct meters *meters, link_id link)
{
    struct meter *meter = find(meters, link);
    return meter ? ++meter->refused_count : 1;
}

void meters_learn(struct meters *meters, link_id link, size_t size)
{
    struct meter *meter = find(meters, link);
    if (meter)
        meter->guess =
            size > meter->guess ? size : meter->guess - (meter->guess - size) / GUESS_FALL;
}

size_t meters_guess(const struct meters *meters, link_id link)
{
    const struct meter *meter = find(meters, link);
    return meter ? meter->guess : METER_GUESS_FIRST;
}
