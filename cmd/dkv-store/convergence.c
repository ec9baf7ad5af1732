#include "dkv-store/convergence.h"

#include "dkv-store/access.h"
#include "dkv-store/frame.h"
#include "dkv-store/joining.h"
#include "dkv-store/loss.h"
#include "dkv-store/purging.h"
#include "dkv-store/reading.h"
#include "dkv-store/trash.h"

enum { YOUNG_MS = 10 * 1000 };

static struct ledger_place place_of(const struct ledger_shard *shard)
{
    return (struct ledger_place){shard->keyspace, shard->partition};
}

static uint32_t own_process(const struct store *store)
{
    return actor_process(store->ledger.actor);
}

// ---- Openings ----------------------------------------------------------------------------

enum status convergence_open(struct store *store, uint32_t keyspace, uint32_t partition,
                             uint16_t number, struct opening *opening)
{
    const struct ledger_shard *shard = frame_shard(store, keyspace, partition);
    struct actor peer = {.node = number, .kind = ACTOR_STORE, .start = 1};
    if (!shard)
        return ring_keyspace(store->ring, keyspace) ? STATUS_NOT_OWNER : STATUS_INVALID;
    *opening = (struct opening){
        .actor = store->ledger.actor,
        .position = store->ledger.lives.position,
        .losses = store->ledger.lives.losses,
        .is_lost = shard->is_lost,
        .seen = &shard->seen,
        .horizon = &shard->horizon,
        .live_count = shard->live_count,
        .gone_count = shard->gone_count,
        .live_root = shard->live_root,
        .deleted_root = shard->deleted_root,
    };
    convergence_heard(store, actor_process(actor_make(peer)), &opening->heard_start,
                      &opening->heard_position);
    return STATUS_OK;
}

bool convergence_heard(const struct store *store, uint32_t process, uint32_t *start,
                       uint64_t *position)
{
    const struct heard *heard = lives_heard(&store->ledger.lives, process);
    *start = heard ? heard->start : 0;
    *position = heard ? heard->position : 0;
    return heard;
}

static enum status write_heard(struct store *store, uint64_t actor, uint64_t position,
                               struct moment now)
{
    if (!lives_is_news(&store->ledger.lives, actor, position))
        return STATUS_OK;
    frame_begin(store);
    ledger_notes_heard(actor, position, &store->frame.note);
    return frame_write(store, now);
}

// What a peer last heard of this store, which it does not know itself.
static enum status lose_all(struct store *store, uint32_t start, uint64_t position,
                            struct moment now)
{
    struct fault why;
    fault_set(&why, STATUS_OK,
              "%s: a peer has heard of more than is here (start %u, frame %llu): this data was "
              "wiped, or is an older state of it",
              store->options.lsm.dir, start, (unsigned long long)position);
    loss_found_everywhere(store, why.text);
    enum status status = loss_settle(store, now);
    if (status)
        return status;
    status = write_heard(store, actor_first(own_process(store), start), position, now);
    return status ? status : STATUS_STALE;
}

// It has just begun, with a clock that is behind, and somebody knows of a later start: most likely
// its data was wiped or put back, so it goes on as a younger one still. If there is another
// process, that one hears of it now.
static enum status overtake(struct store *store, uint32_t start, uint64_t position,
                            struct moment now)
{
    enum status status = write_heard(store, actor_first(own_process(store), start), 0, now);
    return status ? status : lose_all(store, start, position, now);
}

// Notes the start of the other process, so that its own next one is later.
static enum status stop(struct store *store, uint32_t start, struct moment now)
{
    fault_set(&store->twin, STATUS_REFUSED,
              "%s: another process has the identity of this node, and is younger (start %u, this "
              "is start %u); if there is none, the data was put aside or the clock set back: start "
              "again, that start will be the youngest",
              store->options.lsm.dir, start, store->ledger.lives.start);
    enum status status = write_heard(store, actor_first(own_process(store), start), 0, now);
    return status ? status : STATUS_REFUSED;
}

