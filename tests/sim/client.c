#include "sim/client.h"

enum {
    SILENCE_US = 1500 * WORLD_MS,
    PAUSE_FIRST_US = 5 * WORLD_MS,
    PAUSE_MAX_US = 200 * WORLD_MS,
};

static void receive(void *self, const struct arrival *arrival, struct buf *bytes);
static void begin_random(void *self, struct event *event);

void client_init(struct client *client, uint32_t index, struct world *world,
                 struct network *network, struct history *history, const struct ring *ring)
{
    *client = (struct client){.world = world,
                              .network = network,
                              .history = history,
                              .ring = ring,
                              .port = NETWORK_CLIENT + index,
                              .router = (uint32_t)world_below(world, ring->node_count),
                              .is_patient = world_chance(world, 700),
                              .think_us = world_between(world, 1, 60) * WORLD_MS};
    network->ports[client->port] = (struct port){.receive = receive, .self = client};
    network_start(network, client->port);
}

void client_release(struct client *client)
{
    for (uint32_t i = 0; i < HISTORY_KEYS_MAX; i++)
        buf_release(&client->contexts[i]);
    buf_release(&client->after);
    buf_release(&client->record);
}

// ---- sending -------------------------------------------------------------------------

static void encode_put(struct client *client, struct buf *message)
{
    const struct act *act = client->act;
    const struct client_request *request = &client->request;
    const struct act *named = request->repeats ? request->repeats : act;
    struct buf value = {0};
    history_value(named, &value);
    struct op_put put = {
        .id = act->number,
        .request = history_request(client->history, named),
        .level = act->level,
        .flags = act->flags,
        .keyspace = bytes_of_text(client->history->keys[act->key].keyspace_name),
        .key = history_key_bytes(client->history, act->key),
        .value = buf_bytes(&value),
    };
    if (request->with_context)
        put.context = buf_bytes(&client->contexts[act->key]);
    size_t begun = message->size;
    op_encode_put(&put, message);
    client->tries.is_repeated |= client->is_maybe_applied;
    struct put_try next = tries_next(&client->tries, random_u64(&client->world->random),
                                     client->world->now_us / WORLD_MS);
    op_put_set_try(message->data + begun, &next);
    buf_release(&value);
}

static void encode(struct client *client, struct buf *message, enum message_type *type)
{
    const struct act *act = client->act;
    const struct history_key *key = &client->history->keys[act->key];
    struct bytes keyspace = bytes_of_text(key->keyspace_name);
    if (act->kind <= ACT_DELETE && !client->clock.is_known) {
        struct op_hello hello = {.version_min = MESSAGE_VERSION, .version_max = MESSAGE_VERSION};
        op_encode_hello(&hello, message);
        *type = MESSAGE_HELLO; // its answer tells the time; then the put goes
    } else if (act->kind == ACT_GET) {
        struct op_get get = {.id = act->number,
                             .level = act->level,
                             .flags = act->flags | GET_WANT_CONTEXT,
                             .keyspace = keyspace,
                             .key = history_key_bytes(client->history, act->key)};
        op_encode_get(&get, message);
        *type = MESSAGE_GET;
    } else if (act->kind == ACT_SCAN) {
        struct op_scan scan = {.id = act->number,
                               .level = act->level,
                               .flags = act->flags,
                               .partition = key->partition,
                               .size_max = 1 + act->value_size,
                               .keyspace = keyspace,
                               .after = buf_bytes(&client->after)};
        op_encode_scan(&scan, message);
        *type = MESSAGE_SCAN;
    } else {
        encode_put(client, message);
        *type = MESSAGE_PUT;
    }
}

static void fail_over(struct client *client)
{
    client->router = (client->router + 1) % client->ring->node_count;
    client->clock.is_known = false;
    network_start(client->network, client->port); // answers to the old connection are lost
    world_sometimes(client->world, SOMETIMES_FAIL_OVER, true);
}

static void send(struct client *client);

