// service.h - which processes a node has, where each listens, and who may ask it what.
//
// A door is an address that a service listens on: a port, counted from the node's base port, or a
// socket on its own machine. dkv-wire(7) has the same table for people.
#pragma once

#include "wire/message.h"
#include "wire/role.h"

enum service {
    SERVICE_STORE,
    SERVICE_ROUTER,
    SERVICE_HINTD,
    SERVICE_REPAIR,
    SERVICE_COUNT,
};

const char *service_text(enum service service); // "store"

static inline uint32_t service_bit(enum service service) // of a set of them
{
    return (uint32_t)1 << service;
}

enum door {
    DOOR_CLIENT, // of the router: clients
    DOOR_PEER,   // of the router: other routers
    DOOR_STORE,
    DOOR_STORE_BACKGROUND, // what must not stand before requests
    DOOR_HINTD,
    DOOR_REPAIR,
    DOOR_COUNT,
};

struct door_facts {
    enum service service;
    unsigned port_offset;
    const char *socket;   // NULL: it has no socket on its own machine
    bool is_private;      // that is for the node's own processes
    enum role role_least; // by tcp
};

const struct door_facts *door_facts(enum door door);

// Whether a role may send this message to a service. Replies are never requests.
bool service_allows(enum service service, enum role role, enum message_type type);
