#include "sim/history_inside.h"

#include "base/xalloc.h"

#include <stdlib.h>

// ---- what led to what ------------------------------------------------------------------

// `visited`: the mints that were looked at.
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

bool history_leads_to(const struct history_key *key, const struct mint *mint, const struct act *act)
{
    bool *visited = xcalloc(key->mint_count, sizeof *visited);
    bool does = leads_to(key, mint, act, visited);
    free(visited);
    return does;
}

// ---- what need not be known any more -----------------------------------------------------

// What is held against the model. Without a record nobody asks what it shows.
struct view {
    struct history *history;
    const struct history_key *key;
    const struct clock *clock;
    const struct record *record;
};

// Whether this dot led to the act: not another one of the same write, which was made anew, or
// beside what met it.
static bool is_before(const struct history_key *key, const struct mint *mint, const struct act *act)
{
    bool is = false;
    for (uint32_t i = 0; !is && i < mint->superseder_count; i++) {
        const struct mint *superseder = &key->mints[mint->superseders[i]];
        is = superseder->act == act->names || history_leads_to(key, superseder, act);
    }
    return is;
}

// Whether something is there that the deletion, or what led to it, had superseded.
static bool shows_older(const struct view *view, const struct mint *deletion)
{
    const struct act *act = history_act(view->history, deletion->act);
    bool does = false;
    for (uint32_t i = 0; view->record && !does && i < view->record->count; i++) {
        int index = history_find_mint(view->key, view->record->siblings[i].dot);
        const struct mint *mint = index < 0 ? NULL : &view->key->mints[index];
        bool is_beaten = mint && view->key->is_lww && mint->minted_us < deletion->minted_us &&
                         mint->hlc < deletion->hlc;
        does = mint && (is_beaten || is_before(view->key, mint, act));
    }
    return does;
}

// A deletion that all owners have known for purge/age is purged: then nothing tells any more of
// the deletion, nor of what it superseded. But none of that may be there.
static bool may_be_purged(const struct view *view, const struct mint *mint)
{
    const struct history *history = view->history;
    uint64_t now_ms = history->world->now_us / WORLD_MS, minted_ms = mint->minted_us / WORLD_MS;
    return mint->is_tombstone && now_ms >= minted_ms + history->purge_age_ms &&
           !shows_older(view, mint);
}

bool history_may_be_purged(struct history *history, const struct history_key *key,
                           const struct mint *mint, const struct record *record)
{
    struct view view = {history, key, NULL, record};
    return may_be_purged(&view, mint);
}

static bool is_known(const struct view *view, const struct mint *mint)
{
    return clock_covers(view->clock, mint->dot) || may_be_purged(view, mint);
}

static bool accounts_for(const struct view *view, uint32_t number);

// Which of two writes of an lww keyspace stays.
static bool is_greater(const struct mint *a, const struct mint *b)
{
    if (a->hlc != b->hlc)
        return a->hlc > b->hlc;
    if (a->is_tombstone != b->is_tombstone)
        return a->is_tombstone;
    return dot_compare(a->dot, b->dot) > 0;
}

// Whether a write that is accounted for superseded this one: the clock of a record that was
// stripped has the dots of its values alone. In lww keyspaces a greater one is enough.
static bool is_over(const struct view *view, const struct mint *mint)
{
    const struct history_key *key = view->key;
    bool is_over = false;
    for (uint32_t i = 0; !is_over && i < mint->superseder_count; i++) {
        const struct mint *superseder = &key->mints[mint->superseders[i]];
        is_over = is_known(view, superseder) || accounts_for(view, superseder->act);
    }
    for (uint32_t i = 0; key->is_lww && !is_over && i < key->mint_count; i++)
        is_over = is_greater(&key->mints[i], mint) && is_known(view, &key->mints[i]);
    return is_over;
}

// By any of its tries. A write that was looked at is not accounted for.
static bool accounts_for(const struct view *view, uint32_t number)
{
    struct act *act = history_act(view->history, number);
    bool does = false;
    if (act->mark == view->history->mark)
        return false;
    act->mark = view->history->mark;
    for (uint32_t i = 0; !does && i < view->key->mint_count; i++) {
        const struct mint *mint = &view->key->mints[i];
        does = mint->act == number && (is_known(view, mint) || is_over(view, mint));
    }
    return does;
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

bool history_accounts_for(struct history *history, const struct history_key *key,
                          const struct act *act, const struct clock *clock,
                          const struct record *record)
{
    struct view view = {history, key, clock, record};
    bool does = history_is_covered(history, act, clock);
    history->mark++;
    history_act(history, act->names)->mark = history->mark; // what it was told to be is to be there
    for (uint32_t i = 0; !does && i < key->mint_count; i++) {
        const struct mint *mint = &key->mints[i];
        does = mint->act == act->names && (may_be_purged(&view, mint) || is_over(&view, mint));
    }
    return does;
}
