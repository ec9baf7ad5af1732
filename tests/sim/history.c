#include "sim/history.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>

void history_init(struct history *history, struct world *world)
{
    *history = (struct history){.world = world, .salt = random_u64(&world->random)};
}

void history_release(struct history *history)
{
    for (uint32_t i = 0; i < history->key_count; i++) {
        struct history_key *key = &history->keys[i];
        for (uint32_t m = 0; m < key->mint_count; m++) {
            free(key->mints[m].superseders);
            clock_release(&key->mints[m].made);
        }
        free(key->mints);
    }
    for (uint32_t i = 0; i < history->act_count; i++)
        free(history->acts[i]);
    free(history->acts);
}

void history_add_key(struct history *history, const struct ring *ring,
                     const struct ring_keyspace *keyspace, const char *name)
{
    struct history_key *key = &history->keys[history->key_count++];
    *key = (struct history_key){.keyspace = keyspace->id,
                                .keyspace_name = keyspace->name,
                                .is_lww = keyspace->conflict == RING_CONFLICT_LWW};
    snprintf(key->name, sizeof key->name, "%s", name);
    key->partition = ring_partition(ring, ring_token(keyspace->id, bytes_of_text(key->name)));
    key->n = ring_owners(ring, key->partition, keyspace, key->owners);
    key->who = level_owners_of(ring, key->owners, key->n);
    key->read_level = keyspace->r;
}

struct bytes history_key_bytes(const struct history *history, uint32_t key)
{
    return bytes_of_text(history->keys[key].name);
}

int history_find_key(const struct history *history, uint32_t keyspace, struct bytes name)
{
    for (uint32_t i = 0; i < history->key_count; i++) {
        if (history->keys[i].keyspace == keyspace &&
            bytes_equal(history_key_bytes(history, i), name))
            return (int)i;
    }
    return -1;
}

// ---- operations ----------------------------------------------------------------------

struct act *history_begin(struct history *history, enum act_kind kind, uint32_t key)
{
    if (history->act_count == history->act_capacity) {
        history->act_capacity = history->act_capacity ? 2 * history->act_capacity : 256;
        history->acts = xrealloc(history->acts, history->act_capacity * sizeof(struct act *));
    }
    struct act *act = xcalloc(1, sizeof *act);
    *act = (struct act){.number = history->act_count + 1,
                        .names = history->act_count + 1,
                        .key = key,
                        .kind = kind,
                        .begin_us = history->world->now_us};
    history->acts[history->act_count++] = act;
    return act;
}

struct act *history_act(const struct history *history, uint64_t number)
{
    return number && number <= history->act_count ? history->acts[number - 1] : NULL;
}

struct act *history_act_of(const struct history *history, const struct request_id *request)
{
    if (load_u64(request->bytes + 8) != history->salt)
        return NULL;
    return history_act(history, load_u64(request->bytes));
}

struct request_id history_request(const struct history *history, const struct act *act)
{
    struct request_id request;
    store_u64(request.bytes, act->number);
    store_u64(request.bytes + 8, history->salt);
    return request;
}

void history_value(const struct act *act, struct buf *value)
{
    buf_clear(value);
    if (act->kind == ACT_DELETE)
        return;
    buf_printf(value, "value of operation %u ", act->number);
    for (uint64_t i = 0; value->size < act->value_size; i++)
        buf_append_u64(value, hash_mix(act->number, i));
}

static uint32_t owner_set_of(const struct history_key *key, uint32_t node)
{
    for (uint32_t i = 0; i < key->n; i++) {
        if (key->owners[i] == node)
            return 1u << i;
    }
    return 0;
}

void history_on_disk_lost(struct history *history, uint32_t node, uint64_t since_us)
{
    for (uint32_t i = 0; i < history->act_count; i++) {
        struct act *act = history->acts[i];
        if (!act->end_us || act->end_us >= since_us)
            act->lost |= owner_set_of(&history->keys[act->key], node);
    }
}

static int find_mint(const struct history_key *key, struct dot dot)
{
    for (uint32_t i = 0; i < key->mint_count; i++) {
        if (dot_equal(key->mints[i].dot, dot))
            return (int)i;
    }
    return -1;
}

