// endpoint.h - where somebody listens: "ipc:///run/dkv/router.sock", "tcp://10.0.0.1:7400".
#pragma once

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

enum { ENDPOINT_SIZE = 320 }; // bytes for the longest and its terminator

struct endpoint {
    bool ipc;
    bool ipv6;
    bool loopback;    // tcp: a numeric loopback address
    uint16_t port;    // tcp
    const char *path; // ipc: within the parsed text
};

// "ipc://PATH" or "tcp://HOST:PORT", HOST in brackets if it is IPv6; else INVALID.
enum status endpoint_parse(const char *text, struct endpoint *endpoint,
                           struct fault *fault) MUST_USE;

// "tcp://ADDRESS:PORT" into caller's memory, with brackets around an address of IPv6.
const char *endpoint_of_tcp(const char *address, unsigned port, char endpoint[ENDPOINT_SIZE]);

// The port of our end of a connection, 0 if that is not tcp.
uint16_t endpoint_port_of(int fd);

// A numeric address that no network leads to. Names are none, whatever they stand for.
bool endpoint_is_loopback(const char *address);
