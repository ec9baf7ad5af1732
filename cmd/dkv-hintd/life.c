#include "dkv-hintd/life.h"

#include "dkv-hintd/tally_format.h"

static bool is_beaten(const struct hintd *hintd)
{
    return hintd->heard_start > actor_parse(hintd->tally.actor).start;
}

// In this life.
static bool has_heard_all(const struct hintd *hintd)
{
    for (uint32_t number = UINT32_MAX; peers_next(&hintd->peers, &number);) {
        if (!peers_link(&hintd->peers, number)->actor)
            return false;
    }
    return true;
}

static bool write_note(struct hintd *hintd)
{
    struct lsm_batch *batch = &hintd->batch.batch;
    uint64_t position;
    lsm_batch_clear(batch);
    lsm_batch_note(batch, buf_bytes(&hintd->part));
    bool is_written = !lsm_write(hintd->lsm, batch, &position);
    lsm_batch_clear(batch);
    return is_written;
}

// What is minted under the new actor lies behind this note in the log.
static void begin_again(struct hintd *hintd, struct moment now)
{
    uint64_t before = hintd->tally.actor;
    uint64_t actor = hintd_new_actor(hintd, hintd->heard_start, now);
    if (!actor)
        return;
    hintd->tally.actor = actor;
    buf_clear(&hintd->part);
    tally_format_start(&hintd->tally, &hintd->part);
    if (!write_note(hintd)) {
        hintd->tally.actor = before;
        return;
    }
    hintd->peers.terms.actor = actor;
    table_release(&hintd->counters);
    table_init(&hintd->counters, hintd->options.boot);
}

void life_settle(struct hintd *hintd, struct moment now)
{
    if (is_beaten(hintd))
        begin_again(hintd, now);
    if (hintd->tally.is_last || is_beaten(hintd) || !has_heard_all(hintd))
        return;
    buf_clear(&hintd->part);
    tally_format_last(&hintd->part);
    hintd->tally.is_last = write_note(hintd);
}

void life_on_heard(struct hintd *hintd, uint32_t start, struct moment now)
{
    if (hintd->heard_start < start)
        hintd->heard_start = start;
    life_settle(hintd, now);
}

bool life_may_mint(const struct hintd *hintd)
{
    return hintd->tally.is_last && !is_beaten(hintd);
}