// Whether the clock covers the write, by any of its tries, or what superseded it.
static bool accounts_for(struct history *history, const struct history_key *key,
                         const struct clock *clock, uint32_t number)
{
    struct act *act = history_act(history, number);
    bool does = false;
    if (act->mark == history->mark)
        return false; // it was looked at
    act->mark = history->mark;
    for (uint32_t i = 0; !does && i < key->mint_count; i++) {
        const struct mint *mint = &key->mints[i];
        if (mint->act != number)
            continue;
        does = clock_covers(clock, mint->dot);
        for (uint32_t j = 0; !does && j < mint->superseder_count; j++)
            does = accounts_for(history, key, clock, key->mints[mint->superseders[j]].act);
    }
    return does;
}

// In lww keyspaces it, or one that was written at the same time, has to be greater.
static bool wins_over(struct history *history, const struct history_key *key, uint32_t mint,
                      uint32_t before, uint64_t before_end_us)
{
    history->mark++;
    bool wins = accounts_for(history, key, &key->mints[mint].made, key->mints[before].act);
    for (uint32_t i = 0; key->is_lww && !wins && i < key->mint_count; i++)
        wins = history_act(history, key->mints[i].act)->begin_us > before_end_us &&
               key->mints[i].hlc > key->mints[before].hlc;
    return wins;
}

// Whether a blind put must have heard of one that was answered before: by those that acknowledged
// it, or, where it does not do with fewer, by R.
static bool must_have_met(const struct history_key *key, const struct act *act,
                          const struct act *before)
{
    return levels_meet(&key->who, before->level, act->level, before->lost) ||
           ((act->flags & PUT_STRICT) &&
            levels_meet(&key->who, before->level, key->read_level, before->lost));
}

static void check_validated(struct history *history, const struct act *act)
{
    const struct history_key *key = &history->keys[act->key];
    int index = find_mint(key, act->dot);
    // What was superseded before the answer has nothing to cover any more.
    if (index < 0 || key->mints[index].superseder_count)
        return;
    for (uint32_t i = 0; i < history->act_count && !history->world->failed; i++) {
        const struct act *before = history->acts[i];
        if (before->key == act->key && before->kind <= ACT_DELETE && before->status == STATUS_OK &&
            before->end_us && before->end_us < act->begin_us && must_have_met(key, act, before) &&
            find_mint(key, before->dot) >= 0 &&
            !wins_over(history, key, (uint32_t)index, (uint32_t)find_mint(key, before->dot),
                       before->end_us))
            world_fail(history->world,
                       "%s: blind put %u has not seen put %u, which was answered before it began",
                       key->name, act->number, before->number);
    }
}

void history_end(struct history *history, struct act *act, enum status status, struct dot dot)
{
    static const char *const kinds[] = {"put", "delete", "get", "scan"};
    struct world *world = history->world;
    act->end_us = world->now_us;
    act->status = status;
    act->dot = dot;
    world_trace(world, status);
    world_note(world, "%s %u of %s ends: %s", kinds[act->kind], act->number,
               history->keys[act->key].name, status_text(status));
    world_sometimes(world, SOMETIMES_GET_TIMEOUT, act->kind == ACT_GET && status == STATUS_TIMEOUT);
    if (act->kind > ACT_DELETE)
        return;
    world_sometimes(world, SOMETIMES_INDETERMINATE, status == STATUS_INDETERMINATE);
    world_sometimes(world, SOMETIMES_UNAVAILABLE, status == STATUS_UNAVAILABLE);
    world_sometimes(world, SOMETIMES_NOT_WRITTEN_BY_DISK, status == STATUS_DISK_FULL);
    world_sometimes(world, SOMETIMES_FOUND,
                    status == STATUS_OK && act->is_retried && act->mint_count == 1);
    if (status == STATUS_OK && act->is_blind)
        check_validated(history, act);
}

// ---- the model -----------------------------------------------------------------------

// Did a write that the clock covers supersede this one?
static bool is_superseded(const struct history_key *key, const struct clock *clock,
                          const struct mint *mint)
{
    for (uint32_t i = 0; i < mint->superseder_count; i++) {
        if (clock_covers(clock, key->mints[mint->superseders[i]].dot))
            return true;
    }
    return false;
}

static void supersede(struct history_key *key, uint32_t old, uint32_t new)
{
    struct mint *mint = &key->mints[old];
    mint->superseders =
        xrealloc(mint->superseders, (mint->superseder_count + 1) * sizeof *mint->superseders);
    mint->superseders[mint->superseder_count++] = new;
}

