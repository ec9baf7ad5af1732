#include "dkv/arguments.h"
#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/jsonl.h"

#include <inttypes.h>
#include <stdio.h>

struct where_options {
    const char *file, *key_file;
};

const struct option_spec options_where[] = {
    {.name = "file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct where_options, file),
     .help = "read the ring document from FILE, not from the cluster"},
    {.name = "key-file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct where_options, key_file),
     .help = "the bytes of FILE are the key"},
    {0}};

struct place {
    struct bytes key;
    uint64_t token;
    uint32_t partition;
    uint16_t owners[RING_OWNERS_MAX];
    uint32_t owner_count;
};

static void print_json(const struct globals *globals, const struct ring *ring,
                       const struct place *place)
{
    char token[17], epoch[21];
    snprintf(token, sizeof token, "%016" PRIx64, place->token);
    snprintf(epoch, sizeof epoch, "%" PRIu64, ring->epoch);
    json_t *owners = json_array();
    for (uint32_t i = 0; i < place->owner_count; i++) {
        const struct ring_node *node = &ring->nodes[place->owners[i]];
        json_array_append_new(owners, json_pack("{s:s,s:s,s:s,s:s,s:i}", "node", node->name, "dc",
                                                node->dc, "rack", node->rack, "address",
                                                node->address, "port", (int)node->port));
    }
    json_t *line = json_pack("{s:i,s:o,s:s,s:s,s:i,s:s,s:o}", "v", 1, "key",
                             jsonl_bytes(place->key), "keyspace", globals->keyspace, "token", token,
                             "partition", (int)place->partition, "epoch", epoch, "owners", owners);
    json_print_line(line);
}

static void print_columns(const struct ring *ring, const struct place *place)
{
    static const char *const heading[] = {"partition", "token", "owner",  "node",
                                          "dc",        "rack",  "address"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < place->owner_count; i++) {
        const struct ring_node *node = &ring->nodes[place->owners[i]];
        columns_add(&columns, "%" PRIu32, place->partition);
        columns_add(&columns, "%016" PRIx64, place->token);
        columns_add(&columns, "%" PRIu32, i + 1);
        columns_add(&columns, "%s", node->name);
        columns_add(&columns, "%s", node->dc);
        columns_add(&columns, "%s", node->rack);
        columns_add(&columns, "%s:%u", node->address, node->port);
        columns_end_row(&columns);
    }
    columns_print(&columns);
}

static int print_place(const struct globals *globals, const char *file, struct bytes key)
{
    struct ring ring = {0};
    int failed = ask_ring(globals, "where", file, &ring, NULL);
    if (failed)
        return failed;
    const struct ring_keyspace *keyspace =
        ring_find_keyspace(&ring, bytes_of_text(globals->keyspace));
    if (!keyspace) {
        ring_release(&ring);
        return report(globals, "where", STATUS_INVALID, "there is no keyspace \"%s\"",
                      globals->keyspace);
    }
    struct place place = {.key = key, .token = ring_token(keyspace->id, key)};
    place.partition = ring_partition(&ring, place.token);
    place.owner_count = ring_owners(&ring, place.partition, keyspace, place.owners);
    if (globals->json)
        print_json(globals, &ring, &place);
    else
        print_columns(&ring, &place);
    ring_release(&ring);
    return 0;
}

int verb_where(struct globals *globals, int argc, char **argv)
{
    struct where_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_where, &options, argc, argv, &operands))
        return operands.exit_status;
    struct buf key = {0};
    struct fault fault;
    enum status status = argument_key(options.key_file, &operands, &key, &fault);
    int exit_status;
    if (status)
        exit_status = report(globals, "where", status, "%s", fault.text);
    else if (operands.count)
        exit_status = usage_error("where", "one KEY is needed");
    else
        exit_status = print_place(globals, options.file, buf_bytes(&key));
    buf_release(&key);
    return exit_status;
}
