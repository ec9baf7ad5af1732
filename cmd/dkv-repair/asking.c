#include "dkv-repair/asking.h"

#include "base/xalloc.h"

#include <stdlib.h>

void asking_release(struct asking *asking)
{
    free(asking->nodes);
    *asking = (struct asking){0};
}

void asking_start(struct asking *asking, uint32_t count, uint32_t self, uint32_t number)
{
    free(asking->nodes);
    *asking = (struct asking){
        .nodes = xcalloc(count, sizeof *asking->nodes),
        .count = count,
        .self = self,
        .number = number,
        .generation = asking->generation + 1,
        .is_running = true,
    };
}

void asking_stop(struct asking *asking)
{
    asking->is_running = false;
}

static uint64_t id_of(const struct asking *asking, uint32_t node)
{
    return (uint64_t)asking->generation << 32 | node;
}

// The next one that our store is to be told of. False: none now.
static bool next_answer(struct asking *asking, struct op_hear *hear)
{
    uint32_t told = 0;
    for (uint32_t i = 0; i < asking->count; i++) {
        struct asking_node *node = &asking->nodes[i];
        told += node->step == ASKING_TOLD;
        if (node->step != ASKING_ANSWERED)
            continue;
        node->step = ASKING_TELLING;
        *hear = (struct op_hear){.id = id_of(asking, i),
                                 .actor = node->heard.actor,
                                 .position = node->heard.position,
                                 .heard_start = node->heard.heard_start,
                                 .heard_position = node->heard.heard_position};
        return true;
    }
    if (told < asking->count || asking->is_ending)
        return false;
    asking->is_ending = true;
    *hear = (struct op_hear){.id = id_of(asking, asking->self), .is_last = true};
    return true;
}

bool asking_next(struct asking *asking, uint32_t node, struct op_hear *hear)
{
    if (!asking->is_running)
        return false;
    struct asking_node *asked = &asking->nodes[node];
    const struct asking_node *ours = &asking->nodes[asking->self];
    if (asked->step == ASKING_LEFT && (asked == ours || ours->step == ASKING_TOLD)) {
        asked->step = ASKING_SENT;
        *hear = (struct op_hear){.id = id_of(asking, node),
                                 .number = asked == ours ? 0 : asking->number};
        return true;
    }
    return asked == ours && ours->step == ASKING_TOLD && next_answer(asking, hear);
}

// Our store says whether it is asking, or that it was told of node `of`.
static void take_ours(struct asking *asking, uint32_t of, const struct op_heard *heard)
{
    struct asking_node *node = &asking->nodes[of];
    bool is_again = heard->status == STATUS_BUSY || heard->status == STATUS_DISK_FULL;
    if (node->step == (of == asking->self ? ASKING_SENT : ASKING_TELLING))
        node->step = is_again ? ASKING_ANSWERED : ASKING_TOLD;
    if (of == asking->self && !heard->is_asking)
        asking->is_running = false;
}

void asking_on_heard(struct asking *asking, uint32_t node, const struct op_heard *heard)
{
    uint32_t of = (uint32_t)heard->id;
    bool is_current = asking->is_running && heard->id >> 32 == asking->generation;
    if (!is_current || node >= asking->count || of >= asking->count)
        return;
    if (node == asking->self) {
        take_ours(asking, of, heard);
    } else if (of == node && asking->nodes[node].step == ASKING_SENT) {
        asking->nodes[node].step = ASKING_ANSWERED;
        asking->nodes[node].heard = *heard;
    }
}

void asking_on_lost(struct asking *asking, uint32_t node)
{
    if (asking->is_running && asking->nodes[node].step == ASKING_SENT)
        asking->nodes[node].step = ASKING_LEFT;
}
