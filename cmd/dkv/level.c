#include "dkv/level.h"

enum status level_parse(const char *text, uint8_t *level, struct fault *fault)
{
    *level = RING_LEVEL_DEFAULT;
    if (!text || !ring_level_parse(bytes_of_text(text), level))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID,
                     "'%s' is no quorum; use 1..%d, one, quorum, all, local-quorum or each-quorum",
                     text, RING_COPIES_MAX);
}