// The dot must be new, and its sibling the write that was asked for.
static struct mint *add_mint(struct history *history, uint32_t index, const struct sibling *sibling)
{
    struct history_key *key = &history->keys[index];
    struct act *act = history_act_of(history, &sibling->request);
    if (!act || act->key != index) {
        world_fail(history->world, "%s: a store minted a write that nobody asked for", key->name);
        return NULL;
    }
    if (key->mint_count == key->mint_capacity) {
        key->mint_capacity = key->mint_capacity ? 2 * key->mint_capacity : 32;
        key->mints = xrealloc(key->mints, key->mint_capacity * sizeof *key->mints);
    }
    act->mint_count++;
    world_sometimes(history->world, SOMETIMES_MINTED_TWICE, act->mint_count == 2);
    struct mint *mint = &key->mints[key->mint_count++];
    *mint = (struct mint){.dot = sibling->dot,
                          .act = act->number,
                          .hlc = sibling->hlc,
                          .is_tombstone = sibling->flags & SIBLING_TOMBSTONE};
    world_note(history->world, "%s: operation %u becomes %llx@%llu", key->name, act->number,
               (unsigned long long)mint->dot.actor, (unsigned long long)mint->dot.counter);
    return mint;
}

// lww: whether a greater one is covered, too. Then this one was gone before.
static bool was_beaten(const struct history_key *key, const struct clock *clock,
                       const struct mint *mint)
{
    for (uint32_t i = 0; key->is_lww && i < key->mint_count; i++) {
        if (key->mints[i].hlc > mint->hlc && clock_covers(clock, key->mints[i].dot))
            return true;
    }
    return false;
}

// ---- tries -----------------------------------------------------------------------------

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
    if (message_header_decode(&header, message, &body))
        return;
    for (unsigned i = 0; i < header.count; i++) {
        if (header.type == MESSAGE_PUT && !op_decode_put(&put, &body))
            note_put(history, &put);
        else if (header.type == MESSAGE_UPDATE && !op_decode_update(&update, &body))
            note_update(history, &update);
    }
}

void history_on_found(struct history *history, const struct request_id *request, uint64_t try)
{
    struct act_try *at = find_try(history_act_of(history, request), try);
    if (at)
        at->was_found = true;
}

// A first dot of a try, not one that covers what the first has met.
static void check_try(struct history *history, struct act *act, const struct op_update *update)
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

// Of two mints of one request the last mint superseded one; it may have superseded the other, too.
static void widen(struct history_key *key, const struct record *made)
{
    uint32_t last = key->mint_count - 1;
    for (uint32_t i = 0; i < last; i++) {
        const struct mint *one = &key->mints[i];
        if (!one->superseder_count || one->superseders[one->superseder_count - 1] != last)
            continue;
        for (uint32_t j = 0; j < last; j++) {
            const struct mint *twin = &key->mints[j];
            bool is_known =
                twin->superseder_count && twin->superseders[twin->superseder_count - 1] == last;
            if (twin->act == one->act && !is_known && clock_covers(&made->clock, twin->dot) &&
                !record_find_dot(made, twin->dot))
                supersede(key, j, last);
        }
    }
}

// Who has seen a request has seen every try of it, also one that it has no dot of.
static void widen_by_requests(struct history *history, struct history_key *key,
                              const struct record *made, struct bytes seen)
{
    uint32_t last = key->mint_count - 1;
    struct reader list = reader_of(seen);
    struct request_id request;
    while (reader_left(&list) >= sizeof request) {
        memcpy(request.bytes, reader_bytes(&list, sizeof request).data, sizeof request);
        const struct act *act = history_act_of(history, &request);
        for (uint32_t i = 0; act && i < last; i++) {
            const struct mint *mint = &key->mints[i];
            bool is_known =
                mint->superseder_count && mint->superseders[mint->superseder_count - 1] == last;
            if (mint->act == act->number && !is_known && clock_covers(&made->clock, mint->dot) &&
                !record_find_dot(made, mint->dot))
                supersede(key, i, last);
        }
    }
}

