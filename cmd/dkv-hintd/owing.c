#include "dkv-hintd/owing.h"

#include "dkv-hintd/tally_format.h"

enum { DEBTS_AT_ONCE = 256 };

// The next debt, from *at on, to a node that left. False: there is none.
static bool next_debt(const struct hintd *hintd, uint32_t *at, struct tally_debt *debt)
{
    const struct tally *tally = &hintd->tally;
    while (*at < tally->debt_count && ring_find_node(hintd->ring, tally->debts[*at].target) >= 0)
        ++*at;
    if (*at == tally->debt_count)
        return false;
    *debt = tally->debts[*at];
    return true;
}

// Whoever owns the partition in some keyspace: debts do not tell of which they are.
static void hand_over(struct hintd *hintd, const struct tally_debt *debt, struct buf *note)
{
    const struct ring *ring = hintd->ring;
    struct tally *tally = &hintd->tally;
    const uint16_t *owners = ring->owners + (size_t)debt->partition * ring->owner_count;
    for (uint32_t i = 0; i < ring->owner_count; i++) {
        if (owners[i] == RING_NO_OWNER)
            continue;
        uint64_t owner = ring->nodes[owners[i]].id;
        tally_format_debt(tally_owe(tally, owner, debt->partition, debt->since_ms), note);
    }
    tally_format_debt(debt, note);
    tally_format_settled(debt->target, debt->partition, debt->mark, note);
    bool is_gone = tally_settle(tally, debt->target, debt->partition, debt->mark);
    (void)is_gone;
}

// If it cannot be written, the next start finds the debts of before, and hands them over again.
bool owing_hand_over(struct hintd *hintd)
{
    struct lsm_batch *batch = &hintd->batch.batch;
    struct buf *note = &hintd->part;
    struct tally_debt debt;
    uint64_t position;
    uint32_t at = 0, count = 0;
    buf_clear(note);
    for (; count < DEBTS_AT_ONCE && next_debt(hintd, &at, &debt); count++) {
        hand_over(hintd, &debt, note);
        at = 0; // others have moved
    }
    if (!count)
        return false;
    lsm_batch_clear(batch);
    lsm_batch_note(batch, buf_bytes(note));
    hintd->has_unwritten_debts |= lsm_write(hintd->lsm, batch, &position) != STATUS_OK;
    lsm_batch_clear(batch);
    return true;
}
