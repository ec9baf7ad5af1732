#include "sim/history_inside.h"

#include "wire/client.h"

// In lww keyspaces it, or one that was written at the same time, has to be greater.
static bool wins_over(struct history *history, const struct history_key *key, uint32_t mint,
                      uint32_t before, uint64_t before_end_us)
{
    struct act act = *history_act(history, key->mints[before].act);
    act.dot = (struct dot){0}; // any of its tries will do
    bool wins = history_accounts_for(history, key, &act, &key->mints[mint].made, NULL);
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
    uint32_t lost = history_lost_owners(key, before);
    return levels_meet(&key->who, before->level, act->level, lost) ||
           ((act->flags & PUT_STRICT) &&
            levels_meet(&key->who, before->level, key->read_level, lost));
}

void history_check_validated(struct history *history, const struct act *act)
{
    const struct history_key *key = &history->keys[act->key];
    int index = history_find_mint(key, act->dot);
    if (history_may_be_hinted(history, act) || (key->is_lww && act->try_count > 1))
        return;
    // A fallback may have told for an owner that cannot be reached: whoever acknowledged a second
    // dot was not asked what the first one had not seen.
    if (act->mint_count > 1 && key->has_fallbacks && !(act->flags & PUT_STRICT))
        return;
    // What was superseded before the answer has nothing to cover any more.
    if (index < 0 || key->mints[index].superseder_count)
        return;
    for (uint32_t i = 0; i < history->act_count && !history->world->failed; i++) {
        const struct act *before = history->acts[i];
        if (before->key == act->key && before->kind <= ACT_DELETE && before->status == STATUS_OK &&
            before->end_us && before->end_us < act->begin_us && must_have_met(key, act, before) &&
            !history_may_be_hinted(history, before) && history_find_mint(key, before->dot) >= 0 &&
            !wins_over(history, key, (uint32_t)index, (uint32_t)history_find_mint(key, before->dot),
                       before->end_us))
            world_fail(history->world,
                       "%s: blind put %u has not seen put %u, which was answered before it began",
                       key->name, act->number, before->number);
    }
}

