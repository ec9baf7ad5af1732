// endpoints.h - where routers are: "ipc:///run/dkv/router.sock,tcp://10.0.0.1:7400".
//
// A tcp endpoint is reached with CURVE: our key pair is in KEY_DIR/client.key, the public
// keys of the nodes are in KEY_DIR/cluster.pub, which is either the ring document of the
// cluster (`dkv ring export`), in which a node is found by address and port, or the public
// key file of a single node. Without a key directory tcp is possible on loopback
// addresses (numbers) alone, for clusters that run without CURVE.
#pragma once

#include "client/conversation.h"
#include "net/endpoint.h"
#include "net/net.h"

enum { ENDPOINTS_MAX = CONVERSATION_ENDPOINTS_MAX };

struct endpoints_item {
    char text[ENDPOINT_SIZE];
    char server_key[41]; // Z85, "" for ipc and plain tcp
    enum spread_kind kind;
};

struct endpoints {
    struct endpoints_item items[ENDPOINTS_MAX];
    uint32_t count;       // at least 1 after a parse that returned OK
    struct net_keys keys; // ours, empty without a key directory
};

// key_dir NULL = none. INVALID: malformed, too many, tcp without keys, a node that cluster.pub
// does not know. Reads no file if all endpoints are ipc.
enum status endpoints_parse(struct endpoints *endpoints, const char *text, const char *key_dir,
                            struct fault *fault) MUST_USE;

// The meaning of a failed attempt to connect, with a sentence that names the endpoint:
// UNREACHABLE: nobody listens there; NOT_AUTHORISED: our key or our user is refused; INVALID: we
// came without keys. OK: it means nothing yet. Does not wait.
enum status endpoints_explain(const struct endpoints *endpoints, uint32_t index,
                              enum net_failure failure, struct fault *fault);

// How long a connection to it may take before the next endpoint is tried.
uint32_t endpoints_connect_ms(const struct endpoints *endpoints, uint32_t index);