void history_on_minted(struct history *history, uint32_t index, const struct op_update *update,
                       const struct clock *context, const struct clock *held,
                       const struct record *made, struct dot dot)
{
    struct history_key *key = &history->keys[index];
    const struct sibling *sibling = record_find_dot(made, dot);
    int known = find_mint(key, dot);
    if (known >= 0) {
        struct act *act = sibling ? history_act_of(history, &sibling->request) : NULL;
        world_sometimes(history->world, SOMETIMES_REPEATED, true);
        if (act && act->number != key->mints[known].act)
            world_fail(history->world, "%s: %llx@%llu was given to operation %u and to %u",
                       key->name, (unsigned long long)dot.actor, (unsigned long long)dot.counter,
                       key->mints[known].act, act->number);
        return;
    }
    if (!sibling) {
        // An lww write that is at once beaten: it must run ahead of what it saw, so never.
        world_fail(history->world, "%s: a store minted %llx@%llu and does not hold it", key->name,
                   (unsigned long long)dot.actor, (unsigned long long)dot.counter);
        return;
    }
    struct mint *mint = add_mint(history, index, sibling);
    if (!mint)
        return;
    struct act *act = history_act(history, mint->act);
    act->is_blind |= held != NULL;
    clock_copy(&mint->made, &made->clock);
    struct clock made_on = {0};
    clock_copy(&made_on, context);
    if (held)
        clock_join(&made_on, held);
    for (uint32_t old = 0; old + 1 < key->mint_count; old++) {
        if (clock_covers(&made_on, key->mints[old].dot) &&
            !is_superseded(key, &made_on, &key->mints[old]) &&
            !was_beaten(key, &made_on, &key->mints[old]))
            supersede(key, old, key->mint_count - 1);
    }
    widen(key, made);
    widen_by_requests(history, key, made, update->seen);
    clock_release(&made_on);
    check_try(history, act, update);
}

// ---- checks --------------------------------------------------------------------------

static void check_sibling(struct history *history, uint32_t index, const struct record *record,
                          const struct sibling *sibling, const char *where)
{
    struct history_key *key = &history->keys[index];
    struct world *world = history->world;
    struct act *act = history_act_of(history, &sibling->request);
    int mint = find_mint(key, sibling->dot);
    if (mint < 0 || !act || act->number != key->mints[mint].act) {
        world_fail(world, "%s %s: a value that nobody wrote", where, key->name);
        return;
    }
    bool is_tombstone = sibling->flags & SIBLING_TOMBSTONE;
    struct buf value = {0};
    history_value(act, &value);
    if (is_tombstone != (act->kind == ACT_DELETE) ||
        (!record->head && !bytes_equal(sibling->value, buf_bytes(&value))))
        world_fail(world, "%s %s: the value of operation %u is not what was written", where,
                   key->name, act->number);
    buf_release(&value);
}

static bool is_beaten(const struct history_key *key, const struct mint *mint,
                      const struct record *record)
{
    for (uint32_t i = 0; key->is_lww && i < record->count; i++) {
        const struct sibling *sibling = &record->siblings[i];
        int tombstones = (sibling->flags & SIBLING_TOMBSTONE) - mint->is_tombstone;
        if (sibling->hlc > mint->hlc)
            return true;
        if (sibling->hlc == mint->hlc &&
            (tombstones > 0 || (!tombstones && dot_compare(sibling->dot, mint->dot) > 0)))
            return true;
    }
    return false;
}

// Whether a mint of the act superseded this one, or something that did; who superseded one try of
// a request superseded every try of it. `visited`: the mints that were looked at.
static bool leads_to(const struct history_key *key, const struct mint *from, const struct act *act,
                     bool *visited)
{
    bool does = false;
    for (uint32_t twin = 0; !does && twin < key->mint_count; twin++) {
        const struct mint *mint = &key->mints[twin];
        if (mint->act != from->act || visited[twin])
            continue;
        visited[twin] = true;
        for (uint32_t i = 0; !does && i < mint->superseder_count; i++) {
            const struct mint *superseder = &key->mints[mint->superseders[i]];
            does = superseder->act == act->names || leads_to(key, superseder, act, visited);
        }
    }
    return does;
}

static bool was_superseded_by(const struct history_key *key, const struct mint *mint,
                              const struct act *act)
{
    bool *visited = xcalloc(key->mint_count, sizeof *visited);
    bool was = leads_to(key, mint, act, visited);
    free(visited);
    return was;
}

void history_check_context(struct history *history, const struct act *act,
                           const struct clock *given, const struct clock *returned)
{
    const struct history_key *key = &history->keys[act->key];
    if (!clock_includes(returned, given))
        world_fail(history->world, "%s: the context of put %u lacks what it was given", key->name,
                   act->number);
    for (uint32_t i = 0; i < key->mint_count && !history->world->failed; i++) {
        const struct mint *mint = &key->mints[i];
        // (What lost by its hlc has no history in lww keyspaces.)
        if (clock_covers(returned, mint->dot) && !clock_covers(given, mint->dot) &&
            mint->act != act->names && !was_superseded_by(key, mint, act) && !key->is_lww)
            world_fail(history->world,
                       "%s: the context of put %u covers operation %u, which it never met",
                       key->name, act->number, mint->act);
    }
}

