// connect.h - a client of the cluster that the command line names.
#pragma once

#include "client/net/client.h"
#include "dkv/dkv.h"

// INVALID also if no keyspace can have the name that is given; else as client_open().
enum status connect_cluster(struct client **client, const struct globals *globals,
                            struct fault *fault) MUST_USE;

// For a verb with many keys: each is to go to a node that has it.
enum status connect_bulk(struct client **client, const struct globals *globals,
                         struct fault *fault) MUST_USE;
