#include "dkv/explain_copy.h"

static uint32_t readable(const struct replicas *replicas)
{
    return replicas->replied & ~replicas->lost;
}

static bool is_expired(const struct copies *copies, const struct sibling *sibling)
{
    return sibling->expires_ms && sibling->expires_ms <= copies->now_ms;
}

const char *copy_kind(const struct copies *copies, const struct sibling *sibling)
{
    if (sibling->flags & SIBLING_TOMBSTONE)
        return "tombstone";
    return is_expired(copies, sibling) ? "expired" : "value";
}

// ---- Copies beside one another -----------------------------------------------------------

// Nobody has this version who is believed.
static bool is_at_lost_alone(const struct replicas *replicas, struct dot dot)
{
    uint32_t i = 0;
    while (i < replicas->count &&
           !(readable(replicas) >> i & 1 && record_find_dot(&replicas->items[i].head, dot)))
        i++;
    return i == replicas->count;
}

static bool has_not(const struct copies *copies, uint32_t index, struct dot dot)
{
    const struct record *head = &copies->replicas->items[index].head;
    return copies->replicas->replied >> index & 1 && !record_find_dot(head, dot) &&
           !clock_covers(&head->clock, dot);
}

bool copy_has_purged(const struct copies *copies, uint32_t index, const struct sibling *sibling)
{
    const struct replica_copy *copy = &copies->replicas->items[index];
    if (!has_not(copies, index, sibling->dot) || !copy->is_seen_told ||
        !seen_has(&copy->seen, sibling->dot))
        return false;
    return sibling->flags & SIBLING_TOMBSTONE || is_expired(copies, sibling) ||
           is_at_lost_alone(copies->replicas, sibling->dot);
}

bool copy_lacks(const struct copies *copies, uint32_t index, const struct sibling *sibling)
{
    return has_not(copies, index, sibling->dot) && !copy_has_purged(copies, index, sibling);
}

static bool is_behind(const struct copies *copies, uint32_t index)
{
    const struct record *head = &copies->replicas->items[index].head;
    for (uint32_t i = 0; i < copies->whole->count; i++) {
        if (copy_lacks(copies, index, &copies->whole->siblings[i]))
            return true;
    }
    for (uint32_t i = 0; i < head->count; i++) {
        if (!record_find_dot(copies->whole, head->siblings[i].dot))
            return true;
    }
    return false;
}

static bool has_purged_any(const struct copies *copies, uint32_t index)
{
    uint32_t i = 0;
    while (i < copies->whole->count && !copy_has_purged(copies, index, &copies->whole->siblings[i]))
        i++;
    return i < copies->whole->count;
}

static bool is_any_behind(const struct copies *copies)
{
    uint32_t i = 0;
    while (i < copies->replicas->count &&
           !(readable(copies->replicas) >> i & 1 && is_behind(copies, i)))
        i++;
    return i < copies->replicas->count;
}

enum copy_state copy_state(const struct copies *copies, uint32_t index)
{
    if (!(copies->replicas->replied >> index & 1))
        return COPY_UNKNOWN;
    if (copies->replicas->lost >> index & 1)
        return COPY_LOST;
    if (is_behind(copies, index))
        return COPY_BEHIND;
    if (has_purged_any(copies, index))
        return COPY_PURGED;
    return is_any_behind(copies) ? COPY_AHEAD : COPY_EQUAL;
}

const char *copy_state_text(enum copy_state state)
{
    static const char *const texts[] = {
        [COPY_UNKNOWN] = "unknown", [COPY_LOST] = "lost",   [COPY_BEHIND] = "behind",
        [COPY_PURGED] = "purged",   [COPY_AHEAD] = "ahead", [COPY_EQUAL] = "equal",
    };
    return texts[state];
}

// ---- Reads -------------------------------------------------------------------------------

uint32_t copy_missing(const struct copies *copies)
{
    const struct replicas *replicas = copies->replicas;
    uint32_t missing = 0;
    for (uint32_t i = 0; i < replicas->need_count; i++) {
        const struct explained_need *need = &replicas->needs[i];
        uint32_t have = (uint32_t)__builtin_popcount(need->of & readable(replicas));
        missing += have < need->count ? need->count - have : 0;
    }
    return missing;
}

const char *copy_read(const struct copies *copies, struct dot dot)
{
    const struct replicas *replicas = copies->replicas;
    uint32_t having = 0, past = 0, asked = readable(replicas);
    for (uint32_t i = 0; i < replicas->count; i++) {
        const struct record *head = &replicas->items[i].head;
        if (!(asked >> i & 1))
            continue;
        if (record_find_dot(head, dot))
            having |= 1u << i;
        else if (clock_covers(&head->clock, dot))
            past |= 1u << i;
    }
    uint32_t missing = copy_missing(copies);
    if (!replicas->need_count || missing > copies->stand_ins)
        return "unavailable";
    if (missing) // all that are left are asked
        return past ? "never" : having ? "hints" : "perhaps";
    if (!past && replicas_are_met(replicas, having | ~asked))
        return "always";
    return replicas_are_met(replicas, past | ~asked) ? "never" : "perhaps";
}
