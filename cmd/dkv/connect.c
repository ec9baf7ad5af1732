#include "dkv/connect.h"

#include "ring/ring.h"

static enum status open_client(struct client **client, const struct globals *globals, bool is_bulk,
                               struct fault *fault)
{
    struct client_options options = {
        .endpoints = globals->cluster, .key_dir = globals->key_dir, .is_bulk = is_bulk};
    if (strlen(globals->keyspace) > RING_NAME_SIZE_MAX)
        return fault_set(fault, STATUS_INVALID, "no keyspace has a name of more than %d bytes",
                         RING_NAME_SIZE_MAX);
    return client_open(client, &options, fault);
}

enum status connect_cluster(struct client **client, const struct globals *globals,
                            struct fault *fault)
{
    return open_client(client, globals, false, fault);
}

enum status connect_bulk(struct client **client, const struct globals *globals, struct fault *fault)
{
    return open_client(client, globals, true, fault);
}