static void check_sibling(struct history *history, uint32_t index, const struct record *record,
                          const struct sibling *sibling, const char *where)
{
    struct history_key *key = &history->keys[index];
    struct world *world = history->world;
    struct act *act = history_act_of(history, &sibling->request);
    int mint = history_find_mint(key, sibling->dot);
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

// Any dot of this write.
static bool covers_a_try(const struct history_key *key, uint32_t act, const struct clock *clock)
{
    uint32_t i = 0;
    while (i < key->mint_count &&
           (key->mints[i].act != act || !clock_covers(clock, key->mints[i].dot)))
        i++;
    return i < key->mint_count;
}

// What a mint superseded, as far as the record that it made says so. Who has seen one try of a
// write has superseded all.
static bool includes_superseded(const struct history_key *key, uint32_t mint,
                                const struct clock *clock)
{
    bool does = true;
    for (uint32_t i = 0; does && i < key->mint_count; i++) {
        const struct mint *old = &key->mints[i];
        for (uint32_t j = 0; does && j < old->superseder_count; j++)
            does = old->superseders[j] != mint || !clock_covers(&key->mints[mint].made, old->dot) ||
                   covers_a_try(key, old->act, clock);
    }
    return does;
}

// Whether it went with a deletion that is purged: the interval of a store's next dot covers both.
static bool went_with_a_deletion(struct history *history, const struct history_key *key,
                                 const struct mint *mint)
{
    bool went = false;
    for (uint32_t i = 0; !went && i < key->mint_count; i++)
        went = history_may_be_purged(history, key, &key->mints[i], NULL) &&
               history_leads_to(key, mint, history_act(history, key->mints[i].act));
    return went;
}

void history_check_context(struct history *history, const struct act *act, struct dot dot,
                           const struct clock *given, const struct clock *returned)
{
    const struct history_key *key = &history->keys[act->key];
    if (!clock_includes(returned, given))
        world_fail(history->world, "%s: the context of put %u lacks what it was given", key->name,
                   act->number);
    // (With a context it supersedes other tries of what that has seen, too.)
    int made = act->is_blind ? history_find_mint(key, dot) : -1;
    if (made >= 0 && !includes_superseded(key, (uint32_t)made, returned))
        world_fail(history->world, "%s: the context of put %u lacks what it superseded", key->name,
                   act->number);
    for (uint32_t i = 0; i < key->mint_count && !history->world->failed; i++) {
        const struct mint *mint = &key->mints[i];
        // (What lost by its hlc has no history in lww keyspaces. A store covers all that it wrote
        // itself, also what was purged.)
        if (clock_covers(returned, mint->dot) && !clock_covers(given, mint->dot) &&
            mint->act != act->names && !history_leads_to(key, mint, act) && !key->is_lww &&
            !history_may_be_purged(history, key, mint, NULL) &&
            !went_with_a_deletion(history, key, mint))
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
        has = key->mints[i].act == mint->act && history_is_superseded(key, clock, &key->mints[i]);
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
        bool is_over = history_is_superseded(key, &record->clock, mint);
        if (is_there && is_over)
            world_fail(world, "%s %s: operation %u was superseded and is there", where, key->name,
                       mint->act);
        else if (!is_there && !is_over && !is_beaten(key, mint, record) &&
                 !has_lost_its_twin(key, &record->clock, mint) &&
                 !history_may_be_purged(history, key, mint, record))
            world_fail(world, "%s %s: operation %u is covered, but nothing superseded it", where,
                       key->name, mint->act);
    }
}

// Of each of these dots that it does not cover.
static bool accounts_for_all(struct history *history, const struct history_key *key,
                             const struct clock *dots, const struct record *record)
{
    bool does = true;
    for (uint32_t i = 0; does && i < key->mint_count; i++) {
        struct dot dot = key->mints[i].dot;
        if (clock_covers(dots, dot) && !clock_covers(&record->clock, dot)) {
            struct act act = *history_act(history, key->mints[i].act);
            act.dot = dot;
            does = history_accounts_for(history, key, &act, &record->clock, record);
        }
    }
    return does;
}

// What a monotonic get returned, every get of the same level that begins later covers.
// (local-quorum means others at another router.)
static void check_monotonic(struct history *history, const struct act *read, uint32_t index,
                            const struct record *record)
{
    for (uint32_t i = 0; i < history->act_count && !history->world->failed; i++) {
        const struct act *act = history->acts[i];
        if (act->key != index || act->kind != ACT_GET || !act->returned.count || !act->end_us ||
            act->end_us >= read->begin_us || act->level != read->level || act->lost ||
            act->level == RING_LEVEL_LOCAL_QUORUM)
            continue;
        if (!clock_includes(&record->clock, &act->returned) &&
            !accounts_for_all(history, &history->keys[index], &act->returned, record))
            world_fail(history->world, "%s: a read with R=%s misses what monotonic get %u returned",
                       history->keys[index].name, ring_level_text(read->level), act->number);
    }
}

void history_check_read(struct history *history, struct act *read, uint32_t index,
                        const struct record *record)
{
    const struct history_key *key = &history->keys[index];
    history_check_record(history, index, record, "read of");
    if (!history_may_be_hinted(history, read))
        check_monotonic(history, read, index, record);
    for (uint32_t i = 0;
         read->kind == ACT_GET && (read->flags & GET_MONOTONIC) && i < record->count; i++) {
        struct dot dot = record->siblings[i].dot;
        clock_add(&read->returned, (struct interval){dot.actor, dot.counter, dot.counter});
    }
    for (uint32_t i = 0; i < history->act_count && !history->world->failed; i++) {
        const struct act *act = history->acts[i];
        if (act->key != index || act->kind > ACT_DELETE || act->status != STATUS_OK ||
            !act->end_us || act->end_us >= read->begin_us || history_may_be_hinted(history, act) ||
            history_may_be_hinted(history, read) ||
            !levels_meet(&key->who, act->level, read->level, history_lost_owners(key, act)))
            continue;
        if (!history_accounts_for(history, key, act, &record->clock, record))
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
        else if (act->status == STATUS_OK &&
                 !history_accounts_for(history, key, act, &record->clock, record) &&
                 levels_meet(&key->who, act->level, RING_LEVEL_ALL, history_lost_owners(key, act)))
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
