#include "sim/network.h"

static const link_id way_back = (link_id)1 << 63;

link_id network_link(uint32_t number)
{
    return number;
}

uint32_t network_number(link_id link)
{
    return link & way_back ? UINT32_MAX : (uint32_t)link;
}

void network_set_row(struct network *network, uint32_t from, uint32_t node, uint32_t row)
{
    network->rows[from][node] = row;
}

link_id network_link_to(const struct network *network, uint32_t from, uint32_t port)
{
    enum service service = port < NETWORK_ROUTER   ? SERVICE_STORE
                           : port < NETWORK_HINTD  ? SERVICE_ROUTER
                           : port < NETWORK_REPAIR ? SERVICE_HINTD
                                                   : SERVICE_REPAIR;
    return network->rows[from][network_place(port)] * SERVICE_COUNT + service;
}

// NETWORK_PORTS_MAX: there is no such service here.
static uint32_t port_at(uint32_t node, uint32_t service)
{
    return service == SERVICE_STORE    ? node
           : service == SERVICE_ROUTER ? NETWORK_ROUTER + node
           : service == SERVICE_HINTD  ? NETWORK_HINTD + node
           : service == SERVICE_REPAIR ? NETWORK_REPAIR + node
                                       : NETWORK_PORTS_MAX;
}

// What an own link goes to; NETWORK_PORTS_MAX: a node that nobody runs.
static uint32_t port_of(const struct network *network, uint32_t from, uint32_t number)
{
    for (uint32_t node = 0; node < NETWORK_NODES_MAX; node++) {
        if (network->rows[from][node] == number / SERVICE_COUNT)
            return port_at(node, number % SERVICE_COUNT);
    }
    return NETWORK_PORTS_MAX;
}

void network_start(struct network *network, uint32_t port)
{
    network->ports[port].up = true;
    network->ports[port].life++;
}

void network_stop(struct network *network, uint32_t port)
{
    network->ports[port].up = false;
}

static bool is_write(const struct buf *message)
{
    uint8_t type = message->data[3];
    return type == MESSAGE_PUT || type == MESSAGE_UPDATE || type == MESSAGE_HINT ||
           type == MESSAGE_HINT_UPDATE;
}

// A letter: `a` is the port, `b` the link by which the receiver knows the sender. The life
// that it was meant for is in the upper half of `a`.
static void arrive(void *self, struct event *event)
{
    struct network *network = self;
    struct port *port = &network->ports[(uint32_t)event->a];
    bool is_bound = event->b & way_back >> 1;
    network->writes_on_way -= is_write(&event->bytes);
    bool is_old = port->life != (uint32_t)(event->a >> 32);
    if (!port->up || (is_bound && is_old))
        return;
    world_sometimes(network->world, SOMETIMES_OLD_LIFE, is_old);
    link_id link = event->b & ~(way_back >> 1);
    struct arrival arrival = {.link = link, .role = ROLE_PEER};
    if ((link & way_back) && (uint32_t)link >= NETWORK_CLIENT)
        arrival.role = ROLE_CLIENT;
    world_trace_bytes(network->world, buf_bytes(&event->bytes));
    port->receive(port->self, &arrival, &event->bytes);
}

static uint64_t delay(struct network *network, uint32_t from, uint32_t to)
{
    const struct network_faults *faults = &network->faults;
    uint64_t jitter = 1 + world_below(network->world, faults->jitter_us + 1);
    if (from == to)
        return 20 + world_below(network->world, 100);
    return faults->delay_us + world_below(network->world, jitter) + network->extra_us[from] +
           network->extra_us[to];
}

static void post(struct network *network, uint32_t from, uint32_t to, uint32_t life, link_id link,
                 struct buf *bytes)
{
    struct world *world = network->world;
    uint64_t at_us = world->now_us + delay(network, network_place(from), network_place(to));
    uint64_t *last_us = &network->arrives_us[from][to];
    uint64_t held_us = network->held_until_us[network_place(from)][network_place(to)];
    if (at_us < held_us)
        at_us = held_us + 1 + world_below(world, 200 * WORLD_MS);
    if (!network->faults.reorders && at_us <= *last_us)
        at_us = *last_us + 1;
    if (at_us > *last_us)
        *last_us = at_us;
    network->writes_on_way += is_write(bytes);
    struct event event = {.at_us = at_us,
                          .fire = arrive,
                          .self = network,
                          .a = (uint64_t)life << 32 | to,
                          .b = link,
                          .bytes = *bytes};
    *bytes = (struct buf){0};
    events_add_take(&world->events, &event);
}

static void send(struct network *network, uint32_t from, uint32_t to, uint32_t life, bool is_bound,
                 link_id link, struct buf *bytes)
{
    struct world *world = network->world;
    uint32_t from_place = network_place(from), to_place = network_place(to);
    network->watch(network->watcher, buf_bytes(bytes));
    bool is_stream = from_place == to_place || from >= NETWORK_CLIENT || to >= NETWORK_CLIENT;
    if (is_bound)
        link |= way_back >> 1;
    bool holds = network->held_until_us[from_place][to_place] > world->now_us;
    if ((network->cut[from_place][to_place] && !holds) ||
        (!is_stream && world_chance(world, network->faults.lost))) {
        buf_release(bytes);
        return;
    }
    if (!is_stream && network->faults.repeated && world_chance(world, network->faults.repeated)) {
        struct buf copy = {0};
        buf_set(&copy, buf_bytes(bytes));
        post(network, from, to, life, link, &copy);
    }
    post(network, from, to, life, link, bytes);
}

static link_id back_to(const struct network *network, uint32_t port)
{
    return way_back | (link_id)(network->ports[port].life & 0xffffff) << 32 | port;
}

void network_send_port_take(struct network *network, uint32_t from, uint32_t to, struct buf *bytes)
{
    send(network, from, to, network->ports[to].life, true, back_to(network, from), bytes);
}

void network_send_take(struct network *network, uint32_t from, link_id link, struct buf *bytes)
{
    uint32_t to = (uint32_t)link;
    if (link & way_back) { // an answer: it comes on the asker's own link
        uint32_t life = (uint32_t)(link >> 32) & 0xffffff;
        bool is_to_client = to >= NETWORK_CLIENT;
        link_id own = is_to_client ? from : network_link_to(network, to, from);
        send(network, from, to, life, true, own, bytes);
        return;
    }
    to = port_of(network, from, to);
    if (to == NETWORK_PORTS_MAX) { // a node that nobody runs
        buf_release(bytes);
        return;
    }
    bool is_bound = world_chance(network->world, 700);
    send(network, from, to, network->ports[to].life, is_bound, back_to(network, from), bytes);
}

static void uncut(void *self, struct event *event)
{
    struct network *network = self;
    network->cut[event->a][event->b] = false;
}

void network_cut(struct network *network, uint32_t from, uint32_t to, bool holds,
                 uint64_t duration_us)
{
    if (from == to || network->cut[from][to])
        return;
    network->cut[from][to] = true;
    if (holds)
        network->held_until_us[from][to] = network->world->now_us + duration_us;
    world_plan(network->world, duration_us, uncut, network, from, to);
}

void network_heal(struct network *network)
{
    memset(network->cut, 0, sizeof network->cut);
    memset(network->held_until_us, 0, sizeof network->held_until_us);
    memset(network->extra_us, 0, sizeof network->extra_us);
    network->faults.lost = network->faults.repeated = network->faults.unsent = 0;
    network->faults.reorders = false;
}
