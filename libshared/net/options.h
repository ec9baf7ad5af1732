// options.h - what a net is made from: keys, a directory of those who may connect, listeners.
#pragma once

#include "base/fault.h"
#include "wire/role.h"

struct net_keys { // Z85 text
    char public_key[41];
    char secret_key[41];
};

// Looks a public key up: fills in role and node, or returns false. Called for every new
// connection and for every message.
struct net_directory {
    void *context;
    bool (*find)(void *context, const char *public_key, enum role *role, uint64_t *node);
};

struct net_options {
    struct net_keys keys;           // of this process
    struct net_directory directory; // who may connect to our listeners
    size_t message_size_max;        // of what comes in on links
};

struct net_listener {
    const char *endpoint;    // "ipc://PATH" or "tcp://ADDRESS:PORT"
    size_t message_size_max; // of the largest request that is legal there
    enum role role_least;    // keys of less are refused at the handshake
    enum role role_local;    // without keys: of others than our user and root, if the directory of
                             // the ipc path is open to our group; of everybody, if it is plain tcp
    bool plain;              // tcp on a loopback address without CURVE
};
