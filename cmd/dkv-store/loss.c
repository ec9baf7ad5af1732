#include "dkv-store/loss.h"

#include "base/hash.h"
#include "base/xalloc.h"
#include "dkv-store/frame.h"

#include <stdlib.h>

static void note(struct store *store, const char *why)
{
    if (!store->loss.is_due || store->loss.is_given)
        fault_set(&store->loss.fault, STATUS_CORRUPT, "%s", why);
    store->loss.is_due = true;
    store->loss.is_given = false;
}

// Does nothing if it is lost already: the rounds that it waits for bring that back, too. One
// without other owners is told of once a life.
void loss_found_in_shard(struct store *store, uint32_t keyspace, uint32_t partition,
                         const char *why)
{
    struct ledger_shard *shard = frame_shard(store, keyspace, partition);
    if (!shard || shard->is_lost || (!shard->stability.peer_count && shard->was_alone))
        return;
    shard->stability.must_lose = true;
    note(store, why);
}

void loss_of_given_shard(struct store *store, uint32_t keyspace, uint32_t partition)
{
    struct ledger_shard *shard = frame_shard(store, keyspace, partition);
    if (!shard || shard->is_lost)
        return;
    shard->stability.must_lose = true;
    store->loss.is_given |= !store->loss.is_due;
    store->loss.is_due = true;
}

// What the trees say may not be there any more.
void loss_found(struct store *store, uint32_t partition, const char *why)
{
    growth_forget(&store->growth, &store->ledger, partition);
    for (uint32_t i = 0; i < store->ring->keyspace_count; i++)
        loss_found_in_shard(store, store->ring->keyspaces[i].id, partition, why);
}

void loss_of_block(struct store *store, uint32_t partition)
{
    static const char why[] = "a damaged block";
    loss_found(store, partition, why);
    for (uint32_t i = 0; i < store->ring->keyspace_count; i++) {
        struct ledger_shard *shard = frame_shard(store, store->ring->keyspaces[i].id, partition);
        if (!shard || !shard->is_lost)
            continue;
        shard->stability.must_lose = true;
        note(store, why);
    }
}

void loss_found_everywhere(struct store *store, const char *why)
{
    for (uint32_t partition = 0; partition < store->ring->partition_count; partition++)
        loss_found(store, partition, why);
}

// Notes all shards that are concerned; those without other owners are whole again at once.
static void add_notes(struct store *store, uint64_t actor)
{
    static const struct seen nothing;
    struct ledger *ledger = &store->ledger;
    struct ledger_place *places = xmalloc((ledger->shards.count + 1) * sizeof *places);
    size_t count = 0;
    struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(ledger, &at));) {
        if (shard->stability.must_lose)
            places[count++] = (struct ledger_place){shard->keyspace, shard->partition};
    }
    ledger_notes_loss(actor, places, count, &store->frame.note);
    for (size_t i = 0; i < count; i++) {
        shard = ledger_shard(ledger, places[i].keyspace, places[i].partition);
        if (shard->stability.peer_count)
            continue;
        shard->was_alone = true;
        ledger_notes_whole(places[i], &nothing, &nothing, &store->frame.note);
    }
    free(places);
}

static void clear_marks(struct store *store)
{
    struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(&store->ledger, &at));)
        shard->stability.must_lose = false;
    store->loss.is_due = store->loss.is_given = false;
}

enum status loss_settle(struct store *store, struct moment now)
{
    if (!store->loss.is_due)
        return STATUS_OK;
    struct actor actor = actor_parse(store->ledger.actor);
    uint32_t process = actor_process(store->ledger.actor);
    actor.start = actor_start_after(now.wall_ms, ledger_last_start(&store->ledger, process));
    actor.random = (uint16_t)hash_mix(store->options.boot, actor.start);
    if (!actor.start)
        return STATUS_INVALID;
    frame_begin(store);
    add_notes(store, actor_make(actor));
    enum status status = frame_write(store, now);
    if (status)
        return status;
    *(store->loss.is_given ? &store->counts.given : &store->counts.losses) += 1;
    clear_marks(store);
    store->loss.mark = lsm_written(store->lsm);
    store->remembers_from_ms = now.mono_ms; // what was lost may have been known by its record alone
    return STATUS_OK;
}
