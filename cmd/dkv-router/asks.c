#include "dkv-router/asks.h"

#include "dkv-router/answers.h"
#include "dkv-router/placing.h"
#include "dkv-router/polls.h"
#include "dkv-router/relays.h"
#include "dkv-router/settled.h"
#include "peer/link_text.h"
#include "wire/client.h"

enum { REFRESH_MS = 500 };

static const struct link *store_of(const struct router *router, uint32_t index)
{
    return peers_link_of(&router->peers, index, SERVICE_STORE);
}

static const struct link *hintd_of(const struct router *router, uint32_t index)
{
    return peers_link_of(&router->peers, index, SERVICE_HINTD);
}

static bool is_router_up(const struct router *router, uint32_t index)
{
    return index == router->self || peers_link_of(&router->peers, index, SERVICE_ROUTER)->up;
}

// That of the store; of a node whose router does not answer it is down, unless somebody else
// answers there.
static const char *state_of(const struct router *router, uint32_t index)
{
    const struct link *store = store_of(router, index);
    bool is_down = !is_router_up(router, index) && (store->up || !store->problem);
    return link_text(is_down ? LINK_DOWN : link_state(store))->word;
}

// Bytes written to disk for each byte put, in hundredths.
static uint64_t write_amplification(const struct metrics *metrics)
{
    uint64_t put = metrics->values[METRIC_WRITTEN_BYTES];
    return put ? metrics->values[METRIC_DISK_WRITTEN_BYTES] * 100 / put : 0;
}

// What its processes said last, of those that answer; the lower if they differ.
static uint64_t epoch_of(const struct router *router, uint32_t index)
{
    const struct link *store = store_of(router, index);
    uint64_t epoch = index == router->self ? router->ring->epoch : 0;
    if (is_router_up(router, index) && index != router->self)
        epoch = peers_link_of(&router->peers, index, SERVICE_ROUTER)->epoch;
    return store->up && (!epoch || store->epoch < epoch) ? store->epoch : epoch;
}

// Of the services that this router talks to besides, each as a field.
static void add_services(const struct router *router, uint32_t index, struct buf *text)
{
    for (unsigned service = SERVICE_HINTD; service < SERVICE_COUNT; service++) {
        const struct link *link = peers_link_of(&router->peers, index, (enum service)service);
        if (link->exists)
            buf_printf(text, "\"%s\":\"%s\",", service_text((enum service)service),
                       link_text(link->up ? LINK_WELL : (enum link_state)link->problem)->word);
    }
}

// Names in a ring document have no characters that JSON would escape.
static void add_node(const struct router *router, uint32_t index, struct moment now,
                     struct buf *text)
{
    const struct ring_node *node = &router->ring->nodes[index];
    const struct link *store = store_of(router, index);
    const char *software = index == router->self ? (const char *)router->options.software.data
                                                 : (store->software[0] ? store->software : "");
    unsigned long long amplification = write_amplification(&store->metrics);
    buf_printf(text,
               "{\"v\":1,\"node\":\"%s\",\"state\":\"%s\",\"dc\":\"%s\",\"rack\":\"%s\","
               "\"router\":\"%s\",\"store\":\"%s\",\"hintd\":\"%s\",\"epoch\":\"%llu\",",
               node->name, state_of(router, index), node->dc, node->rack,
               is_router_up(router, index) ? "up" : "down", store->up ? "up" : "down",
               hintd_of(router, index)->up ? "up" : "down",
               (unsigned long long)epoch_of(router, index));
    buf_printf(text, "\"lost_copies\":%llu,",
               (unsigned long long)store->metrics.values[METRIC_LOST_COPIES]);
    if (store->up && store->pong_ms) // else what is behind it is of no life, or of one before
        buf_printf(text, "\"told_ms\":%llu,", (unsigned long long)(now.mono_ms - store->pong_ms));
    add_services(router, index, text);
    buf_printf(text,
               "\"keys\":%llu,\"bytes\":%llu,\"unsynced_ms\":%u,\"disk_full\":%s,\"damage\":%llu,"
               "\"debt_permille\":%llu,\"write_amplification\":%llu.%02llu,\"version\":\"%s\"}\n",
               (unsigned long long)store->entry_count, (unsigned long long)store->data_size,
               store->unsynced_age_ms, store->disk_full ? "true" : "false",
               (unsigned long long)metrics_damage(&store->metrics),
               (unsigned long long)store->metrics.values[METRIC_DEBT_PERMILLE], amplification / 100,
               amplification % 100, software);
}

// What precedes the values of a metric.
static void add_head(struct buf *text, const char *name, bool is_counter, const char *meaning)
{
    buf_printf(text, "# HELP dkv_%s%s %s\n# TYPE dkv_%s%s %s\n", name, is_counter ? "_total" : "",
               meaning, name, is_counter ? "_total" : "", is_counter ? "counter" : "gauge");
}

static void add_value(const struct router *router, uint32_t index, const char *name,
                      bool is_counter, uint64_t value, struct buf *text)
{
    buf_printf(text, "dkv_%s%s{node=\"%s\"} %llu\n", name, is_counter ? "_total" : "",
               router->ring->nodes[index].name, (unsigned long long)value);
}

