#include "dkv-repair/endings.h"

enum { PATIENCE_MS = 10 * 1000, BUDGET_MS = 5000 };

static uint32_t number_of(const struct repair *repair, uint16_t node, enum message_type type)
{
    enum service service = type == MESSAGE_HELD ? SERVICE_HINTD : SERVICE_STORE;
    return peers_number(&repair->peers, node, service);
}

// The next pull of a shard whose one before was of another.
static bool next_shard(struct repair *repair, struct closing_plan *plan)
{
    const struct pulls *pulls = &repair->pulls;
    struct closings *closings = &repair->closings;
    if (!pulls->count)
        return false;
    if (closings->next >= pulls->count)
        closings->next = 0;
    const struct pull *pull = &pulls->items[closings->next];
    const struct pull *end = pulls->items + pulls->count, *at = pull;
    while (at < end && at->keyspace == pull->keyspace && at->partition == pull->partition)
        at++;
    closings->next = (uint32_t)(at - pulls->items);
    *plan = (struct closing_plan){.keyspace = pull->keyspace,
                                  .partition = pull->partition,
                                  .self = (uint16_t)repair->self,
                                  .node_count = repair->ring->node_count,
                                  .number = repair->ring->nodes[repair->self].number};
    plan->owner_count = ring_owners(repair->ring, plan->partition,
                                    ring_keyspace(repair->ring, plan->keyspace), plan->owners);
    return true;
}

static void begin(struct repair *repair, struct moment now)
{
    struct closings *closings = &repair->closings;
    struct closing_plan plan;
    const struct link *store = peers_link_of(&repair->peers, repair->self, SERVICE_STORE);
    if (closings->is_running || now.mono_ms < closings->due_ms || !link_can_ask(store) ||
        !next_shard(repair, &plan))
        return;
    // Its share of the interval: a shard has a pull for each of its other owners.
    uint64_t pulls = plan.owner_count > 1 ? plan.owner_count - 1 : 1;
    closings->due_ms =
        now.mono_ms + pulls * repair->options.interval_ms / (repair->pulls.count + 1);
    closings->is_running = true;
    closings->heard_ms = now.mono_ms;
    closing_start(&closings->closing, &plan);
}

static void encode(const struct closing_request *request, uint64_t id, struct buf *out)
{
    struct closing_request copy = *request;
    copy.open.id = id; // every operation begins with it
    switch (request->type) {
    case MESSAGE_ENDINGS:
        op_encode_endings(&copy.endings, out);
        break;
    case MESSAGE_HELD:
        op_encode_held(&copy.held, out);
        break;
    case MESSAGE_OPEN:
        op_encode_open(&copy.open, out);
        break;
    default:
        op_encode_close(&copy.close, out);
        break;
    }
}

static void send_all(struct repair *repair, struct outbox *outbox)
{
    struct closings *closings = &repair->closings;
    struct closing *closing = &closings->closing;
    struct closing_request request;
    while (closing_next(closing, &request)) {
        uint32_t number = number_of(repair, request.node, request.type);
        const struct link *link = peers_link(&repair->peers, number);
        if (!link || !link_can_ask(link)) {
            closing_end(closing);
            return;
        }
        encode(&request, closings_ask(closings),
               repair_add(repair, number, request.type, closing->plan.keyspace,
                          closing->plan.partition, BUDGET_MS, outbox));
    }
}

void endings_go_on(struct repair *repair, struct moment now, struct outbox *outbox)
{
    struct closings *closings = &repair->closings;
    begin(repair, now);
    if (!closings->is_running)
        return;
    send_all(repair, outbox);
    if (!closing_is_ended(&closings->closing) && now.mono_ms < closings->heard_ms + PATIENCE_MS)
        return;
    closings->closed += closings->closing.closed;
    closings_stop(closings);
}
