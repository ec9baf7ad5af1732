// role.h - what the holder of a key may ask for.
//
// The shell (turn.h) authenticates every connection (CURVE and ZAP over tcp, peer
// credentials over ipc) and hands the brain, with every message, the role and the name behind it.
// The brain checks the role for every message type (service.h).
#pragma once

#include "wire/message.h"
#include "wire/outbox.h"

enum role {
    ROLE_NONE = 0,   // not authenticated: nothing is served
    ROLE_READER = 1, // GET, SCAN
    ROLE_CLIENT = 2, // and PUT
    ROLE_ADMIN = 3,  // and all that an operator does
    ROLE_PEER = 4,   // a process of a node of the ring
};

const char *role_text(enum role role);                               // "reader", ...
enum status role_parse(struct bytes text, enum role *role) MUST_USE; // reader client admin peer

// Where a message came from.
struct arrival {
    link_id link; // where an answer goes
    enum role role;
    uint64_t node; // the node id bound to the key, 0 if it is not a node's
};
