#include "dkv-store/question.h"

#include "base/text.h"
#include "dkv-store/convergence.h"
#include "dkv-store/reading.h"
#include "wire/client.h"

#include <string.h>

// Reads a number and the space behind it.
static bool next_number(struct bytes *rest, uint32_t *number)
{
    const uint8_t *end = rest->size ? memchr(rest->data, ' ', rest->size) : NULL;
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    uint64_t value;
    if (!size || text_parse_number(bytes_of(rest->data, size), &value, NULL) || value > UINT32_MAX)
        return false;
    size_t skipped = size + (end != NULL);
    *rest = bytes_of(rest->data + skipped, rest->size - skipped);
    *number = (uint32_t)value;
    return true;
}

// A shard whose frame cannot be written stays lost, and those before it do not.
static enum status accept_loss(struct store *store, struct bytes argument, struct moment now,
                               uint32_t *count)
{
    uint32_t keyspace, first, last;
    enum status status = STATUS_OK;
    const struct ledger_shard *shard;
    if (!next_number(&argument, &keyspace) || !next_number(&argument, &first) ||
        !next_number(&argument, &last))
        return STATUS_INVALID;
    for (size_t at = 0; !status && (shard = ledger_next(&store->ledger, &at));) {
        bool is_in = (!keyspace || shard->keyspace == keyspace) && shard->partition >= first &&
                     shard->partition <= last;
        if (!is_in || !shard->is_lost)
            continue;
        status = convergence_accept_loss(store, shard->keyspace, shard->partition, now);
        if (status == STATUS_NOT_OWNER)
            status = STATUS_OK;
        else
            *count += !status;
    }
    store->counts.accepted += *count;
    return status;
}

enum status question_serve(struct store *store, const struct arrival *arrival, struct reader *body,
                           struct moment now, struct outbox *outbox)
{
    struct op_ask ask;
    uint32_t count = 0;
    if (op_decode_ask(&ask, body))
        return STATUS_INVALID;
    struct op_answer answer = {.id = ask.id};
    uint64_t gate = 0;
    buf_clear(&store->part);
    if (bytes_equal(ask.topic, bytes_of_text("compact"))) {
        lsm_compact(store->lsm);
    } else if (bytes_equal(ask.topic, bytes_of_text("compacting"))) {
        buf_append_text(&store->part, lsm_is_compacting(store->lsm) ? "1" : "0");
    } else if (bytes_equal(ask.topic, bytes_of_text("accept-loss"))) {
        answer.status = (uint8_t)accept_loss(store, ask.argument, now, &count);
        buf_printf(&store->part, "%u", count);
        gate = reading_gate(store);
    } else {
        answer.status = STATUS_INVALID;
        buf_append_text(&store->part, "this store does not know the question");
    }
    answer.text = buf_bytes(&store->part);
    op_encode_answer(&answer, outbox_add(outbox, arrival->link, MESSAGE_ANSWER, gate));
    return STATUS_OK;
}
