// zap.h - decides who may connect (ZAP, ZeroMQ RFC 27).
//
// libzmq asks here, over inproc, at the end of every handshake. The domain of the
// request says at which listener the peer came. A peer that is let in gets a
// User-Id, which libzmq attaches to every message of the connection: for CURVE the
// Z85 text of the key, which is looked up again then; otherwise the role, as in "@client".
//
// czmq reads the requests and writes the replies. It allocates some memory for each, which does not
// count: there is one a handshake. Its own handler, zauth, is no replacement: it knows keys, but no
// listeners, roles or nodes, and looks at the directory of keys each time.
//
// A stranger is told 400, upon which libzmq gives the connection up for good. A peer
// that comes after net_unlisten() is told 300 and tries again.
#pragma once

#include "net/guard.h"

enum { ZAP_DOMAIN_SIZE = 16 };

struct zap {
    void *socket;
    struct net_directory directory;
    struct guard *guard; // is told whose keys were admitted
    struct admission admissions[ADMISSIONS_MAX];
    uint32_t admission_count;
    bool is_shut; // nobody comes in any more: come back later
    uint64_t refused_count;
    char refused[96]; // the last one: key or address
};

enum status zap_open(struct zap *zap, void *context, struct net_directory directory,
                     struct guard *guard, struct fault *fault) MUST_USE;
void zap_close(struct zap *zap); // may be repeated
void zap_serve(struct zap *zap); // answers all that are waiting

// Adds that of one more listener, and names the ZAP domain of it; at most ADMISSIONS_MAX.
void zap_add_admission(struct zap *zap, const struct admission *admission,
                       char domain[ZAP_DOMAIN_SIZE]);

// Finds the role of the holder of a User-Id, as things are now: NONE if it has none (any more).
enum role zap_role(const struct zap *zap, const struct admission *admission, const char *user,
                   uint64_t *node);
