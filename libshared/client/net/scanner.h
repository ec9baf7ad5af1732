// scanner.h - every record of a keyspace, in token order: client/lanes.h over real connections.
#pragma once

#include "client/lanes.h"
#include "client/net/client.h"
#include "wire/client.h"

struct scanner {
    struct client *client;
    struct lanes lanes;
};

// Asks a router for the ring, then for the first pages. Arguments are those of lanes_begin().
// INVALID: no such keyspace; else as client_ask(). Close it after its client.
enum status scanner_open(struct scanner *scanner, struct client *client, const struct op_scan *op,
                         struct bytes after, uint64_t deadline_ms, struct fault *fault) MUST_USE;
void scanner_close(struct scanner *scanner);

// Waits for the next record. Results are those of lanes_next().
enum status scanner_next(struct scanner *scanner, struct lanes_item *item,
                         struct fault *fault) MUST_USE;
