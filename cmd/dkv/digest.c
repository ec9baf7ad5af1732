// dkv digest: a hash of each replica, to compare them by eye or with sort and uniq.
#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/node_ask.h"
#include "dkv/options.h"

#include <string.h>

struct digest_options {
    const char *node;
};

const struct option_spec options_digest[] = {{.name = "node",
                                              .kind = OPTION_TEXT,
                                              .argument = "NODE",
                                              .offset = offsetof(struct digest_options, node),
                                              .help = "of this node alone"},
                                             {0}};

static void add_line(const struct globals *globals, const char *node, char *line,
                     struct columns *columns)
{
    const char *partition = strsep(&line, " "), *hash = strsep(&line, " ");
    if (!hash)
        return;
    if (globals->json) {
        json_print_line(json_pack("{s:i,s:s,s:i,s:s}", "v", 1, "node", node, "partition",
                                  (int)node_ask_number(&partition), "hash", hash));
        return;
    }
    columns_add(columns, "%s", node);
    columns_add(columns, "%s", partition);
    columns_add(columns, "%s", hash);
    columns_end_row(columns);
}

static enum status add_node(const struct globals *globals, const char *node, uint32_t keyspace,
                            struct columns *columns)
{
    struct buf answer = {0}, argument = {0};
    struct fault fault = {""};
    buf_printf(&argument, "keyspace=%u", keyspace);
    enum status status =
        node_ask(globals, node, "repair/digest", buf_text(&argument), &answer, &fault);
    (void)buf_text(&answer);
    char *rest = (char *)answer.data;
    if (status)
        (void)report(globals, "digest", status, "%s: %s", node, fault.text);
    while (!status && rest && *rest)
        add_line(globals, node, strsep(&rest, "\n"), columns);
    buf_release(&answer);
    buf_release(&argument);
    return status;
}

static int print_all(const struct globals *globals, const struct ring *ring, const char *node)
{
    static const char *const heading[] = {"node", "partition", "hash"};
    const struct ring_keyspace *keyspace =
        ring_find_keyspace(ring, bytes_of_text(globals->keyspace));
    struct columns columns = {0};
    uint32_t failed = 0, asked = 0;
    if (!keyspace)
        return report(globals, "digest", STATUS_INVALID, "there is no keyspace \"%s\"",
                      globals->keyspace);
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (node && strcmp(node, ring->nodes[i].name) != 0)
            continue;
        asked++;
        failed += add_node(globals, ring->nodes[i].name, keyspace->id, &columns) != STATUS_OK;
    }
    if (globals->json)
        buf_release(&columns.text);
    else
        columns_print(&columns);
    if (!asked)
        return report(globals, "digest", STATUS_INVALID, "there is no node \"%s\"", node);
    return status_exit_code(failed == asked ? STATUS_UNAVAILABLE
                            : failed        ? STATUS_PARTIAL
                                            : STATUS_OK);
}

int verb_digest(struct globals *globals, int argc, char **argv)
{
    struct digest_options options = {0};
    struct operands operands;
    struct ring ring = {0};
    if (!options_parse(globals, options_digest, &options, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count)
        return usage_error("digest", "takes no arguments");
    int failed = ask_ring_of_living(globals, "digest", &ring);
    if (failed)
        return failed;
    failed = print_all(globals, &ring, options.node);
    ring_release(&ring);
    return failed;
}
