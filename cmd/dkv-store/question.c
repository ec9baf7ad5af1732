#include "dkv-store/question.h"

#include "wire/client.h"

enum status question_serve(struct store *store, const struct arrival *arrival, struct reader *body,
                           struct outbox *outbox)
{
    struct op_ask ask;
    if (op_decode_ask(&ask, body))
        return STATUS_INVALID;
    struct op_answer answer = {.id = ask.id};
    if (bytes_equal(ask.topic, bytes_of_text("compact"))) {
        lsm_compact(store->lsm);
    } else if (bytes_equal(ask.topic, bytes_of_text("compacting"))) {
        answer.text = bytes_of_text(lsm_is_compacting(store->lsm) ? "1" : "0");
    } else {
        answer.status = STATUS_INVALID;
        answer.text = bytes_of_text("this store does not know the question");
    }
    op_encode_answer(&answer, outbox_add(outbox, arrival->link, MESSAGE_ANSWER, 0));
    return STATUS_OK;
}
