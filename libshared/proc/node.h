// node.h - what every daemon of a node begins with: its directory.
//
//     DIR/dkv.conf         settings
//     DIR/data/ring        the ring document (proc/ring_file.h)
//     DIR/keys/node.key    the node's CURVE key
//     DIR/keys/authorized  public keys of clients and operators
//     DIR/keys/seals       what the router seals contexts with (proc/seal_file.h)
//     DIR/run              the socket for users of this machine
//     DIR/run/private      sockets between the node's own processes, mode 0700
//
// Keys of nodes are in the ring document itself: a connection with one of them is a peer's.
#pragma once

#include "net/key_file.h"
#include "net/net.h"
#include "proc/settings.h"
#include "ring/ring_snapshot.h"
#include "wire/service.h"

struct node {
    struct settings settings;
    struct ring_snapshot *ring; // the newest document, held
    int index;                  // of this node in it
    bool has_adopted;           // a document counted here before this start
    struct key_file key;
    struct key_directory *clients; // for daemon_options.keys, which keeps it fresh
    struct net *net;
    unsigned complaints;  // things found wrong
    char complaint[1024]; // the first of them
};

// Reads ring and keys and compares them with each other and with dkv.conf, and looks whether the
// directories of data and sockets are ours. Logs a line for each thing that is missing or wrong;
// true if nothing is. `node->settings` is set. Touches no data.
bool node_load(struct node *node);

// node_load(), then makes DIR/run/private if it is not there, and opens the net. Ends the process
// (exit status 2) if anything is wrong, such as a private directory that is open to others.
void node_open(struct node *node);

// SIGHUP: reads dkv.conf again, takes over what counts at once, and logs what changed; or logs why
// it is refused, and nothing of it counts.
void node_reload(struct node *node);

// The brain works by this document from now on; it is held, and logged.
void node_take_ring(struct node *node, struct ring_snapshot *ring);

void node_close(struct node *node);

// "DIR/rest" and "tcp://address:port" into caller's memory.
enum { NODE_PATH_SIZE = 1024 };
const char *node_path(const struct node *node, const char *rest, char path[NODE_PATH_SIZE]);
const char *node_door(const struct ring_node *ring_node, enum door door,
                      char endpoint[NODE_PATH_SIZE]);
const struct ring_node *node_self(const struct node *node); // in the ring

// The socket of a door that has one: "ipc://DIR/run/NAME", or "ipc://DIR/run/private/NAME".
const char *node_socket(const struct node *node, enum door door, char endpoint[NODE_PATH_SIZE]);