enum status convergence_hear(struct store *store, uint64_t actor, uint64_t position,
                             uint32_t heard_start, uint64_t heard_position, struct moment now)
{
    enum status status = loss_settle(store, now);
    if (status)
        return status;
    switch (lives_judge(&store->ledger.lives, own_process(store), heard_start, heard_position)) {
    case LIVES_LOST:
        return lose_all(store, heard_start, heard_position, now);
    case LIVES_YOUNGER:
        return now.mono_ms < store->opened_ms + YOUNG_MS
                   ? overtake(store, heard_start, heard_position, now)
                   : stop(store, heard_start, now);
    default:
        return write_heard(store, actor, position, now);
    }
}

// Told of a horizon that this copy does not reach: it has known all of that.
static enum status lose_shard(struct store *store, const struct ledger_shard *shard,
                              uint16_t number, struct moment now)
{
    struct fault why;
    fault_set(
        &why, STATUS_OK,
        "%s: node number %u says that this copy of keyspace %u in partition %u has known more "
        "than is here: it is an older state of it",
        store->options.lsm.dir, number, shard->keyspace, shard->partition);
    loss_found_in_shard(store, shard->keyspace, shard->partition, why.text);
    enum status status = loss_settle(store, now);
    return status ? status : STATUS_STALE;
}

static void begin_round(struct stability_peer *peer, const struct opening *theirs)
{
    peer->is_pulling = true;
    peer->is_left_out = peer->is_complete = false;
    peer->is_lost = theirs->is_lost;
    peer->losses = theirs->losses;
    peer->actor = theirs->actor;
    seen_copy(&peer->seen, theirs->seen);
    seen_copy(&peer->horizon, theirs->horizon);
}

enum status convergence_meet(struct store *store, uint32_t keyspace, uint32_t partition,
                             const struct opening *theirs, bool is_pulling, struct moment now)
{
    struct ledger_shard *shard = frame_shard(store, keyspace, partition);
    uint16_t number = actor_parse(theirs->actor).node;
    struct stability_peer *peer = shard ? stability_peer(&shard->stability, number) : NULL;
    if (!peer)
        return shard ? STATUS_INVALID : STATUS_NOT_OWNER;
    enum status status = convergence_hear(store, theirs->actor, theirs->position,
                                          theirs->heard_start, theirs->heard_position, now);
    if (status)
        return status;
    bool is_reached = seen_includes(&shard->seen, theirs->horizon);
    if (!shard->is_lost && !is_reached)
        return lose_shard(store, shard, number, now);
    if (!shard->is_lost)
        status = purging_raise(store, shard, theirs->horizon, now);
    else if (!theirs->is_lost)
        seen_join(&shard->stability.told, theirs->horizon);
    if (status)
        return status;
    stability_tell(&shard->stability, peer, theirs->seen, theirs->is_lost);
    if (is_pulling)
        begin_round(peer, theirs);
    purging_look_at(store, shard, now);
    return STATUS_OK;
}

// ---- Keys --------------------------------------------------------------------------------

static void keep_zombies(struct store *store, const struct holding *holding)
{
    for (uint32_t i = 0; i < store->resolution.returned; i++)
        stability_add_zombie(&holding->shard->stability, store->resolution.zombies[i],
                             holding->token, holding->key);
}