// A write that two tries made went when one of them was superseded, where that was known.
static bool has_lost_its_twin(const struct history_key *key, const struct clock *clock,
                              const struct mint *mint)
{
    bool has = false;
    for (uint32_t i = 0; !has && i < key->mint_count; i++)
        has = key->mints[i].act == mint->act && is_superseded(key, clock, &key->mints[i]);
    return has;
}

void history_check_record(struct history *history, uint32_t index, const struct record *record,
                          const char *where)
{
    struct history_key *key = &history->keys[index];
    struct world *world = history->world;
    bool has_tombstone = false, has_value = false;
    for (uint32_t i = 0; i < record->count && !world->failed; i++) {
        check_sibling(history, index, record, &record->siblings[i], where);
        has_tombstone |= record->siblings[i].flags & SIBLING_TOMBSTONE;
        has_value |= !(record->siblings[i].flags & SIBLING_TOMBSTONE);
    }
    world_sometimes(world, SOMETIMES_SIBLINGS, record->count > 1);
    world_sometimes(world, SOMETIMES_TOMBSTONE_AND_VALUE, has_tombstone && has_value);
    for (uint32_t i = 0; i < key->mint_count && !world->failed; i++) {
        const struct mint *mint = &key->mints[i];
        if (!clock_covers(&record->clock, mint->dot))
            continue;
        bool is_there = record_find_dot(record, mint->dot);
        bool is_over = is_superseded(key, &record->clock, mint);
        if (is_there && is_over)
            world_fail(world, "%s %s: operation %u was superseded and is there", where, key->name,
                       mint->act);
        else if (!is_there && !is_over && !is_beaten(key, mint, record) &&
                 !has_lost_its_twin(key, &record->clock, mint))
            world_fail(world, "%s %s: operation %u is covered, but nothing superseded it", where,
                       key->name, mint->act);
    }
}

bool history_is_covered(const struct history *history, const struct act *act,
                        const struct clock *clock)
{
    const struct history_key *key = &history->keys[act->key];
    if (act->dot.counter)
        return clock_covers(clock, act->dot);
    for (uint32_t i = 0; i < key->mint_count; i++) {
        if (key->mints[i].act == act->names && clock_covers(clock, key->mints[i].dot))
            return true;
    }
    return false;
}

void history_check_read(struct history *history, const struct act *read, uint32_t index,
                        const struct record *record)
{
    const struct history_key *key = &history->keys[index];
    history_check_record(history, index, record, "read of");
    for (uint32_t i = 0; i < history->act_count && !history->world->failed; i++) {
        const struct act *act = history->acts[i];
        if (act->key != index || act->kind > ACT_DELETE || act->status != STATUS_OK ||
            !act->end_us || act->end_us >= read->begin_us ||
            !levels_meet(&key->who, act->level, read->level, act->lost))
            continue;
        if (!history_is_covered(history, act, &record->clock))
            world_fail(history->world,
                       "%s: a read with R=%s that began after put %u with W=%s was answered "
                       "does not know it",
                       key->name, ring_level_text(read->level), act->number,
                       ring_level_text(act->level));
    }
}

void history_check_last(struct history *history, uint32_t index, const struct record *record)
{
    const struct history_key *key = &history->keys[index];
    struct world *world = history->world;
    history_check_record(history, index, record, "last state of");
    for (uint32_t i = 0; i < history->act_count && !world->failed; i++) {
        const struct act *act = history->acts[i];
        if (act->key != index || act->kind > ACT_DELETE)
            continue;
        bool is_covered = history_is_covered(history, act, &record->clock);
        if (!act->end_us)
            world_fail(world, "%s: operation %u was never answered", key->name, act->number);
        else if (act->status == STATUS_OK && !is_covered &&
                 levels_meet(&key->who, act->level, RING_LEVEL_ALL, act->lost))
            world_fail(world, "%s: operation %u was answered OK and is lost", key->name,
                       act->number);
        else if (act->status != STATUS_OK && act->status != STATUS_INDETERMINATE && act->mint_count)
            world_fail(world, "%s: operation %u was answered \"%s\" and was minted", key->name,
                       act->number, status_text(act->status));
        bool is_open = act->status == STATUS_INDETERMINATE;
        world_sometimes(world, SOMETIMES_APPLIED, is_open && is_covered);
        world_sometimes(world, SOMETIMES_LOST, is_open && act->mint_count && !is_covered);
    }
}
