// node_dir.h - the directory of a node, as `dkv init` lays it out.
//
//     DIR/dkv.conf            who the node is, and settings that differ from the default
//     DIR/NAME.node           its public part, for `dkv ring init`
//     DIR/keys/node.key       its secret
//     DIR/keys/client.key     a secret for its operator, role admin
//     DIR/keys/cluster.pub    whom a client with these keys may trust: the node's public
//                             key, later the ring document
//     DIR/keys/authorized/    public keys of clients
//     DIR/data/store, ring    empty
//     DIR/run                 sockets
//
// dkv.conf is written last: without it nothing starts.
#pragma once

#include "dkv/options.h"
#include "net/key_file.h"
#include "ring/ring.h"

// Makes the directory. `node` comes with name, address, port, dc and rack; id and public
// key are made here and filled in. `settings` are KEY=VALUE. EXISTS if the directory is
// there and not empty, INVALID for a bad name or setting; nothing is written then.
enum status node_dir_create(const char *dir, struct ring_node *node, bool plain,
                            const struct option_list *settings, struct fault *fault) MUST_USE;

// Reads the public part of a node, NAME.node.
enum status node_dir_read_public(const char *path, struct ring_node *node,
                                 struct fault *fault) MUST_USE;

// Installs a public key for a role (`dkv authorize`); a key that is there gets the new role.
enum status node_dir_authorize(const char *dir, const struct key_file *key,
                               struct fault *fault) MUST_USE;

// OK if the first ring may be put into DIR: its node is one of the ring, with the same key,
// and there is no ring yet (EXISTS).
enum status node_dir_accepts_ring(const char *dir, const struct ring *ring,
                                  struct fault *fault) MUST_USE;

// Puts the document into data/ring/ring and keys/cluster.pub.
enum status node_dir_put_ring(const char *dir, struct bytes document, struct fault *fault) MUST_USE;
