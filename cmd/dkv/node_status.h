// node_status.h - how the nodes of a cluster are, as one router sees them.
//
// Each node is a JSON object with "node", "state" (up, down, slow, full, damaged, twin), "dc",
// "rack", "router", "store", "hintd" and "repair" (up, down; hintd and repair also twin and the
// like), "epoch", "keys", "bytes", "unsynced_ms", "disk_full", "damage", "debt_permille",
// "write_amplification", "version"; those that the router does not know are left out.
#pragma once

#include "dkv/dkv.h"

#include <jansson.h>

struct node_status {
    json_t **nodes; // owned, sorted by name
    unsigned count;
};

// Fills in an empty status. Fails as ask() does.
enum status node_status_ask(const struct globals *globals, struct node_status *status,
                            struct fault *fault) MUST_USE;
void node_status_release(struct node_status *status);

// The processes of a node, as its object names them; ends with NULL.
extern const char *const node_status_processes[];

// True if the object says "up" for "state", or for a process.
bool node_status_is_up(json_t *node, const char *name);

// The node with this name; NULL if there is none.
json_t *node_status_find(const struct node_status *status, const char *name);

// True if all processes of all nodes are up.
bool node_status_is_serving(const struct node_status *status);

// The state that a caller, who knows the ring, may give to a node that nobody misses.
extern const char node_status_dead[];

// True if all of them are well, too, but for nodes that nobody misses.
bool node_status_is_well(const struct node_status *status);
