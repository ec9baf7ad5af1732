// record_model.h - records to test with, and what replicas may know as a model of them.
#pragma once

#include "unit/unit.h"

#include "base/random.h"
#include "causal/record.h"

static inline struct bytes key(void)
{
    return bytes_of_text("greeting");
}

static inline struct record_write blind(struct dot dot)
{
    return (struct record_write){.dot = dot, .hlc = dot.counter, .value = bytes_of_text("v")};
}

static inline struct request_id request(uint8_t number)
{
    return (struct request_id){{number}};
}

// What a replica may know of a dot, in the order in which knowledge grows. Joining two
// records is then taking the greater for each dot.
enum fate { UNKNOWN, LIVE, SUPERSEDED };
enum { ACTORS = 3, COUNTERS = 5, DOTS = ACTORS * COUNTERS };

struct model {
    enum fate fates[DOTS];
};

static inline struct model random_model(struct random *random)
{
    struct model model;
    for (int i = 0; i < DOTS; i++)
        model.fates[i] = (enum fate)random_below(random, 3);
    return model;
}

static inline struct model join(const struct model *a, const struct model *b)
{
    struct model both;
    for (int i = 0; i < DOTS; i++)
        both.fates[i] = a->fates[i] > b->fates[i] ? a->fates[i] : b->fates[i];
    return both;
}

static inline struct dot dot_at(int i)
{
    return (struct dot){(uint64_t)(i / COUNTERS) + 1, (uint64_t)(i % COUNTERS) + 1};
}

static inline void build(struct record *record, const struct model *model)
{
    static const char values[DOTS + 1] = "0123456789abcde";
    record_clear(record);
    for (int i = 0; i < DOTS; i++) {
        struct dot dot = dot_at(i);
        if (model->fates[i] == SUPERSEDED)
            clock_add(&record->clock, (struct interval){dot.actor, dot.counter, dot.counter});
        if (model->fates[i] != LIVE)
            continue;
        struct record_write write = blind(dot);
        write.keep_siblings = true;
        write.value = bytes_of(values + i, 1);
        record_update(record, &write, false);
    }
}
