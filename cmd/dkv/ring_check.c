#include "dkv/ring_check.h"

#include "base/xalloc.h"
#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "ring/ring_audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char verb[] = "ring";

struct check {
    const struct globals *globals;
    struct ring ring;
    bool *is_down; // by index of the node
    struct columns columns;
};

// Marks what has this name as down: a node, else a rack or a datacenter. False: nothing has it.
static bool mark(struct check *check, struct bytes name)
{
    bool is_any = false;
    for (unsigned part = 0; part < 3 && !is_any; part++) {
        for (uint32_t i = 0; i < check->ring.node_count; i++) {
            const struct ring_node *node = &check->ring.nodes[i];
            const char *const names[] = {node->name, node->rack, node->dc};
            bool is_it = name.size && bytes_equal(name, bytes_of_text(names[part]));
            check->is_down[i] |= is_it;
            is_any |= is_it;
        }
    }
    return is_any;
}

// A row for each keyspace. False: one of them misses owners.
static bool add_rows(struct check *check, const char *what)
{
    bool is_well = true;
    for (uint32_t k = 0; k < check->ring.keyspace_count; k++) {
        const struct ring_keyspace *keyspace = &check->ring.keyspaces[k];
        struct ring_audit audit = ring_audit(&check->ring, keyspace, check->is_down);
        is_well &= !audit.below_r && !audit.below_w;
        if (check->globals->json) {
            json_print_line(json_pack(
                "{s:i,s:s,s:s,s:I,s:I,s:I,s:I}", "v", 1, "down", what, "keyspace", keyspace->name,
                "shards", (json_int_t)audit.shards, "below_r", (json_int_t)audit.below_r, "below_w",
                (json_int_t)audit.below_w, "gone", (json_int_t)audit.gone));
            continue;
        }
        columns_add(&check->columns, "%s", what);
        columns_add(&check->columns, "%s", keyspace->name);
        columns_add(&check->columns, "%" PRIu64, audit.shards);
        columns_add(&check->columns, "%" PRIu64, audit.below_r);
        columns_add(&check->columns, "%" PRIu64, audit.below_w);
        columns_add(&check->columns, "%" PRIu64, audit.gone);
        columns_end_row(&check->columns);
    }
    memset(check->is_down, 0, check->ring.node_count * sizeof *check->is_down);
    return is_well;
}

// The first node that has this name of its rack, or datacenter, stands for it.
static bool is_first(const struct ring *ring, uint32_t node, size_t offset)
{
    const char *name = (const char *)&ring->nodes[node] + offset;
    uint32_t i = 0;
    while (strcmp((const char *)&ring->nodes[i] + offset, name))
        i++;
    return i == node && *name;
}

// Each alone. False: the loss of one node is too much.
static bool check_each(struct check *check)
{
    static const size_t groups[] = {offsetof(struct ring_node, rack),
                                    offsetof(struct ring_node, dc)};
    const struct ring *ring = &check->ring;
    bool is_well = true;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        check->is_down[i] = true;
        is_well &= add_rows(check, ring->nodes[i].name);
    }
    for (unsigned g = 0; g < 2; g++) {
        for (uint32_t i = 0; i < ring->node_count; i++) {
            const char *name = (const char *)&ring->nodes[i] + groups[g];
            if (is_first(ring, i, groups[g]) && mark(check, bytes_of_text(name)))
                (void)add_rows(check, name);
        }
    }
    return is_well;
}

static enum status mark_all(struct check *check, const char *what_if, struct fault *fault)
{
    if (strncmp(what_if, "down=", 5) != 0)
        return fault_set(fault, STATUS_INVALID, "--what-if '%.80s' is not down=NAME,...", what_if);
    for (const char *at = what_if + 5;; at++) {
        size_t size = strcspn(at, ",");
        if (!mark(check, bytes_of(at, size)))
            return fault_set(fault, STATUS_INVALID,
                             "no node, rack or datacenter has the name '%.*s'", (int)size, at);
        at += size;
        if (!*at)
            return STATUS_OK;
    }
}

int ring_check_verb(const struct globals *globals, const char *file, const char *what_if)
{
    static const char *const heading[] = {"down",    "keyspace", "shards",
                                          "below-r", "below-w",  "gone"};
    struct check check = {.globals = globals};
    struct fault fault = {""};
    int failed = ask_ring(globals, verb, file, &check.ring, NULL);
    if (failed)
        return failed;
    check.is_down = xcalloc(check.ring.node_count, sizeof *check.is_down);
    columns_head(&check.columns, heading, sizeof heading / sizeof *heading);
    bool is_well = false;
    enum status status = what_if ? mark_all(&check, what_if, &fault) : STATUS_OK;
    if (!status)
        is_well = what_if ? add_rows(&check, what_if + 5) : check_each(&check);
    if (status || globals->json)
        buf_release(&check.columns.text);
    else
        columns_print(&check.columns);
    free(check.is_down);
    ring_release(&check.ring);
    if (status)
        return report(globals, verb, status, "%s", fault.text);
    return status_exit_code(is_well ? STATUS_OK : STATUS_CHECK_FAILED);
}
