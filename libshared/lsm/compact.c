#include "lsm/compact.h"

void lsm_compact(struct lsm *lsm)
{
    lsm->wish = (struct wish){.is_there = true, .address = lsm->written};
    lsm_flush(lsm);
}

bool lsm_is_compacting(const struct lsm *lsm)
{
    return lsm->wish.is_there;
}

void compact_update(struct lsm *lsm)
{
    struct wish *wish = &lsm->wish;
    if (wish->is_there && !wish->before && lsm->flushed >= wish->address)
        wish->before = lsm->next_file;
    if (wish->before && !compaction_has_before(lsm->version, wish->before))
        *wish = (struct wish){0};
}