static void on_silence(void *self, struct event *event)
{
    struct client *client = self;
    if (!client->act || client->act->number != event->a || client->attempt != event->b)
        return;
    client->is_maybe_applied |= client->clock.is_known; // else it was only HELLO
    fail_over(client);
    send(client);
}

static void send(struct client *client)
{
    struct world *world = client->world;
    struct buf message = {0};
    enum message_type type;
    uint64_t left_ms = (client->deadline_us - world->now_us) / WORLD_MS + 1;
    uint64_t answer_ms = left_ms / 10 < 50 ? left_ms / 10 : 50;
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    encode(client, &message, &type);
    struct message_header header = {.type = (uint8_t)type,
                                    .count = 1,
                                    .body_size = (uint32_t)(message.size - MESSAGE_HEADER_SIZE),
                                    .boot = client->port,
                                    .budget_ms = (uint32_t)(left_ms - answer_ms),
                                    .sent_ms = world->now_us / WORLD_MS,
                                    .your_ms =
                                        peer_clock_now(&client->clock, world->now_us / WORLD_MS)};
    message_header_encode(&header, message.data);
    client->attempt++;
    client->act->is_retried |= client->is_maybe_applied;
    client->is_in_doubt = type == MESSAGE_PUT;
    world_plan(world, SILENCE_US, on_silence, client, client->act->number, client->attempt);
    network_send_port_take(client->network, client->port, NETWORK_ROUTER + client->router,
                           &message);
}

static void on_pause_over(void *self, struct event *event)
{
    struct client *client = self;
    if (client->act && client->act->number == event->a && client->attempt == event->b)
        send(client);
}

// ---- the end of an operation ---------------------------------------------------------

static void end(struct client *client, enum status status, struct dot dot)
{
    struct act *act = client->act;
    bool is_put = act->kind <= ACT_DELETE;
    if (is_put && client->is_maybe_applied && status != STATUS_OK)
        status = STATUS_INDETERMINATE;
    client->act = NULL;
    client->status = status;
    history_end(client->history, act, status, dot);
    if (client->acts_left)
        world_plan(client->world, world_below(client->world, client->think_us), begin_random,
                   client, 0, 0);
}

static void on_deadline(void *self, struct event *event)
{
    struct client *client = self;
    if (!client->act || client->act->number != event->a)
        return;
    client->is_maybe_applied |= client->is_in_doubt;
    end(client,
        client->act->kind > ACT_DELETE || client->is_maybe_applied ? STATUS_TIMEOUT : STATUS_BUSY,
        (struct dot){0});
}

static bool is_worth_a_retry(const struct client *client, enum status status)
{
    switch (status) {
    case STATUS_BUSY:
    case STATUS_STALE:
    case STATUS_LATE:
        return true;
    case STATUS_INDETERMINATE:
    case STATUS_TIMEOUT:
        return client->is_patient;
    case STATUS_UNAVAILABLE:
    case STATUS_NOT_OWNER:
        return client->is_patient && client->is_maybe_applied;
    default:
        return false;
    }
}

// True if the operation goes on in spite of this answer.
static bool try_again(struct client *client, enum status status)
{
    if (status == STATUS_INDETERMINATE || status == STATUS_TIMEOUT)
        client->is_maybe_applied = true;
    if (!is_worth_a_retry(client, status) ||
        client->world->now_us + PAUSE_FIRST_US >= client->deadline_us)
        return false;
    client->is_in_doubt = false;
    client->pause_us = client->pause_us ? 2 * client->pause_us : PAUSE_FIRST_US;
    if (client->pause_us > PAUSE_MAX_US)
        client->pause_us = PAUSE_MAX_US;
    client->attempt++;
    world_plan(client->world, client->pause_us, on_pause_over, client, client->act->number,
               client->attempt);
    return true;
}

// Outcomes that no well-formed request on an unchanged ring may have.
static void check_status(struct client *client, enum status status)
{
    if (status == STATUS_INVALID || status == STATUS_CORRUPT || status == STATUS_INTERNAL ||
        status == STATUS_NOT_OWNER || status == STATUS_STALE || status == STATUS_NOT_AUTHORISED)
        world_fail(client->world, "operation %u is answered \"%s\"", client->act->number,
                   status_text(status));
}

