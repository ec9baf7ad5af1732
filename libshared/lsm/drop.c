#include "lsm/drop.h"

enum status lsm_drop_range(struct lsm *lsm, struct bytes from, struct bytes to)
{
    if (lsm->drop.is_wanted)
        return STATUS_BUSY;
    lsm->drop = (struct drop){.is_wanted = true, .address = lsm->written};
    buf_set(&lsm->drop.begin, from);
    buf_set(&lsm->drop.end, to);
    lsm_flush(lsm);
    return STATUS_OK;
}

bool lsm_is_dropping(const struct lsm *lsm)
{
    return lsm->drop.is_wanted;
}

enum status lsm_drop_status(const struct lsm *lsm, struct fault *fault)
{
    if (lsm->drop.is_wanted)
        return STATUS_BUSY;
    return lsm->drop.status ? fault_set(fault, lsm->drop.status, "%s", lsm->drop.fault.text)
                            : STATUS_OK;
}

void drop_end(struct lsm *lsm, enum status status, const struct fault *fault)
{
    buf_release(&lsm->drop.begin);
    buf_release(&lsm->drop.end);
    lsm->drop = (struct drop){.status = status};
    if (fault)
        lsm->drop.fault = *fault;
}
