#include "dkv-store/growth.h"

#include "base/hash.h"
#include "base/xalloc.h"
#include "dkv-store/pair.h"

#include <stdlib.h>

enum {
    STEP_RECORDS = 512,      // of a piece, about a millisecond
    LEAVES_MAX = 1 << 20,    // of the trees of values, 8 MiB
    DELETIONS_MAX = 1 << 17, // of those of deletions
};

void growth_release(struct growth *growth)
{
    free(growth->waiting);
    free(growth->pending);
    record_release(&growth->record);
    buf_release(&growth->from);
    buf_release(&growth->to);
    *growth = (struct growth){0};
}

static bool is_waiting(const struct growth *growth, uint32_t partition)
{
    for (uint32_t i = 0; i < growth->count; i++) {
        if (growth->waiting[i] == partition)
            return true;
    }
    return false;
}

void growth_want(struct growth *growth, struct ledger *ledger, uint32_t partition, bool anew)
{
    const struct trees_partition *trees = trees_find(&ledger->trees, partition);
    if (is_waiting(growth, partition) || (trees && trees->is_whole && !anew))
        return;
    if (growth->has_failed && growth->last.partition == partition)
        growth->has_failed = false;
    if (growth->count == growth->capacity) {
        growth->capacity = growth->capacity ? 2 * growth->capacity : 16;
        growth->waiting = xrealloc(growth->waiting, growth->capacity * sizeof *growth->waiting);
    }
    growth->waiting[growth->count++] = partition;
}

void growth_forget(struct growth *growth, struct ledger *ledger, uint32_t partition)
{
    if (growth->count && growth->waiting[0] == partition) {
        growth->is_begun = false;
        growth->pending_count = 0;
        growth->wait = (struct parked_wait){0};
    }
    trees_forget(&ledger->trees, partition);
}

enum growth_state growth_state(const struct growth *growth, const struct ledger *ledger,
                               uint32_t partition)
{
    const struct trees_partition *trees = trees_find(&ledger->trees, partition);
    if (is_waiting(growth, partition))
        return GROWTH_WAITS;
    if (growth->has_failed && growth->last.partition == partition)
        return GROWTH_FAILED;
    return trees && trees->is_whole ? GROWTH_WHOLE : GROWTH_UNKNOWN;
}

bool growth_can_step(const struct growth *growth, const struct lsm *lsm)
{
    return growth->count && growth->wait.position <= lsm_loaded(lsm);
}

// ---- One partition -----------------------------------------------------------------------

static struct trees_partition *begin(struct ledger *ledger, uint32_t number)
{
    struct trees_partition *trees = trees_begin(&ledger->trees, ledger->partition_count, number);
    const struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));) {
        const unsigned levels[TREES_KINDS] = {
            tree_level_for(shard->live_count, ledger->shards.count, LEAVES_MAX),
            tree_level_for(shard->gone_count, ledger->shards.count, DELETIONS_MAX),
        };
        if (shard->partition == number)
            trees_add(trees, shard->keyspace, levels);
    }
    return trees;
}

static bool is_lost(const struct ledger *ledger, uint32_t partition)
{
    const struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));) {
        if (shard->partition == partition && shard->keyspace != TRASH_KEYSPACE &&
            shard->live_count + shard->gone_count && !shard->is_lost)
            return false;
    }
    return true;
}

static bool differs(const struct trees_shard *shard, const struct ledger_shard *known)
{
    return tree_sum(&shard->of[TREES_VALUES], 0, 0) != known->live_root ||
           tree_sum(&shard->of[TREES_DELETIONS], 0, 0) != known->deleted_root;
}

bool growth_difference(const struct growth *growth, const struct ledger *ledger,
                       struct ledger_entry *entry)
{
    uint32_t number = growth->waiting[0];
    const struct trees_partition *trees = trees_find(&ledger->trees, number);
    for (uint32_t i = 0; i < trees->shard_count; i++) {
        const struct trees_shard *shard = &trees->shards[i];
        const struct ledger_shard *known = ledger_find(ledger, shard->keyspace, number);
        if (!known || !differs(shard, known))
            continue;
        // A token that no growth has come to, so that only the ledger learns.
        *entry = (struct ledger_entry){.keyspace = shard->keyspace, .token = trees->next_token};
        entry->leaves.live_count = shard->live_count - (int64_t)known->live_count;
        entry->leaves.gone_count = shard->gone_count - (int64_t)known->gone_count;
        entry->leaves.live_root = tree_sum(&shard->of[TREES_VALUES], 0, 0) - known->live_root;
        entry->leaves.deleted_root =
            tree_sum(&shard->of[TREES_DELETIONS], 0, 0) - known->deleted_root;
        return true;
    }
    return false;
}

// What was read must be what the log says; CHECK_FAILED: of what is lost it is not.
static enum status check_roots(const struct growth *growth, const struct ledger *ledger,
                               uint32_t number, struct fault *fault)
{
    struct ledger_entry entry;
    if (!growth_difference(growth, ledger, &entry))
        return STATUS_OK;
    if (is_lost(ledger, number))
        return STATUS_CHECK_FAILED;
    return fault_set(fault, STATUS_CORRUPT,
                     "keyspace %u, partition %u: the records that are there are not those that "
                     "were written",
                     entry.keyspace, number);
}

// Adds the records of the token at hand: no other has it.
static void take_pending(struct growth *growth, const struct ledger *ledger,
                         struct trees_partition *trees)
{
    for (uint32_t i = 0; i < growth->pending_count; i++) {
        const struct growth_pending *one = &growth->pending[i];
        trees_count(&ledger->trees, trees, one->keyspace, trees->next_token, &one->delta);
    }
    growth->record_count += growth->pending_count;
    growth->pending_count = 0;
}