// ---- answers -------------------------------------------------------------------------

static void on_put_done(struct client *client, const struct op_put_done *done)
{
    check_status(client, done->status);
    if (try_again(client, done->status))
        return;
    if (!done->status && (client->act->flags & PUT_WANT_CONTEXT) && done->context.size)
        buf_set(&client->contexts[client->act->key], done->context);
    end(client, done->status, done->dot);
}

static void check_item(struct client *client, uint32_t key, struct bytes encoded)
{
    struct record record = {0};
    bool is_damaged =
        encoded.size && record_decode(&record, history_key_bytes(client->history, key), encoded);
    if (is_damaged)
        world_fail(client->world, "%s: a record arrives damaged", client->history->keys[key].name);
    history_check_read(client->history, client->act, key, &record);
    if (client->history->keys[key].is_lww && record.count > 1)
        world_fail(client->world, "%s: a read returned siblings in a keyspace that has none",
                   client->history->keys[key].name);
    record_release(&record);
}

static void on_got(struct client *client, const struct op_got *got)
{
    check_status(client, got->status);
    if (try_again(client, got->status))
        return;
    buf_set(&client->record, got->record);
    if (got->status == STATUS_OK || got->status == STATUS_NOT_FOUND)
        check_item(client, client->act->key, got->record);
    if (got->context.size)
        buf_set(&client->contexts[client->act->key], got->context);
    end(client, got->status, (struct dot){0});
}

// Keys of the partition that the scan did not meet are read as "nothing".
static void end_scan(struct client *client)
{
    const struct history *history = client->history;
    const struct history_key *at = &history->keys[client->act->key];
    for (uint32_t i = 0; i < history->key_count; i++) {
        const struct history_key *key = &history->keys[i];
        if (!client->scanned[i] && key->partition == at->partition && key->keyspace == at->keyspace)
            check_item(client, i, (struct bytes){0});
    }
    end(client, STATUS_OK, (struct dot){0});
}

static void on_scanned(struct client *client, const struct op_scanned *scanned)
{
    check_status(client, scanned->status);
    if (scanned->status) {
        end(client, scanned->status, (struct dot){0});
        return;
    }
    struct reader items = reader_of(scanned->items);
    for (uint32_t i = 0; i < scanned->item_count; i++) {
        struct bytes name = reader_short(&items);
        struct bytes record = reader_sized(&items);
        int key = history_find_key(client->history, scanned->keyspace, name);
        if (key < 0 || client->scanned[key]) {
            world_fail(client->world, "a scan returns a key twice, or one that nobody wrote");
            return;
        }
        client->scanned[key] = true;
        check_item(client, (uint32_t)key, record);
    }
    if (scanned->done) {
        end_scan(client);
        return;
    }
    world_sometimes(client->world, SOMETIMES_PAGES, scanned->item_count);
    buf_set(&client->after, scanned->last);
    send(client);
}

static void receive(void *self, const struct arrival *arrival, struct buf *bytes)
{
    struct client *client = self;
    struct message_header header;
    struct reader body;
    (void)arrival;
    if (message_header_decode(&header, buf_bytes(bytes), &body)) {
        world_fail(client->world, "a client got something that is no message");
        return;
    }
    peer_clock_learn(&client->clock, &header, client->world->now_us / WORLD_MS);
    if (header.type == MESSAGE_WELCOME) {
        if (client->act && client->act->kind <= ACT_DELETE && !client->is_in_doubt)
            send(client);
        return;
    }
    for (unsigned i = 0; i < header.count; i++) {
        union {
            struct op_put_done put_done;
            struct op_got got;
            struct op_scanned scanned;
        } op;
        uint64_t number = client->act ? client->act->number : 0;
        if (header.type == MESSAGE_PUT_DONE && !op_decode_put_done(&op.put_done, &body)) {
            if (op.put_done.id == number)
                on_put_done(client, &op.put_done);
        } else if (header.type == MESSAGE_GOT && !op_decode_got(&op.got, &body)) {
            if (op.got.id == number)
                on_got(client, &op.got);
        } else if (header.type == MESSAGE_SCANNED && !op_decode_scanned(&op.scanned, &body)) {
            if (op.scanned.id == number)
                on_scanned(client, &op.scanned);
        } else {
            world_fail(client->world, "a client got a message of type %u", header.type);
        }
    }
}

