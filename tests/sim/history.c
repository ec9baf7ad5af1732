#include "sim/history_inside.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "wire/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    for (uint32_t i = 0; i < history->act_count; i++) {
        clock_release(&history->acts[i]->returned);
        free(history->acts[i]);
    }
    free(history->acts);
}

static void look_at_owners(struct history_key *key, const struct ring *ring,
                           const struct ring_keyspace *keyspace, const struct ring *first)
{
    uint16_t owners[RING_OWNERS_MAX];
    uint32_t n = ring_owners(ring, key->partition, keyspace, owners);
    for (uint32_t i = 0; i < n; i++)
        owners[i] = (uint16_t)ring_find_node(first, ring->nodes[owners[i]].id);
    key->has_moved |= key->n && (key->n != n || memcmp(owners, key->owners, n * sizeof *owners));
    key->n = n;
    memcpy(key->owners, owners, n * sizeof *owners);
    key->who = level_owners_of(first, key->owners, key->n);
}

void history_look_at_ring(struct history *history, const struct ring *ring,
                          const struct ring *first)
{
    for (uint32_t i = 0; i < history->key_count; i++) {
        struct history_key *key = &history->keys[i];
        look_at_owners(key, ring, ring_keyspace(ring, key->keyspace), first);
    }
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
    look_at_owners(key, ring, keyspace, ring);
    key->read_level = keyspace->r;
    key->has_fallbacks = ring->node_count > key->n;
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

uint32_t history_lost_owners(const struct history_key *key, const struct act *act)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < key->n; i++)
        lost |= act->lost & 1u << key->owners[i] ? 1u << i : 0;
    return key->has_moved && act->lost ? UINT32_MAX : lost;
}

void history_on_disk_lost(struct history *history, uint32_t node, uint64_t since_us)
{
    for (uint32_t i = 0; i < history->act_count; i++) {
        struct act *act = history->acts[i];
        // (A hint may have come to the disk long after the answer.)
        if (!act->end_us || act->end_us >= since_us || history_may_be_hinted(history, act))
            act->lost |= 1u << node;
    }
}

void history_on_hint_lost(struct history *history, uint32_t key, uint32_t owner,
                          const struct clock *clock)
{
    for (uint32_t i = 0; i < history->act_count; i++) {
        struct act any_try = *history->acts[i];
        any_try.dot = (struct dot){0};
        if (any_try.key == key && any_try.kind <= ACT_DELETE &&
            history_is_covered(history, &any_try, clock))
            history->acts[i]->lost |= 1u << owner;
    }
}

bool history_may_be_hinted(const struct history *history, const struct act *act)
{
    bool has_fallbacks = history->keys[act->key].has_fallbacks;
    return act->kind <= ACT_DELETE ? act->is_hinted
           : act->kind == ACT_GET  ? has_fallbacks && !(act->flags & GET_STRICT)
                                   : false;
}

int history_find_mint(const struct history_key *key, struct dot dot)
{
    for (uint32_t i = 0; i < key->mint_count; i++) {
        if (dot_equal(key->mints[i].dot, dot))
            return (int)i;
    }
    return -1;
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
    world_sometimes(world, SOMETIMES_CONDITION_FAILED, status == STATUS_PRECONDITION);
    world_sometimes(world, SOMETIMES_REFUSED_FOR_GOOD,
                    status == STATUS_PRECONDITION && act->is_retried);
    world_sometimes(world, SOMETIMES_FOUND,
                    status == STATUS_OK && act->is_retried && act->mint_count == 1);
    if (status == STATUS_OK && act->is_blind && !(act->flags & PUT_CONDITIONAL))
        history_check_validated(history, act);
}

// ---- the model -----------------------------------------------------------------------

bool history_is_superseded(const struct history_key *key, const struct clock *clock,
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
                          .minted_us = history->world->now_us,
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

static bool is_superseder(const struct mint *mint, uint32_t index)
{
    return mint->superseder_count && mint->superseders[mint->superseder_count - 1] == index;
}

// The last mint also supersedes what other tries of this act made, as far as its record knows them.
static void supersede_tries(struct history_key *key, uint32_t act, const struct record *made)
{
    uint32_t last = key->mint_count - 1;
    for (uint32_t i = 0; i < last; i++) {
        const struct mint *mint = &key->mints[i];
        if (mint->act == act && !is_superseder(mint, last) &&
            clock_covers(&made->clock, mint->dot) && !record_find_dot(made, mint->dot))
            supersede(key, i, last);
    }
}

// Who has superseded a try of a request, or seen the request, has seen every try of it.
static void widen(struct history *history, struct history_key *key, const struct record *made,
                  struct bytes seen)
{
    uint32_t last = key->mint_count - 1;
    for (uint32_t i = 0; i < last; i++) {
        if (is_superseder(&key->mints[i], last))
            supersede_tries(key, key->mints[i].act, made);
    }
    struct reader list = reader_of(seen);
    struct request_id request;
    while (reader_left(&list) >= sizeof request) {
        memcpy(request.bytes, reader_bytes(&list, sizeof request).data, sizeof request);
        const struct act *act = history_act_of(history, &request);
        if (act)
            supersede_tries(key, act->number, made);
    }
}

void history_on_minted(struct history *history, uint32_t index, const struct op_update *update,
                       const struct clock *context, const struct clock *held,
                       const struct record *made, struct dot dot)
{
    struct history_key *key = &history->keys[index];
    const struct sibling *sibling = record_find_dot(made, dot);
    int known = history_find_mint(key, dot);
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
            !history_is_superseded(key, &made_on, &key->mints[old]) &&
            !was_beaten(key, &made_on, &key->mints[old]))
            supersede(key, old, key->mint_count - 1);
    }
    widen(history, key, made, update->seen);
    clock_release(&made_on);
    history_check_try(history, act, update);
}