static struct growth_pending *add_pending(struct growth *growth)
{
    if (growth->pending_count == growth->pending_capacity) {
        growth->pending_capacity = growth->pending_capacity ? 2 * growth->pending_capacity : 4;
        growth->pending =
            xrealloc(growth->pending, growth->pending_capacity * sizeof *growth->pending);
    }
    struct growth_pending *added = &growth->pending[growth->pending_count++];
    *added = (struct growth_pending){0};
    return added;
}

// A pair that was read. Those before it with a smaller token are in from now on.
static enum status take(struct growth *growth, const struct ledger *ledger,
                        struct trees_partition *trees, struct bytes engine_key, struct bytes value,
                        struct fault *fault)
{
    struct engine_key parts;
    enum status status = pair_decode(&growth->record, engine_key, value, &parts, fault);
    if (status)
        return status;
    if (parts.token != trees->next_token) {
        take_pending(growth, ledger, trees);
        trees->next_token = parts.token;
    }
    struct growth_pending *one = add_pending(growth);
    one->keyspace = parts.keyspace;
    leaf_delta_add(&one->delta, &growth->record, hash64(engine_key));
    return STATUS_OK;
}

// OK: there is more. BUSY: also, and the disk has to read it first. END: it is whole.
static enum status read_piece(struct growth *growth, const struct ledger *ledger,
                              struct trees_partition *trees, struct lsm_scan *scan,
                              struct fault *fault)
{
    struct bytes key, value;
    bool must_read = growth->wait.miss_count >= PARKED_MISSES_MAX;
    uint64_t begin = trees->next_token;
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < STEP_RECORDS; i++) {
        if (must_read && trees->next_token == begin)
            status = lsm_scan_next(scan, &key, &value, fault);
        else
            status = lsm_scan_try_next(scan, &key, &value, &growth->wait.position, fault);
        if (!status)
            status = take(growth, ledger, trees, key, value, fault);
        // One token may be that of more records than a piece has.
        i -= i == STEP_RECORDS - 1 && trees->next_token == begin;
    }
    if (status == STATUS_END)
        take_pending(growth, ledger, trees);
    growth->pending_count = 0; // they are read again
    growth->wait.miss_count =
        status == STATUS_BUSY && trees->next_token == begin ? growth->wait.miss_count + 1 : 0;
    return status;
}

static enum status read_on(struct growth *growth, const struct ledger *ledger,
                           struct trees_partition *trees, struct lsm *lsm, struct fault *fault)
{
    engine_key_range(ledger->partition_count, growth->waiting[0], &growth->from, &growth->to);
    buf_clear(&growth->from);
    for (unsigned shift = 64; shift; shift -= 8)
        buf_append_u8(&growth->from, (uint8_t)(trees->next_token >> (shift - 8)));
    struct lsm_scan *scan = lsm_scan_open(lsm, buf_bytes(&growth->from), buf_bytes(&growth->to));
    enum status status = read_piece(growth, ledger, trees, scan, fault);
    lsm_scan_close(scan);
    return status;
}

// Goes on behind the leaf that cannot be read. False: that was the last one.
static bool pass_over(const struct ledger *ledger, uint32_t partition,
                      struct trees_partition *trees)
{
    unsigned bits = (unsigned)__builtin_ctz(ledger->partition_count);
    unsigned shift = 64 - bits - TREE_LEVEL_MAX;
    uint64_t next = ((trees->next_token >> shift) + 1) << shift;
    if (!next || ring_partition_of(ledger->partition_count, next) != partition)
        return false;
    trees->next_token = next;
    return true;
}

static void end(struct growth *growth)
{
    growth->count--;
    memmove(growth->waiting, growth->waiting + 1, growth->count * sizeof *growth->waiting);
    growth->wait = (struct parked_wait){0};
    growth->is_begun = false;
}

static enum status fail(struct growth *growth, struct ledger *ledger, enum status status,
                        const struct fault *fault)
{
    uint32_t partition = growth->waiting[0];
    growth->last = (struct growth_failure){partition, status, *fault};
    growth->has_failed = true;
    growth->failed_count++;
    trees_forget(&ledger->trees, partition);
    end(growth);
    return status;
}

enum status growth_step(struct growth *growth, struct ledger *ledger, struct lsm *lsm,
                        struct fault *fault)
{
    uint32_t partition = growth->waiting[0];
    struct trees_partition *trees =
        growth->is_begun ? trees_find(&ledger->trees, partition) : begin(ledger, partition);
    growth->is_begun = true;
    enum status status = read_on(growth, ledger, trees, lsm, fault);
    if (!status || status == STATUS_BUSY || status == STATUS_EXHAUSTED)
        return STATUS_OK;
    if (status == STATUS_CORRUPT && is_lost(ledger, partition))
        status = pass_over(ledger, partition, trees) ? STATUS_OK : STATUS_END;
    if (!status)
        return STATUS_OK;
    if (status == STATUS_END)
        status = check_roots(growth, ledger, partition, fault);
    if (status == STATUS_CHECK_FAILED)
        return status;
    if (status)
        return fail(growth, ledger, status, fault);
    growth_end(growth, ledger);
    return STATUS_OK;
}

void growth_end(struct growth *growth, struct ledger *ledger)
{
    trees_find(&ledger->trees, growth->waiting[0])->is_whole = true;
    end(growth);
}
