#include "dkv-store/purge.h"

void purge_release(struct purge *purge)
{
    buf_release(&purge->from);
    buf_release(&purge->to);
    holding_release(&purge->holding);
    *purge = (struct purge){0};
}
