#include "dkv-store/replica_inside.h"

#include "base/hash.h"
#include "dkv-store/superseded.h"
#include "ring/engine_key.h"

static bool is_owner(const struct store *store, uint32_t partition,
                     const struct ring_keyspace *keyspace)
{
    uint16_t owners[RING_OWNERS_MAX];
    uint32_t count = ring_owners(store->ring, partition, keyspace, owners);
    for (uint32_t i = 0; i < count; i++) {
        if (owners[i] == store->node_index)
            return true;
    }
    return false;
}

enum status replica_locate(struct store *store, uint32_t keyspace_id, struct bytes key,
                           struct place *place)
{
    const struct ring_keyspace *keyspace = ring_keyspace(store->ring, keyspace_id);
    if (!keyspace || key.size < 1 || key.size > RECORD_KEY_SIZE_MAX)
        return STATUS_INVALID;
    uint64_t token = ring_token(keyspace_id, key);
    uint32_t partition = ring_partition(store->ring, token);
    if (!is_owner(store, partition, keyspace))
        return STATUS_NOT_OWNER;
    buf_clear(&store->key);
    engine_key_encode(&(struct engine_key){token, keyspace_id, key}, &store->key);
    *place = (struct place){
        .keyspace = keyspace_id,
        .partition = partition,
        .conflict = keyspace->conflict,
        .key = key,
        .token = token,
        .engine_key = buf_bytes(&store->key),
        .hash = hash64(buf_bytes(&store->key)),
    };
    return STATUS_OK;
}

static enum status read_bytes(struct store *store, struct bytes key, struct fault *fault)
{
    if (parked_must_read(&store->wait))
        return lsm_get(store->lsm, key, &store->local_bytes, fault);
    enum status status =
        lsm_try_get(store->lsm, key, &store->local_bytes, &store->wait.position, fault);
    store->wait.miss_count += status == STATUS_BUSY;
    return status;
}

enum status replica_read(struct store *store, const struct place *place, struct fault *fault)
{
    record_clear(&store->local);
    enum status status = read_bytes(store, place->engine_key, fault);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status)
        return status;
    if (record_decode(&store->local, place->key, buf_bytes(&store->local_bytes)))
        return fault_set(fault, STATUS_CORRUPT, "%s: a record fails its checksum",
                         store->options.lsm.dir);
    return STATUS_OK;
}

void replica_begin(struct store *store, struct place *place)
{
    place->shard = ledger_shard(&store->ledger, place->keyspace, place->partition);
}

enum find_state replica_find(const struct store *store, const struct place *place,
                             const struct request_id *request, struct dot *dot)
{
    if (record_is_empty(&store->local) || request_id_is_none(request))
        return 0;
    const struct sibling *sibling = record_find_request(&store->local, request);
    if (sibling) {
        *dot = sibling->dot;
        return FIND_LIVE;
    }
    return superseded_find(store, place, request, dot);
}

enum status replica_find_or_fence(struct store *store, const struct place *place,
                                  const struct op_find *find, struct moment now,
                                  struct op_found *found)
{
    found->state = (uint8_t)replica_find(store, place, &find->request, &found->dot);
    if (found->state)
        return STATUS_OK;
    struct request_id bound = superseded_bind(place, &find->request);
    return fences_put(&store->fences, &bound, find->try, now.mono_ms) ? STATUS_NOT_FOUND
                                                                      : STATUS_BUSY;
}

bool replica_is_forged(struct store *store, const struct place *place, const struct clock *clock)
{
    uint64_t high = clock_high(clock, store->ledger.actor);
    uint64_t counter = place->shard->counter;
    if (high <= counter)
        return false;
    store->counts.forged++;
    fault_set(&store->forged, STATUS_INVALID,
              "a clock of keyspace %u, key %016llx, names the write %llu of this store, which made "
              "%llu there",
              place->keyspace, (unsigned long long)place->token, (unsigned long long)high,
              (unsigned long long)counter);
    return true;
}

void replica_learn_hlc(struct store *store, uint64_t hlc, struct moment now)
{
    uint64_t limit = (now.wall_ms + store->options.clock_refuse_ms) << 16 | 0xffff;
    uint64_t believed = hlc < limit ? hlc : limit;
    if (store->hlc_last < believed)
        store->hlc_last = believed;
}

enum status replica_write(struct store *store, const struct place *place, struct bytes encoded,
                          struct ledger_entry *entry)
{
    entry->keyspace = place->keyspace;
    entry->token = place->token;
    entry->superseded = store->superseded.items;
    entry->superseded_count = store->superseded.count;
    buf_clear(&store->note);
    ledger_note(entry, &store->note);
    lsm_batch_clear(&store->batch);
    if (encoded.size)
        lsm_batch_put(&store->batch, place->engine_key, encoded);
    lsm_batch_note(&store->batch, buf_bytes(&store->note));
    uint64_t position;
    enum status status = lsm_write(store->lsm, &store->batch, &position);
    store->counts.stalled += status == STATUS_BUSY;
    if (!status)
        ledger_apply(&store->ledger, entry);
    return status;
}