// What the processes of this service told with their last PONG. Each has its part of the table.
static void add_service(const struct router *router, enum service service, struct buf *text)
{
    const char *up = service == SERVICE_HINTD ? "hintd_up" : "store_up";
    add_head(text, up, false, "whether it answers");
    for (uint32_t i = 0; i < router->ring->node_count; i++)
        add_value(router, i, up, false, peers_link_of(&router->peers, i, service)->up, text);
    for (unsigned m = 0; m < METRIC_COUNT; m++) {
        const struct metric *metric = &metrics_table[m];
        if (!metric->name || metrics_is_of_hintd(m) != (service == SERVICE_HINTD))
            continue;
        add_head(text, metric->name, metric->is_counter, metric->meaning);
        for (uint32_t i = 0; i < router->ring->node_count; i++) {
            const struct link *link = peers_link_of(&router->peers, i, service);
            if (link->up)
                add_value(router, i, metric->name, metric->is_counter, link->metrics.values[m],
                          text);
        }
    }
}

static void add_router(const struct router *router, struct buf *text)
{
    const struct router_counts *counts = &router->counts;
    const struct {
        const char *name, *meaning;
        uint64_t value;
    } table[] = {
        {"router_puts", "writes asked for", counts->puts},
        {"router_gets", "reads asked for", counts->gets},
        {"router_scans", "pages asked for", counts->scans},
        {"router_unavailable", "refused for want of live replicas", counts->unavailable},
        {"router_indeterminate", "writes sent and not confirmed", counts->indeterminate},
        {"router_timeouts", "reads that ran out of time", counts->timeouts},
        {"router_busy", "refused because too much was in flight", counts->busy},
        {"router_again", "blind writes that met what they had not seen", counts->again},
        {"router_expired", "requests that came too late to be begun", counts->expired},
        {"router_repairs", "records sent to owners that answered with less", counts->repairs},
        {"router_repairs_repeated", "of these, sent again to a store that was busy",
         counts->repairs_repeated},
        {"router_repairs_refused", "of these, not taken: busy, damaged, disk full",
         counts->repairs_refused},
        {"router_repairs_too_large", "records that no store takes before siblings are resolved",
         counts->repairs_too_large},
        {"router_hints", "hints that fallbacks were asked to keep", counts->hints},
        {"router_hedges", "reads that asked one more owner", counts->hedges},
        {"router_held", "monotonic reads that were repaired before the answer", counts->held},
        {"router_late", "answers to operations that were over",
         counts->late + router->keyring.late_count},
        {"router_unread", "messages of clients that do not read their answers", counts->unread},
        {"router_refused", "messages of those that may not send them", counts->refused},
    };
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        add_head(text, table[i].name, true, table[i].meaning);
        add_value(router, router->self, table[i].name, true, table[i].value, text);
    }
}

// True if it is answered later: the change is on its way.
static bool propose(struct router *router, const struct arrival *arrival,
                    const struct message_header *header, const struct op_ask *ask,
                    struct moment now, struct outbox *outbox, struct op_answer *answer)
{
    struct fault fault = {0};
    uint64_t budget_ms = placing_deadline(router, header, now) - now.mono_ms;
    uint64_t deadline_ms = now.mono_ms + budget_ms / 4 * 3; // the answer is to come in time
    enum status status = arrival->role < ROLE_ADMIN
                             ? fault_set(&fault, STATUS_NOT_AUTHORISED, "role admin is needed")
                             : polls_on_propose(&router->epochs, arrival->link, ask, deadline_ms,
                                                now, outbox, &fault);
    if (!status)
        return true;
    buf_append_text(&router->text, fault.text);
    answer->status = (uint8_t)status;
    answer->text = buf_bytes(&router->text);
    return false;
}

enum status asks_on_ask(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox)
{
    struct op_ask ask;
    if (op_decode_ask(&ask, body))
        return STATUS_INVALID;
    router->busy_ms = now.mono_ms; // who asks again is told how it is then: ping more often
    router->peers.terms.is_idle = false;
    if (relays_on_ask(router, arrival, header, &ask, now, outbox))
        return STATUS_OK;
    struct op_answer answer = {.id = ask.id};
    buf_clear(&router->text);
    if (bytes_equal(ask.topic, bytes_of_text("ring"))) {
        answer.text = buf_bytes(&router->snapshot->text);
    } else if (bytes_equal(ask.topic, bytes_of_text("ring/propose"))) {
        if (propose(router, arrival, header, &ask, now, outbox, &answer))
            return STATUS_OK;
    } else if (bytes_equal(ask.topic, bytes_of_text("status"))) {
        for (uint32_t i = 0; i < router->ring->node_count; i++)
            add_node(router, i, now, &router->text);
        peers_refresh(&router->peers, REFRESH_MS, now);
        answer.text = buf_bytes(&router->text);
    } else if (bytes_equal(ask.topic, bytes_of_text("ring/move"))) {
        settled_tell(&router->epochs, &router->text);
        answer.text = buf_bytes(&router->text);
    } else if (bytes_equal(ask.topic, bytes_of_text("metrics"))) {
        add_service(router, SERVICE_STORE, &router->text);
        add_service(router, SERVICE_HINTD, &router->text);
        add_router(router, &router->text);
        answer.text = buf_bytes(&router->text);
    } else if (bytes_equal(ask.topic, bytes_of_text("seals"))) {
        answer.status = arrival->role == ROLE_PEER ? STATUS_OK : STATUS_NOT_AUTHORISED;
        if (!answer.status)
            keyring_tell(&router->keyring, &router->text);
        answer.text = buf_bytes(&router->text);
    } else {
        answer.status = STATUS_INVALID;
        answer.text = bytes_of_text("this router does not know the question");
    }
    answer_answer(router, arrival->link, &answer, outbox);
    return STATUS_OK;
}
