// zap.h - decides who may connect (ZAP, ZeroMQ RFC 27).
//
// libzmq asks here, over inproc, at the end of every handshake. The domain of the
// request says through which door (net/socket.h) the peer came. A peer that is let in gets a
// User-Id, which libzmq attaches to every message of the connection: for CURVE the
// Z85 text of the key, which is looked up again then; otherwise the role, as in "@client".
//
// czmq reads the requests and writes the replies. It allocates some memory for each, which does not
// count: there is one a handshake. Its own handler, zauth, is no replacement: it knows keys, but no
// doors, roles or nodes, and looks at the directory of keys each time.
//
// A stranger is told 400, upon which libzmq gives the connection up for good. A peer
// that comes while the door is shut is told 300 and tries again.
#pragma once

#include "net/guard.h"

enum { ZAP_DOMAIN_SIZE = 16 };

struct zap {
    void *socket;
    struct net_directory directory;
    struct guard *guard; // is told whose keys were admitted
    struct door doors[DOORS_MAX];
    uint32_t door_count;
    bool is_shut; // nobody comes in any more: come back later
    uint64_t refused_count;
    char refused[96]; // the last one: key or address
};

enum status zap_open(struct zap *zap, void *context, struct net_directory directory,
                     struct guard *guard, struct fault *fault) MUST_USE;
void zap_close(struct zap *zap); // may be repeated
void zap_serve(struct zap *zap); // answers all that are waiting

// One more door, there are at most DOORS_MAX: the ZAP domain of its listener.
void zap_add_door(struct zap *zap, const struct door *door, char domain[ZAP_DOMAIN_SIZE]);

// Finds the role of the holder of a User-Id, as things are now: NONE if it has none (any more).
enum role zap_role(const struct zap *zap, const struct door *door, const char *user,
                   uint64_t *node);
