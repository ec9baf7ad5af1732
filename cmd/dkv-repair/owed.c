#include "dkv-repair/owed.h"

#include "wire/client.h"

enum { PAUSE_MS = 2000, ASKED_DEBTS = 1, ASKED_TO_SETTLE = 2 };

static void ask(const struct repair *repair, uint32_t number, uint64_t id, const char *topic,
                const struct buf *argument, struct outbox *outbox)
{
    struct op_ask op = {.id = id, .topic = bytes_of_text(topic), .argument = buf_bytes(argument)};
    op_encode_ask(&op, outbox_add(outbox, repair->options.link_of(number), MESSAGE_ASK, 0));
}

// What was pulled is settled before more is asked for: one connection keeps the order.
static void look_at(struct repair *repair, uint32_t number, struct outbox *outbox)
{
    uint64_t node = repair->options.node, hintd = peers_at(&repair->peers, number)->node;
    buf_clear(&repair->text);
    if (debts_settle(&repair->debts, hintd, node, &repair->pulls, &repair->text))
        ask(repair, number, ASKED_TO_SETTLE, "settle", &repair->text, outbox);
    buf_clear(&repair->text);
    buf_printf(&repair->text, "%016llx", (unsigned long long)node);
    ask(repair, number, ASKED_DEBTS, "debts", &repair->text, outbox);
}

// It owes something, to whomever, as its PONG says; or it did when it was asked last.
static bool may_owe(const struct repair *repair, uint32_t number)
{
    const struct link *link = peers_link(&repair->peers, number);
    return link && link_can_ask(link) &&
           (link->metrics.values[METRIC_HINT_DEBTS] ||
            debts_has(&repair->debts, peers_at(&repair->peers, number)->node));
}

void owed_go_on(struct repair *repair, struct moment now, struct outbox *outbox)
{
    if (now.mono_ms < repair->debts_due_ms)
        return;
    repair->debts_due_ms = now.mono_ms + PAUSE_MS;
    for (uint32_t i = 0; i < repair->ring->node_count; i++) {
        uint32_t number = peers_number(&repair->peers, i, SERVICE_HINTD);
        if (may_owe(repair, number))
            look_at(repair, number, outbox);
    }
}

enum status owed_on_answer(struct repair *repair, uint32_t number, struct reader *body,
                           struct moment now)
{
    struct op_answer answer;
    if (op_decode_answer(&answer, body) || peers_service(number) != SERVICE_HINTD)
        return STATUS_INVALID;
    if (answer.id != ASKED_DEBTS || answer.status)
        return STATUS_OK;
    uint64_t hintd = peers_at(&repair->peers, number)->node;
    return debts_take(&repair->debts, hintd, answer.text, &repair->pulls, now);
}
