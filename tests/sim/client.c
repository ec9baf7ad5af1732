#include "wire/client.h"
#include "sim/client_inside.h"

enum { CONNECT_MS = 250, BULK_MS = 11 * 1000 };

static void begin_random(void *self, struct event *event);

// Answers to copies go where nobody is.
static void receive_nothing(void *self, const struct arrival *arrival, struct buf *bytes)
{
    (void)self;
    (void)arrival;
    (void)bytes;
}

void client_init(struct client *client, uint32_t index, struct world *world,
                 struct network *network, struct history *history, const struct ring *ring)
{
    *client = (struct client){.world = world,
                              .network = network,
                              .history = history,
                              .ring = ring,
                              .port = NETWORK_CLIENT + index,
                              .router = (uint32_t)world_below(world, ring->node_count),
                              .is_bulk = world_chance(world, 200),
                              .notices = world_chance(world, 500),
                              .copied = world_chance(world, 300) ? world_below(world, 200) : 0,
                              .width = 1,
                              .think_us = world_between(world, 1, 60) * WORLD_MS};
    if (world_chance(world, 400))
        client->width = (uint32_t)world_between(world, 2, CLIENT_FLIGHTS_MAX);
    conversation_init(&client->conversation, random_u64(&world->random));
    uint64_t far_chance = world_chance(world, 700) ? 1000 : 500;
    for (uint32_t i = 0; i < ring->node_count; i++)
        conversation_add_endpoint(&client->conversation,
                                  world_chance(world, far_chance) ? SPREAD_FAR : SPREAD_IPC,
                                  CONNECT_MS);
    if (world_chance(world, 500))
        conversation_use(&client->conversation, client->router);
    client->is_learning = world_chance(world, 500);
    for (uint32_t i = 0; i < CLIENT_FLIGHTS_MAX; i++)
        client->flights[i].client = client;
    network->ports[client->port] = (struct port){.receive = client_receive, .self = client};
    network_start(network, client->port);
    network->ports[NETWORK_GHOST] = (struct port){.receive = receive_nothing, .up = true};
}

void client_release(struct client *client)
{
    for (uint32_t i = 0; i < HISTORY_KEYS_MAX; i++)
        buf_release(&client->contexts[i]);
    buf_release(&client->record);
    conversation_release(&client->conversation);
}

// ---- the end of an operation ---------------------------------------------------------

static void end(struct client_flight *flight, enum status status, struct dot dot)
{
    struct client *client = flight->client;
    struct act *act = flight->act;
    flight->act = NULL;
    client->flight_count--;
    client->act = NULL;
    for (uint32_t i = 0; i < CLIENT_FLIGHTS_MAX; i++)
        client->act = client->flights[i].act ? client->flights[i].act : client->act;
    client->status = status;
    history_end(client->history, act, status, dot);
    if (client->acts_left)
        world_plan(client->world, world_below(client->world, client->think_us), begin_random,
                   client, 0, 0);
}

// Outcomes that no well-formed request on an unchanged ring may have.
static void check_status(const struct client_flight *flight, enum status status)
{
    if (status == STATUS_INVALID || status == STATUS_CORRUPT || status == STATUS_INTERNAL ||
        status == STATUS_NOT_OWNER || status == STATUS_STALE || status == STATUS_NOT_AUTHORISED)
        world_fail(flight->client->world, "operation %u is answered \"%s\"", flight->act->number,
                   status_text(status));
}

static void on_put(void *self, const struct op_put_done *done)
{
    struct client_flight *flight = self;
    struct client *client = flight->client;
    check_status(flight, done->status);
    if (!done->status)
        client->obeyed[client->obeyed_count++ % CLIENT_OBEYED_MAX] = done->id;
    flight->act->is_hinted |= done->hinted > 0;
    if (!done->status && (flight->act->flags & PUT_WANT_CONTEXT) && done->context.size)
        buf_set(&client->contexts[flight->act->key], done->context);
    end(flight, done->status, done->dot);
}

static void check_item(struct client_flight *flight, uint32_t key, struct bytes encoded)
{
    struct client *client = flight->client;
    struct record record = {0};
    bool is_damaged =
        encoded.size && record_decode(&record, history_key_bytes(client->history, key), encoded);
    if (is_damaged)
        world_fail(client->world, "%s: a record arrives damaged", client->history->keys[key].name);
    history_check_read(client->history, flight->act, key, &record);
    if (client->history->keys[key].is_lww && record.count > 1)
        world_fail(client->world, "%s: a read returned siblings in a keyspace that has none",
                   client->history->keys[key].name);
    record_release(&record);
}

