#include "dkv/node_dir.h"

#include <stdio.h>

struct init_options {
    const char *node, *address, *dc, *rack;
    uint64_t port;
    struct option_list settings;
};

const struct option_spec options_init[] = {
    {.name = "node",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .offset = offsetof(struct init_options, node),
     .help = "name of the node in the ring"},
    {.name = "address",
     .kind = OPTION_TEXT,
     .argument = "HOST",
     .offset = offsetof(struct init_options, address),
     .help = "where other nodes and clients reach it; it listens there"},
    {.name = "port",
     .kind = OPTION_NUMBER,
     .argument = "PORT",
     .value = "7400",
     .min = 1,
     .max = 65529,
     .offset = offsetof(struct init_options, port),
     .help = "first of its six ports; it listens on three"},
    {.name = "dc",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .value = "dc1",
     .offset = offsetof(struct init_options, dc),
     .help = "datacenter"},
    {.name = "rack",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .value = "r1",
     .offset = offsetof(struct init_options, rack),
     .help = "what fails together: copies of a key go to different racks"},
    {.name = "set",
     .kind = OPTION_LIST,
     .argument = "KEY=VALUE",
     .offset = offsetof(struct init_options, settings),
     .help = "a setting of dkv.conf; may be repeated"},
    {0}};

// False if the text does not fit.
static bool copy(char *to, size_t size, const char *text)
{
    return (size_t)snprintf(to, size, "%s", text) < size;
}

static int init(const struct globals *globals, const struct init_options *options,
                const struct operands *operands)
{
    if (operands->count != 1)
        return usage_error("init", "one DIR is needed");
    if (!options->node || !options->address)
        return usage_error("init", "%s is needed", options->node ? "--address" : "--node");

    const char *dir = operands->values[0];
    struct ring_node node = {.port = (uint16_t)options->port};
    if (!copy(node.name, sizeof node.name, options->node) ||
        !copy(node.address, sizeof node.address, options->address) ||
        !copy(node.dc, sizeof node.dc, options->dc) ||
        !copy(node.rack, sizeof node.rack, options->rack))
        return usage_error("init", "a name or the address is too long");
    struct fault fault;
    enum status status = node_dir_create(dir, &node, false, &options->settings, &fault);
    if (status)
        return report(globals, "init", status, "%s", fault.text);
    return report(globals, "init", STATUS_OK,
                  "%s is laid out; next: dkv ring init %s/%s.node ... --into %s", dir, dir,
                  node.name, dir);
}

int verb_init(struct globals *globals, int argc, char **argv)
{
    struct init_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_init, &options, argc, argv, &operands))
        return operands.exit_status;
    int exit_status = init(globals, &options, &operands);
    options_release(options_init, &options);
    return exit_status;
}