void client_lose_link(struct client *client)
{
    client->is_maybe_applied |= client->act && client->is_in_doubt;
    fail_over(client);
    if (client->act)
        send(client);
}

// ---- what to do next -----------------------------------------------------------------

void client_start(struct client *client, const struct client_request *request)
{
    struct history *history = client->history;
    const struct history_key *key = &history->keys[request->key];
    struct act *act = history_begin(history, request->kind, request->key);
    const struct ring_keyspace *keyspace = ring_keyspace(client->ring, key->keyspace);
    bool is_put = request->kind <= ACT_DELETE;
    uint8_t standard = is_put ? keyspace->w : keyspace->r;
    act->flags = request->flags;
    act->level = request->level;
    act->count = (uint8_t)ring_level_count(request->level ? request->level : standard, key->n);
    act->value_size = request->value_size;
    if (request->repeats)
        act->names = request->repeats->number;
    client->act = act;
    client->request = *request;
    client->deadline_us = client->world->now_us + request->timeout_us;
    client->is_maybe_applied = request->repeats;
    client->is_in_doubt = false;
    tries_init(&client->tries, TRIES_BUDGET_MS, 0, request->repeats);
    client->pause_us = 0;
    buf_clear(&client->after);
    memset(client->scanned, 0, sizeof client->scanned);
    world_note(client->world, "client %u asks n%u: %s %u of %s, level %u, flags %u%s",
               client->port - NETWORK_CLIENT, client->router,
               request->kind == ACT_DELETE ? "delete"
               : is_put                    ? "put"
               : request->kind == ACT_GET  ? "get"
                                           : "scan",
               act->number, key->name, act->count, act->flags,
               request->with_context ? ", with context" : "");
    world_plan(client->world, request->timeout_us, on_deadline, client, act->number, 0);
    send(client);
}

static uint8_t choose_level(struct client *client, uint32_t key)
{
    if (world_chance(client->world, 400))
        return RING_LEVEL_DEFAULT;
    if (world_chance(client->world, 300))
        return world_chance(client->world, 500) ? RING_LEVEL_QUORUM : RING_LEVEL_ALL;
    return (uint8_t)world_between(client->world, 1, client->history->keys[key].n);
}

static void begin_random(void *self, struct event *event)
{
    struct client *client = self;
    struct world *world = client->world;
    (void)event;
    if (!client->acts_left || client->act)
        return;
    client->acts_left--;
    struct client_request request = {
        .key = (uint32_t)world_below(world, client->history->key_count),
        .timeout_us = world_between(world, 100, 3000) * WORLD_MS,
        .value_size = (uint32_t)world_below(world, client->value_size_max),
    };
    request.level = choose_level(client, request.key);
    uint64_t dice = world_below(world, 100);
    if (dice < 35) {
        request.kind = ACT_GET;
    } else if (dice < 40) {
        request.kind = ACT_SCAN;
        request.flags = world_chance(world, 300) ? SCAN_HEADS : 0;
    } else {
        request.kind = dice < 50 ? ACT_DELETE : ACT_PUT;
        request.flags = request.kind == ACT_DELETE ? PUT_DELETE : 0;
        request.flags |= world_chance(world, 300) ? PUT_WANT_CONTEXT : 0;
        request.flags |= world_chance(world, 150) ? PUT_KEEP_SIBLINGS : 0;
        request.flags |= world_chance(world, 300) ? PUT_STRICT : 0;
        request.with_context = client->contexts[request.key].size && world_chance(world, 500);
    }
    client_start(client, &request);
}

void client_begin(struct client *client)
{
    world_plan(client->world, world_below(client->world, 100 * WORLD_MS), begin_random, client, 0,
               0);
}