static void on_got(void *self, const struct op_got *got)
{
    struct client_flight *flight = self;
    check_status(flight, got->status);
    buf_set(&flight->client->record, got->record);
    if (got->status == STATUS_OK || got->status == STATUS_NOT_FOUND)
        check_item(flight, flight->act->key, got->record);
    if (got->context.size)
        buf_set(&flight->client->contexts[flight->act->key], got->context);
    end(flight, got->status, (struct dot){0});
}

// Keys of the partition that the scan did not meet are read as "nothing".
static void end_scan(struct client_flight *flight)
{
    const struct history *history = flight->client->history;
    const struct history_key *at = &history->keys[flight->act->key];
    for (uint32_t i = 0; i < history->key_count; i++) {
        const struct history_key *key = &history->keys[i];
        if (!flight->scanned[i] && key->partition == at->partition && key->keyspace == at->keyspace)
            check_item(flight, i, (struct bytes){0});
    }
    end(flight, STATUS_OK, (struct dot){0});
}

static void scan(struct client_flight *flight, struct bytes after);

static void on_scanned(void *self, const struct op_scanned *scanned)
{
    struct client_flight *flight = self;
    struct client *client = flight->client;
    check_status(flight, scanned->status);
    if (scanned->status) {
        end(flight, scanned->status, (struct dot){0});
        return;
    }
    struct reader items = reader_of(scanned->items);
    for (uint32_t i = 0; i < scanned->item_count; i++) {
        struct bytes name = reader_short(&items);
        struct bytes record = reader_sized(&items);
        int key = history_find_key(client->history, scanned->keyspace, name);
        if (key < 0 || flight->scanned[key]) {
            world_fail(client->world, "a scan returns a key twice, or one that nobody wrote");
            return;
        }
        flight->scanned[key] = true;
        check_item(flight, (uint32_t)key, record);
    }
    if (scanned->done) {
        end_scan(flight);
        return;
    }
    world_sometimes(client->world, SOMETIMES_PAGES, scanned->item_count);
    scan(flight, scanned->last);
}

// ---- what to do next -----------------------------------------------------------------

static void scan(struct client_flight *flight, struct bytes after)
{
    struct client *client = flight->client;
    const struct history_key *key = &client->history->keys[flight->act->key];
    struct op_scan op = {.level = flight->act->level,
                         .flags = flight->act->flags,
                         .partition = key->partition,
                         .size_max = 1 + flight->act->value_size,
                         .keyspace = bytes_of_text(key->keyspace_name),
                         .after = after};
    conversation_scan(&client->conversation, &op, flight->deadline_ms, client_now_ms(client),
                      on_scanned, flight);
}

static void get(struct client_flight *flight)
{
    struct client *client = flight->client;
    const struct act *act = flight->act;
    struct op_get op = {.level = act->asked,
                        .flags = act->flags | GET_WANT_CONTEXT,
                        .keyspace = bytes_of_text(client->history->keys[act->key].keyspace_name),
                        .key = history_key_bytes(client->history, act->key)};
    conversation_get(&client->conversation, &op, flight->deadline_ms, client_now_ms(client), on_got,
                     flight);
}

static void put(struct client_flight *flight)
{
    struct client *client = flight->client;
    const struct act *act = flight->act;
    const struct client_request *request = &flight->request;
    const struct act *named = request->repeats ? request->repeats : act;
    struct buf value = {0};
    history_value(named, &value);
    struct op_put op = {
        .request = history_request(client->history, named),
        .level = act->asked,
        .flags = act->flags | (request->repeats ? PUT_RETRY : 0),
        .keyspace = bytes_of_text(client->history->keys[act->key].keyspace_name),
        .key = history_key_bytes(client->history, act->key),
        .value = buf_bytes(&value),
    };
    if (request->with_context)
        op.context = buf_bytes(&client->contexts[act->key]);
    conversation_put(&client->conversation, &op, flight->deadline_ms, client_now_ms(client), on_put,
                     flight);
    buf_release(&value);
}

