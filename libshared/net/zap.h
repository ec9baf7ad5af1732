// zap.h - decides who may connect (ZAP, ZeroMQ RFC 27).
//
// libzmq asks here, over inproc, at the end of every handshake. The domain of the
// request says through which door (net/socket.h) the peer came. Who is let in gets a
// User-Id, which libzmq attaches to every message of the connection: for CURVE the
// Z85 text of the key, otherwise the name of the door.
//
// A stranger is told 400, upon which libzmq gives the connection up for good. Who comes
// while the door is shut is told 300 and tries again.
#pragma once

#include "net/socket.h"

struct zap {
    void *socket;
    struct net_directory directory;
    bool is_shut; // nobody comes in any more: come back later
    uint64_t refused_count;
    char refused[96]; // the last one: key or address
};

enum status zap_open(struct zap *zap, void *context, struct net_directory directory,
                     struct fault *fault) MUST_USE;
void zap_close(struct zap *zap); // may be repeated
void zap_serve(struct zap *zap); // answers all that are waiting
