#include "ring/ring.h"

#include "base/xalloc.h"
#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/keyspace.h"
#include "dkv/node_dir.h"
#include "dkv/plan.h"
#include "dkv/ring_check.h"
#include "os/entropy.h"
#include "os/file.h"
#include "ring/ring_plan.h"
#include "ring/ring_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct ring_options {
    uint64_t partitions;
    struct option_list into;
    const char *file, *plan, *what_if;
    bool hash_alone, waits, accepts_loss;
};

const struct option_spec options_ring[] = {
    {.name = "partitions",
     .kind = OPTION_NUMBER,
     .argument = "Q",
     .value = "256",
     .min = RING_PARTITIONS_MIN,
     .max = RING_PARTITIONS_MAX,
     .offset = offsetof(struct ring_options, partitions),
     .of = "init",
     .help = "arcs of the ring, a power of two"},
    {.name = "into",
     .kind = OPTION_LIST,
     .argument = "DIR",
     .offset = offsetof(struct ring_options, into),
     .of = "init",
     .help = "put the ring into the directory of a node; may be repeated"},
    {.name = "file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct ring_options, file),
     .of = "init show export check",
     .help = "a ring document, instead of the cluster's"},
    {.name = "what-if",
     .kind = OPTION_TEXT,
     .argument = "down=NAME,...",
     .offset = offsetof(struct ring_options, what_if),
     .of = "check",
     .help = "nodes, racks, datacenters that are lost together"},
    {.name = "plan",
     .kind = OPTION_TEXT,
     .argument = "HASH",
     .offset = offsetof(struct ring_options, plan),
     .of = "commit",
     .help = "what 'dkv ring plan' printed"},
    {.name = "hash",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct ring_options, hash_alone),
     .of = "plan",
     .help = "print the hash alone"},
    {.name = "accept-loss",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct ring_options, accepts_loss),
     .of = "commit",
     .help = "shards may become empty that only dead nodes have"},
    {.name = "wait",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct ring_options, waits),
     .of = "status",
     .help = "until no data moves, or for --timeout"},
    {0}};

static enum status read_nodes(char **paths, int count, struct ring_node *nodes, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (int i = 0; !status && i < count; i++)
        status = node_dir_read_public(paths[i], &nodes[i], fault);
    return status;
}

// All directories are asked before the first one is changed.
static enum status put_into(const struct option_list *dirs, const struct ring *ring,
                            struct bytes document, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < dirs->count; i++)
        status = node_dir_accepts_ring(dirs->items[i], ring, fault);
    for (unsigned i = 0; !status && i < dirs->count; i++)
        status = node_dir_put_ring(dirs->items[i], document, fault);
    return status;
}

// "--into DIR..." may be followed by further directories: they are taken out of `paths`.
static int take_directories(struct option_list *into, char **paths, int count)
{
    int file_count = 0;
    for (int i = 0; i < count; i++) {
        if (!file_is_dir(paths[i])) {
            paths[file_count++] = paths[i];
            continue;
        }
        into->items = xrealloc(into->items, (into->count + 1) * sizeof *into->items);
        into->items[into->count++] = paths[i];
    }
    return file_count;
}

static int check_init(const struct ring_options *options, int file_count)
{
    if (options->file && (file_count || !options->into.count))
        return usage_error("ring", "init: --file FILE goes with --into DIR and without NODEFILEs");
    if (!options->file && (file_count == 0 || file_count > RING_NODES_MAX))
        return usage_error("ring", "init: 1 to %d NODEFILEs are needed", RING_NODES_MAX);
    if (options->partitions & (options->partitions - 1))
        return usage_error("ring", "init: --partitions %" PRIu64 " is not a power of two",
                           options->partitions);
    return 0;
}

static enum status create(struct ring *ring, uint64_t partition_count, char **paths, int count,
                          struct buf *document, struct fault *fault)
{
    struct ring_node *nodes = xcalloc((size_t)count, sizeof *nodes);
    enum status status = read_nodes(paths, count, nodes, fault);
    if (!status)
        status = ring_create(ring, entropy_u64(), (uint32_t)partition_count, nodes, (uint32_t)count,
                             fault);
    if (!status)
        ring_text_format(ring, document);
    free(nodes);
    return status;
}

static int init(const struct globals *globals, struct ring_options *options, char **paths,
                int count)
{
    int file_count = take_directories(&options->into, paths, count);
    int exit_status = check_init(options, file_count);
    if (exit_status)
        return exit_status;
    struct ring ring = {0};
    struct buf document = {0};
    struct fault fault;
    enum status status = STATUS_OK;
    if (options->file)
        exit_status = ask_ring(globals, "ring", options->file, &ring, &document);
    else
        status = create(&ring, options->partitions, paths, file_count, &document, &fault);
    if (!status && !exit_status)
        status = put_into(&options->into, &ring, buf_bytes(&document), &fault);
    // Without a directory the document is for copying.
    if (!status && !exit_status && options->into.count == 0)
        fwrite(document.data, 1, document.size, stdout);
    ring_release(&ring);
    buf_release(&document);
    return status ? report(globals, "ring", file_status(status), "%s", fault.text) : exit_status;
}

// For each node: in how many lists it is first, and in how many it is at all.
static void count_shares(const struct ring *ring, uint32_t *first, uint32_t *all)
{
    for (uint32_t p = 0; p < ring->partition_count; p++) {
        const uint16_t *owners = &ring->owners[(size_t)p * ring->owner_count];
        first[owners[0]]++;
        for (uint32_t i = 0; i < ring->owner_count; i++)
            all[owners[i]]++;
    }
}

