#include "sim/history_inside.h"
#include "wire/hint.h"

static struct act_try *find_try(struct act *act, uint64_t name)
{
    for (uint32_t i = 0; act && i < act->try_count; i++) {
        if (act->tries[i].name == name)
            return &act->tries[i];
    }
    return NULL;
}

// A try may be sent again by its name; then its time begins anew.
static void note_put(struct history *history, const struct op_put *put)
{
    struct act *act = history_act_of(history, &put->request);
    struct act_try *at = find_try(act, put->try);
    if (!at && act && act->try_count < HISTORY_TRIES_MAX)
        at = &act->tries[act->try_count++];
    if (!at)
        return;
    at->name = put->try;
    at->end_us = history->world->now_us + (put->budget_ms + 1) * (uint64_t)WORLD_MS;
}

static void note_update(struct history *history, const struct op_update *update)
{
    struct act *act = history_act_of(history, &update->request);
    struct act_try *at = find_try(act, update->try);
    if (!at)
        return;
    at->update_us = history->world->now_us;
    if (at->update_us > at->end_us)
        world_fail(history->world, "an UPDATE of operation %u is sent %llu ms after its time",
                   act->number, (unsigned long long)((at->update_us - at->end_us) / WORLD_MS));
}

void history_on_sent(struct history *history, struct bytes message)
{
    struct message_header header;
    struct reader body;
    struct op_put put;
    struct op_update update;
    struct op_hint_update hint;
    if (message_header_decode(&header, message, &body))
        return;
    for (unsigned i = 0; i < header.count; i++) {
        if (header.type == MESSAGE_PUT && !op_decode_put(&put, &body))
            note_put(history, &put);
        else if (header.type == MESSAGE_UPDATE && !op_decode_update(&update, &body))
            note_update(history, &update);
        else if (header.type == MESSAGE_HINT_UPDATE && !op_decode_hint_update(&hint, &body))
            note_update(history, &hint.update);
    }
}

void history_on_found(struct history *history, const struct request_id *request, uint64_t try)
{
    struct act_try *at = find_try(history_act_of(history, request), try);
    if (at)
        at->was_found = true;
}

void history_check_try(struct history *history, struct act *act, const struct op_update *update)
{
    struct world *world = history->world;
    struct act_try *at = find_try(act, update->try);
    if (!at)
        return;
    if (world->now_us > at->update_us + (uint64_t)update->young_ms * WORLD_MS + WORLD_MS)
        world_fail(world, "an UPDATE of operation %u is obeyed %llu ms after it was sent",
                   act->number, (unsigned long long)((world->now_us - at->update_us) / WORLD_MS));
    if (update->flags & UPDATE_AGAIN)
        return;
    at->has_minted = true;
    if (at->was_found)
        world_fail(world, "operation %u is minted though its router knows that it was",
                   act->number);
    for (struct act_try *later = at + 1; later < act->tries + act->try_count; later++) {
        if (later->has_minted)
            world_fail(world, "a try of operation %u mints after a later one has", act->number);
    }
}
