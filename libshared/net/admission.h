// admission.h - what a listener asks of those who connect to it, and what they may do then.
//
// net/zap.h keeps one for each listener, and judges every connection and every message by it.
#pragma once

#include "net/options.h"

// How a listener knows who is at the other end.
enum proof {
    PROOF_KEY,  // tcp: the key that CURVE proved
    PROOF_USER, // ipc: the user that the kernel names
    PROOF_NONE, // tcp on a loopback address, nothing proved
};

enum { ADMISSIONS_MAX = 16 }; // listeners of a net

struct admission {
    enum proof proof;
    uint16_t port;        // of tcp
    enum role role_least; // of keys
    enum role role_local; // of members of our group, or of everybody on the loopback
};

// That of this listener. REFUSED: plain on an address that is not loopback. An ipc path in a
// directory that is open to ourselves alone has no role for others.
enum status admission_of(const struct net_listener *listener, struct admission *admission,
                         struct fault *fault) MUST_USE;
