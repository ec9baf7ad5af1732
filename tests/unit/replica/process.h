// process.h - processes that hold one key, as values: they mint, join and write.
#pragma once

#include "unit/unit.h"

#include "replica/join.h"
#include "replica/mint.h"

#define KEY     bytes_of_text("key")
#define WALL_MS 1700000000000u

struct process {
    struct replica replica;
    struct change change; // the last one
    enum status status;   // and whether it was refused
    struct record held;
    struct buf encoded;
    struct seen seen, horizon, told;
    struct superseded_list remembered;
    struct leaf_delta leaves; // of all changes
};

static inline const struct dot *process_find(const void *context, const struct request_id *bound)
{
    const struct superseded_list *list = &((const struct process *)context)->remembered;
    for (uint32_t i = 0; i < list->count; i++) {
        if (request_id_equal(&list->items[i].request, bound))
            return &list->items[i].dot;
    }
    return NULL;
}

static inline void process_init(struct process *process, uint64_t actor)
{
    *process = (struct process){
        .replica = {.key = KEY,
                    .key_hash = 77,
                    .held = &process->held,
                    .actor = actor,
                    .seen = &process->seen,
                    .horizon = &process->horizon,
                    .told = &process->told,
                    .recall = {process, process_find},
                    .wall_ms = WALL_MS,
                    .limits = {.value_size_max = 1000,
                               .record_size_max = 10000,
                               .clock_refuse_ms = 5000}},
    };
}

static inline void process_release(struct process *process)
{
    change_release(&process->change);
    record_release(&process->held);
    buf_release(&process->encoded);
    seen_release(&process->seen);
    seen_release(&process->horizon);
    seen_release(&process->told);
    superseded_list_release(&process->remembered);
}

// Checks that counts and roots are those of the record that is held, whatever came before.
static inline void process_check_leaves(const struct process *process)
{
    struct leaf_delta leaves = {0};
    leaf_delta_add(&leaves, &process->held, process->replica.key_hash);
    assert_memory_equal(&leaves, &process->leaves, sizeof leaves);
}

// Writes a change, as a store does.
static inline void process_write(struct process *process)
{
    const struct change *change = &process->change;
    process->replica.hlc_last = change->hlc_last;
    if (process->status)
        return;
    process->replica.counter = change->counter;
    for (uint32_t i = 0; i < change->dot_count; i++)
        assert_true(seen_add(&process->seen, change->dots[i]));
    for (uint32_t i = 0; i < change->remember.count; i++)
        superseded_list_add(&process->remembered, change->remember.items[i]);
    process->leaves.live_count += change->leaves.live_count;
    process->leaves.gone_count += change->leaves.gone_count;
    process->leaves.live_root += change->leaves.live_root;
    process->leaves.deleted_root += change->leaves.deleted_root;
    if (change->record.size) {
        buf_set(&process->encoded, change->record);
        process->replica.encoded = buf_bytes(&process->encoded);
        assert_int_equal(record_decode(&process->held, KEY, process->replica.encoded), STATUS_OK);
    }
    if (change->is_gone) {
        record_clear(&process->held);
        process->replica.encoded = (struct bytes){0};
    }
    process_check_leaves(process);
}

static inline enum status process_mint(struct process *process, const struct mint *mint)
{
    process->status = mint_write(&process->replica, mint, &process->change);
    process_write(process);
    return process->status;
}

static inline enum status process_join(struct process *process, const struct join *join)
{
    process->status = join_record(&process->replica, join, &process->change);
    process_write(process);
    return process->status;
}

// ---- Operations --------------------------------------------------------------------------

static inline struct request_id request(uint8_t number)
{
    struct request_id id;
    memset(id.bytes, number, sizeof id.bytes);
    return id;
}

static inline struct mint blind(uint8_t number, const char *value)
{
    return (struct mint){
        .request = request(number), .is_blind = true, .value = bytes_of_text(value)};
}

// Supersedes nothing.
static inline struct mint beside(uint8_t number, const char *value)
{
    return (struct mint){.request = request(number), .value = bytes_of_text(value)};
}

// Supersedes what the context covers. The context is encoded into `out`.
static inline struct mint above(uint8_t number, const char *value, const struct clock *context,
                                struct buf *out)
{
    struct mint mint = beside(number, value);
    buf_clear(out);
    clock_encode(context, out);
    mint.context = buf_bytes(out);
    return mint;
}

// Mints, which must not be refused, and gives the dot.
static inline struct dot minted(struct process *process, const struct mint *mint)
{
    assert_int_equal(process_mint(process, mint), STATUS_OK);
    return process->change.dot;
}

// Sends the last mint of `process` to another owner, as its router does.
static inline struct join sent(const struct process *process)
{
    return (struct join){.record = process->replica.encoded,
                         .dot = process->change.dot,
                         .requests = process->change.superseded.items,
                         .request_count = process->change.superseded.count};
}

// Sends the record that `process` holds, as a repair does: there is no write to be validated.
static inline struct join repaired(const struct process *process)
{
    return (struct join){.record = process->replica.encoded};
}

static inline enum fate fate_of(const struct process *process, uint8_t number)
{
    struct dot dot;
    struct request_id id = request(number);
    return replica_find(&process->replica, &id, &dot);
}

static inline void assert_value(const struct process *process, const char *value)
{
    assert_int_equal(process->held.count, 1);
    assert_true(bytes_equal(process->held.siblings[0].value, bytes_of_text(value)));
}