enum status convergence_reconcile(struct store *store, struct holding *holding, struct bytes record,
                                  uint64_t actor, struct moment now, enum reconciled *reconciled)
{
    enum status status = loss_settle(store, now);
    if (status)
        return status;
    holding_begin(holding, &store->ledger);
    struct stability_peer *peer =
        stability_peer(&holding->shard->stability, actor_parse(actor).node);
    struct change *change = &store->change;
    if (!peer || !peer->is_pulling || peer->actor != actor)
        return STATUS_STALE;
    struct reconcile theirs = {
        .record = record, .seen = &peer->seen, .horizon = &peer->horizon, .is_lost = peer->is_lost};
    struct replica replica = reading_replica(store, holding, now);
    status = reconcile_record(&replica, &theirs, change, &store->resolution);
    if (!status && change->must_fetch) {
        *reconciled = RECONCILE_FETCH;
        return STATUS_OK;
    }
    access_note_change(store, holding, change);
    if (!status)
        status = access_write(store, holding, change, now);
    if (status)
        return status;
    peer->is_left_out |= store->resolution.is_left_out;
    keep_zombies(store, holding);
    *reconciled = store->resolution.is_left_out ? RECONCILE_LEFT_OUT : RECONCILED;
    return STATUS_OK;
}

// ---- Adoption ----------------------------------------------------------------------------

static bool knows_all(const struct seen *seen, const struct seen *other)
{
    struct seen both = {0};
    seen_copy(&both, seen);
    seen_join(&both, other);
    bool is_all = seen_hash(&both) == seen_hash(seen);
    seen_release(&both);
    return is_all;
}

static enum status adopt(struct store *store, struct ledger_shard *shard,
                         const struct stability_peer *peer, struct moment now)
{
    if (!knows_all(&shard->seen, &peer->seen)) {
        frame_begin(store);
        ledger_notes_adoption(place_of(shard), &peer->seen, &store->frame.note);
        enum status status = frame_write(store, now);
        if (status)
            return status;
    }
    purging_look_at(store, shard, now);
    return STATUS_OK;
}

static bool is_complete(const struct stability *stability)
{
    uint32_t i = 0;
    while (i < stability->peer_count && stability->peers[i].is_complete)
        i++;
    return i == stability->peer_count;
}

// Every other owner was pulled from: all that they knew is known, and what they purged goes.
static enum status make_whole(struct store *store, struct ledger_shard *shard, struct moment now)
{
    struct seen seen = {0}, horizon = {0};
    enum status status = trash_zombies(store, shard, now);
    for (uint32_t i = 0; i < shard->stability.peer_count; i++) {
        seen_join(&seen, &shard->stability.peers[i].seen);
        seen_join(&horizon, &shard->stability.peers[i].horizon);
    }
    if (!status) {
        ledger_notes_whole(place_of(shard), &seen, &horizon, &store->frame.note);
        status = frame_write(store, now);
    }
    seen_release(&seen);
    seen_release(&horizon);
    return status;
}

// Whether this copy knows all that the owner does now, or will when it has adopted.
static bool has_caught_up(const struct ledger_shard *shard, const struct stability_peer *peer,
                          const struct seen *theirs)
{
    struct seen known = {0};
    seen_copy(&known, &shard->seen);
    seen_join(&known, &peer->seen);
    bool has = knows_all(&known, theirs);
    seen_release(&known);
    return has;
}

enum status convergence_adopt(struct store *store, uint32_t keyspace, uint32_t partition,
                              const struct opening *again, struct moment now)
{
    enum status status = loss_settle(store, now);
    if (status)
        return status;
    struct ledger_shard *shard = frame_shard(store, keyspace, partition);
    struct stability_peer *peer =
        shard ? stability_peer(&shard->stability, actor_parse(again->actor).node) : NULL;
    if (!peer || !peer->is_pulling)
        return STATUS_STALE;
    bool is_same = peer->actor == again->actor && peer->losses == again->losses;
    if (!is_same || peer->is_left_out) {
        peer->is_pulling = false;
        return is_same ? STATUS_CHECK_FAILED : STATUS_STALE;
    }
    if (!has_caught_up(shard, peer, again->seen))
        return STATUS_BUSY;
    if (!shard->is_lost)
        status = adopt(store, shard, peer, now);
    peer->is_complete = peer->is_heard = true;
    if (shard->is_lost && is_complete(&shard->stability))
        status = make_whole(store, shard, now);
    peer->is_pulling &= status != STATUS_OK;
    return status;
}

