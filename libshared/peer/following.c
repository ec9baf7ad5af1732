#include "peer/following.h"

#include "ring/ring_follow.h"
#include "wire/ring.h"

enum status following_on_ring(const struct ring_snapshot *current, uint64_t self,
                              const struct arrival *arrival, struct reader *body,
                              struct outbox *outbox, struct ring_snapshot **next)
{
    struct op_ring op;
    struct fault fault = {0};
    *next = NULL;
    if (op_decode_ring(&op, body))
        return STATUS_INVALID;
    struct ring_snapshot *document = ring_snapshot_parse(op.document, &fault);
    bool is_known = document && document->ring.cluster == current->ring.cluster &&
                    document->ring.epoch <= current->ring.epoch;
    enum status status = arrival->node && arrival->node != self
                             ? fault_set(&fault, STATUS_NOT_AUTHORISED, "not of our own router")
                         : !document ? STATUS_INVALID
                         : is_known  ? STATUS_OK
                                     : ring_follow(current, document, self, &fault);
    if (!status && !is_known)
        *next = ring_snapshot_hold(document);
    ring_snapshot_drop(document);
    struct op_ring_taken taken = {
        .id = op.id, .status = (uint8_t)status, .text = bytes_of_text(fault.text)};
    op_encode_ring_taken(&taken, outbox_add(outbox, arrival->link, MESSAGE_RING_TAKEN, 0));
    return STATUS_OK;
}