static void show_json(const struct ring *ring, const uint32_t *first, const uint32_t *all)
{
    char cluster[17], epoch[21];
    snprintf(cluster, sizeof cluster, "%016" PRIx64, ring->cluster);
    snprintf(epoch, sizeof epoch, "%" PRIu64, ring->epoch);
    json_t *nodes = json_array(), *keyspaces = json_array();
    for (uint32_t i = 0; i < ring->node_count; i++) {
        const struct ring_node *node = &ring->nodes[i];
        char id[17];
        snprintf(id, sizeof id, "%016" PRIx64, node->id);
        json_array_append_new(nodes, json_pack("{s:s,s:s,s:s,s:i,s:s,s:s,s:i,s:i,s:i}", "id", id,
                                               "name", node->name, "address", node->address, "port",
                                               (int)node->port, "dc", node->dc, "rack", node->rack,
                                               "weight", (int)node->weight, "first", (int)first[i],
                                               "partitions", (int)all[i]));
    }
    for (uint32_t i = 0; i < ring->keyspace_count; i++)
        json_array_append_new(keyspaces, keyspace_json(&ring->keyspaces[i]));
    json_t *line =
        json_pack("{s:i,s:s,s:s,s:i,s:o,s:o}", "v", 1, "cluster", cluster, "epoch", epoch,
                  "partitions", (int)ring->partition_count, "nodes", nodes, "keyspaces", keyspaces);
    json_print_line(line);
}

static int compare_names(const void *left, const void *right)
{
    const struct ring_node *const *a = left, *const *b = right;
    return strverscmp((*a)->name, (*b)->name); // n2 before n10
}

static void show_nodes(const struct ring *ring, const uint32_t *first, const uint32_t *all)
{
    static const char *const heading[] = {"node",  "dc",         "rack",  "address", "weight",
                                          "first", "partitions", "share", "id"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    const struct ring_node **sorted = xcalloc(ring->node_count, sizeof *sorted);
    for (uint32_t i = 0; i < ring->node_count; i++)
        sorted[i] = &ring->nodes[i];
    qsort(sorted, ring->node_count, sizeof *sorted, compare_names);
    for (uint32_t n = 0; n < ring->node_count; n++) {
        const struct ring_node *node = sorted[n];
        size_t i = (size_t)(node - ring->nodes);
        columns_add(&columns, "%s", node->name);
        columns_add(&columns, "%s", node->dc);
        columns_add(&columns, "%s", node->rack);
        columns_add(&columns, "%s:%u", node->address, node->port);
        columns_add(&columns, "%" PRIu32, node->weight);
        columns_add(&columns, "%" PRIu32, first[i]);
        columns_add(&columns, "%" PRIu32, all[i]);
        columns_add(&columns, "%.1f%%", 100.0 * all[i] / ring->partition_count);
        columns_add(&columns, "%016" PRIx64, node->id);
        columns_end_row(&columns);
    }
    free(sorted);
    columns_print(&columns);
}

static int show(const struct globals *globals, const char *file)
{
    struct ring ring = {0};
    int failed = ask_ring(globals, "ring", file, &ring, NULL);
    if (failed)
        return failed;
    uint32_t *first = xcalloc(ring.node_count, sizeof *first);
    uint32_t *all = xcalloc(ring.node_count, sizeof *all);
    count_shares(&ring, first, all);
    if (globals->json) {
        show_json(&ring, first, all);
    } else {
        show_nodes(&ring, first, all);
        // Rows of one kind on standard output; what is about the whole is talk.
        report(globals, "ring", STATUS_OK,
               "cluster %016" PRIx64 ", epoch %" PRIu64 ", %" PRIu32 " partitions, %" PRIu32
               " keyspace%s (dkv keyspace list)",
               ring.cluster, ring.epoch, ring.partition_count, ring.keyspace_count,
               ring.keyspace_count == 1 ? "" : "s");
    }
    free(first);
    free(all);
    ring_release(&ring);
    return 0;
}

static int export(const struct globals *globals, const char *file)
{
    struct ring ring = {0};
    struct buf text = {0};
    int failed = ask_ring(globals, "ring", file, &ring, &text);
    if (!failed)
        fwrite(text.data, 1, text.size, stdout);
    ring_release(&ring);
    buf_release(&text);
    return failed;
}

int verb_ring(struct globals *globals, int argc, char **argv)
{
    struct ring_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_ring, &options, argc, argv, &operands))
        return operands.exit_status;
    const char *word = operands.count ? operands.values[0] : "";
    int exit_status;
    if (strcmp(word, "init") == 0)
        exit_status = init(globals, &options, operands.values + 1, operands.count - 1);
    else if (strcmp(word, "show") == 0 && operands.count == 1)
        exit_status = show(globals, options.file);
    else if (strcmp(word, "export") == 0 && operands.count == 1)
        exit_status = export(globals, options.file);
    else if (strcmp(word, "check") == 0 && operands.count == 1)
        exit_status = ring_check_verb(globals, options.file, options.what_if);
    else if (strcmp(word, "plan") == 0 && operands.count == 1)
        exit_status = plan_show(globals, options.hash_alone);
    else if (strcmp(word, "commit") == 0 && operands.count == 1 && options.plan)
        exit_status = plan_commit(globals, options.plan, options.accepts_loss);
    else if (strcmp(word, "commit") == 0)
        exit_status = usage_error("ring", "commit: --plan HASH is needed, see 'dkv ring plan'");
    else if (strcmp(word, "abort") == 0 && operands.count == 1)
        exit_status = plan_abort(globals);
    else if (strcmp(word, "status") == 0 && operands.count == 1)
        exit_status = plan_status(globals, options.waits);
    else
        exit_status = usage_error(
            "ring", "one of init, show, export, check, plan, commit, abort, status is needed");
    options_release(options_ring, &options);
    return exit_status;
}
