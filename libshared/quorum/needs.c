#include "quorum/needs.h"

#include <string.h>

struct needs needs_of(uint8_t n, uint8_t count)
{
    return (struct needs){.items = {{(owner_mask)((1u << n) - 1), count}}, .count = 1};
}

bool needs_met(const struct needs *needs, owner_mask have)
{
    for (uint8_t i = 0; i < needs->count; i++) {
        if (mask_count(have & needs->items[i].of) < needs->items[i].count)
            return false;
    }
    return true;
}

bool needs_help_of(const struct needs *needs, owner_mask have, unsigned owner)
{
    owner_mask bit = owner_bit(owner);
    for (uint8_t i = 0; i < needs->count && !(have & bit); i++) {
        const struct need *need = &needs->items[i];
        if ((need->of & bit) && mask_count(have & need->of) < need->count)
            return true;
    }
    return false;
}

static owner_mask owners_in(const struct ring *ring, const uint16_t *owners, uint8_t n,
                            const char *dc)
{
    owner_mask mask = 0;
    for (uint8_t i = 0; i < n; i++) {
        if (!strcmp(ring->nodes[owners[i]].dc, dc))
            mask |= owner_bit(i);
    }
    return mask;
}

static void add_quorum(struct needs *needs, owner_mask of)
{
    needs->items[needs->count++] = (struct need){of, (uint8_t)(mask_count(of) / 2 + 1)};
}

bool needs_of_level(struct needs *needs, const struct ring *ring, uint8_t level,
                    const uint16_t *owners, uint8_t n, const char *dc)
{
    owner_mask local = owners_in(ring, owners, n, dc), seen = 0;
    *needs = needs_of(n, (uint8_t)ring_level_count(level, n));
    if (level == RING_LEVEL_LOCAL_QUORUM && local) {
        needs->count = 0;
        add_quorum(needs, local);
    } else if (level == RING_LEVEL_EACH_QUORUM) {
        needs->count = 0;
        for (uint8_t i = 0; i < n; i++) {
            owner_mask there = owners_in(ring, owners, n, ring->nodes[owners[i]].dc);
            if (!(seen & there))
                add_quorum(needs, there);
            seen |= there;
        }
    }
    return needs->items[0].count > 0;
}