enum status convergence_accept_loss(struct store *store, uint32_t keyspace, uint32_t partition,
                                    struct moment now)
{
    static const struct seen nothing;
    struct ledger_shard *shard = frame_shard(store, keyspace, partition);
    if (!shard)
        return STATUS_NOT_OWNER;
    if (!shard->is_lost)
        return STATUS_OK;
    if (joining_has(store, keyspace, partition))
        return STATUS_REFUSED; // the other owners may be about to let go of theirs
    frame_begin(store);
    ledger_notes_whole(place_of(shard), &nothing, &nothing, &store->frame.note);
    return frame_write(store, now);
}

// ---- Ends of starts ----------------------------------------------------------------------

static bool is_member(const struct ring *ring, uint32_t process)
{
    uint32_t i = 0;
    while (i < ring->node_count && ring->nodes[i].number != process >> 1)
        i++;
    return i < ring->node_count;
}

// The start of this process up to which all ended long enough ago; 0: none did.
static uint32_t ended_start(const struct store *store, const struct ledger_shard *shard,
                            uint32_t process, struct moment now)
{
    uint64_t wait_ms = store->options.close_after_ms;
    const struct heard *heard = lives_heard(&store->ledger.lives, process);
    if (process == own_process(store))
        return now.mono_ms - store->opened_ms >= wait_ms ? store->ledger.lives.start - 1 : 0;
    if (!is_member(store->ring, process))
        return now.mono_ms - store->ring_ms >= wait_ms ? seen_last_start(&shard->seen, process) : 0;
    return heard && now.mono_ms - heard->since_ms >= wait_ms ? heard->start - 1 : 0;
}

// The next process from *position on that the shard may have dots of: this store, those heard of,
// and those in what it knows.
static bool next_process(const struct store *store, const struct ledger_shard *shard,
                         size_t *position, uint32_t *process)
{
    const struct lives *lives = &store->ledger.lives;
    const struct clock *dots = &shard->seen.dots;
    size_t at = (*position)++;
    if (at == 0)
        *process = own_process(store);
    else if (at - 1 < lives->heard_count)
        *process = lives->heard[at - 1].process;
    else if (at - 1 - lives->heard_count < dots->count)
        *process = actor_process(dots->intervals[at - 1 - lives->heard_count].actor);
    else
        return false;
    return true;
}

bool convergence_next_ending(struct store *store, uint32_t keyspace, uint32_t partition,
                             struct moment now, size_t *position, struct convergence_ending *ending)
{
    const struct ledger_shard *shard = frame_shard(store, keyspace, partition);
    if (!shard || shard->is_lost)
        return false;
    bool is_empty = !shard->live_count && !shard->gone_count && !shard->seen.dots.count;
    uint32_t process;
    while (!is_empty && next_process(store, shard, position, &process)) {
        uint32_t start = ended_start(store, shard, process, now);
        *ending = (struct convergence_ending){process, start};
        if (start > seen_closed(&shard->seen, process))
            return true;
    }
    return false;
}

enum status convergence_close(struct store *store, uint32_t keyspace, uint32_t partition,
                              const struct convergence_ending *ending, struct moment now)
{
    enum status status = loss_settle(store, now);
    if (status)
        return status;
    struct ledger_shard *shard = frame_shard(store, keyspace, partition);
    if (!shard)
        return STATUS_NOT_OWNER;
    if (shard->is_lost || ended_start(store, shard, ending->process, now) < ending->start)
        return STATUS_REFUSED;
    if (ending->start <= seen_closed(&shard->seen, ending->process))
        return STATUS_OK;
    frame_begin(store);
    ledger_notes_closing(place_of(shard), ending->process, ending->start, &store->frame.note);
    return frame_write(store, now);
}