static struct client_flight *free_flight(struct client *client)
{
    for (uint32_t i = 0; i < CLIENT_FLIGHTS_MAX; i++) {
        if (!client->flights[i].act)
            return &client->flights[i];
    }
    return NULL;
}

static void begin(struct client *client, const struct client_request *request)
{
    struct history *history = client->history;
    const struct history_key *key = &history->keys[request->key];
    struct act *act = history_begin(history, request->kind, request->key);
    const struct ring_keyspace *keyspace = ring_keyspace(client->ring, key->keyspace);
    bool is_put = request->kind <= ACT_DELETE;
    uint8_t standard = is_put ? keyspace->w : keyspace->r;
    act->flags = request->flags;
    act->asked = request->level;
    act->level = request->level ? request->level : standard;
    act->value_size = request->value_size;
    if (request->repeats)
        act->names = request->repeats->number;
    struct client_flight *flight = free_flight(client);
    flight->act = client->act = act;
    flight->request = *request;
    flight->deadline_ms =
        client_now_ms(client) +
        (client->is_bulk && !client->is_patient ? BULK_MS : request->timeout_us / WORLD_MS);
    memset(flight->scanned, 0, sizeof flight->scanned);
    client->flight_count++;
    world_note(client->world, "client %u asks: %s %u of %s, level %s, flags %u%s",
               client->port - NETWORK_CLIENT,
               request->kind == ACT_DELETE ? "delete"
               : is_put                    ? "put"
               : request->kind == ACT_GET  ? "get"
                                           : "scan",
               act->number, key->name, ring_level_text(act->level), act->flags,
               request->with_context ? ", with context" : "");
    if (is_put)
        put(flight);
    else if (request->kind == ACT_GET)
        get(flight);
    else
        scan(flight, (struct bytes){0});
}

void client_start(struct client *client, const struct client_request *request)
{
    conversation_use(&client->conversation, client->router);
    begin(client, request);
    client_take_turn(client);
}

static uint8_t choose_level(struct client *client, uint32_t key)
{
    if (world_chance(client->world, 400))
        return RING_LEVEL_DEFAULT;
    if (world_chance(client->world, 300))
        return (uint8_t)(RING_LEVEL_QUORUM + world_below(client->world, 4));
    return (uint8_t)world_between(client->world, 1, client->history->keys[key].n);
}

static struct client_request choose(struct client *client)
{
    struct world *world = client->world;
    struct client_request request = {
        .key = (uint32_t)world_below(world, client->history->key_count),
        .timeout_us = world_between(world, 100, 3000) * WORLD_MS,
        .value_size = (uint32_t)world_below(world, client->value_size_max),
    };
    request.level = choose_level(client, request.key);
    uint64_t dice = world_below(world, 100);
    if (dice < 35) {
        request.kind = ACT_GET;
        request.flags = world_chance(world, 200) ? GET_MONOTONIC : 0;
        request.flags |= world_chance(world, 300) ? GET_STRICT : 0;
    } else if (dice < 40) {
        request.kind = ACT_SCAN;
        request.flags = world_chance(world, 300) ? SCAN_HEADS : 0;
    } else {
        request.kind = dice < 50 ? ACT_DELETE : ACT_PUT;
        request.flags = request.kind == ACT_DELETE ? PUT_DELETE : 0;
        request.flags |= world_chance(world, 300) ? PUT_WANT_CONTEXT : 0;
        request.flags |= world_chance(world, 150) ? PUT_KEEP_SIBLINGS : 0;
        request.flags |= world_chance(world, 300) ? PUT_STRICT : 0;
        request.flags |= world_chance(world, 150) ? PUT_CONDITIONAL : 0;
        request.with_context = client->contexts[request.key].size && world_chance(world, 500);
    }
    return request;
}

static void begin_random(void *self, struct event *event)
{
    struct client *client = self;
    (void)event;
    if (client->is_learning)
        conversation_learn_ring(&client->conversation, client_now_ms(client));
    // They begin together, so that they can share a message.
    uint64_t wanted = 1 + world_below(client->world, client->width);
    while (client->acts_left && client->flight_count < client->width && wanted--) {
        struct client_request request = choose(client);
        client->acts_left--;
        begin(client, &request);
    }
    client_take_turn(client);
}

void client_begin(struct client *client)
{
    world_plan(client->world, world_below(client->world, 100 * WORLD_MS), begin_random, client, 0,
               0);
}
