// trace.h - everything that was ever written to a database under test, and what it holds after any
// prefix of that.
#pragma once

#include "base/hash.h"
#include "base/random.h"
#include "base/xalloc.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIAL_KEYS_MAX = 256 };

struct trial_value {
    bool present;
    size_t size;
    uint64_t hash;
};

struct trial_op {
    unsigned key;
    struct trial_value value;
};

struct trial_write {
    size_t op_end;     // its operations end here, those of the write before begin it
    uint64_t chain;    // the owner's memory after it
    uint64_t position; // in the log, since it was opened
};

struct trace {
    struct trial_op *ops;
    size_t op_count;
    struct trial_write *writes;
    size_t write_count;
    size_t durable_count;
};

// ---- Keys and values ---------------------------------------------------------------

// The key of an index, in `text`. Indexes and keys sort alike; some are long, many
// share a prefix.
static inline struct bytes trial_key(unsigned index, char text[static 300])
{
    int size = snprintf(text, 300, "%c/%04u", 'a' + (int)(index / 40), index);
    if (index % 7 == 3) {
        memset(text + size, 'x', 200);
        size += 200;
    }
    return bytes_of(text, index == 0 ? 1 : (size_t)size);
}

static inline size_t trial_size(struct random *random)
{
    switch (random_below(random, 8)) {
    case 0:
        return random_below(random, 3);
    case 1:
        return 200 + random_below(random, 1500);
    default:
        return 3 + random_below(random, 60);
    }
}

static inline struct trial_value trial_value_of(struct bytes value)
{
    return (struct trial_value){true, value.size, hash64(value)};
}

static inline bool trial_value_equal(struct trial_value a, struct trial_value b)
{
    return a.present == b.present && a.size == b.size && a.hash == b.hash;
}

// ---- The trace ---------------------------------------------------------------------

static inline void trace_release(struct trace *trace)
{
    free(trace->ops);
    free(trace->writes);
    *trace = (struct trace){0};
}

static inline struct trace trace_copy(const struct trace *trace)
{
    struct trace copy = *trace;
    copy.ops = xmalloc((trace->op_count + 1) * sizeof *copy.ops);
    copy.writes = xmalloc((trace->write_count + 1) * sizeof *copy.writes);
    if (trace->op_count)
        memcpy(copy.ops, trace->ops, trace->op_count * sizeof *copy.ops);
    if (trace->write_count)
        memcpy(copy.writes, trace->writes, trace->write_count * sizeof *copy.writes);
    return copy;
}

static inline void trace_add_op(struct trace *trace, unsigned key, struct trial_value value)
{
    trace->ops = xrealloc(trace->ops, (trace->op_count + 1) * sizeof *trace->ops);
    trace->ops[trace->op_count++] = (struct trial_op){key, value};
}

static inline void trace_add_write(struct trace *trace, uint64_t chain)
{
    trace->writes = xrealloc(trace->writes, (trace->write_count + 1) * sizeof *trace->writes);
    trace->writes[trace->write_count++] = (struct trial_write){trace->op_count, chain, UINT64_MAX};
}

// Forgets all but the first `count` writes.
static inline void trace_cut(struct trace *trace, size_t count)
{
    trace->write_count = count;
    trace->op_count = count ? trace->writes[count - 1].op_end : 0;
    if (trace->durable_count > count)
        trace->durable_count = count;
}

// Applies the writes from..to-1 to a state.
static inline void trace_apply(const struct trace *trace, size_t from, size_t to,
                               struct trial_value state[static TRIAL_KEYS_MAX])
{
    size_t op = from ? trace->writes[from - 1].op_end : 0;
    for (size_t end = to ? trace->writes[to - 1].op_end : 0; op < end; op++)
        state[trace->ops[op].key] = trace->ops[op].value;
}

static inline uint64_t trace_chain(const struct trace *trace, size_t count)
{
    return count ? trace->writes[count - 1].chain : 0;
}
