#include "dkv/keyspace.h"

#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/options.h"

#include <inttypes.h>
#include <stdio.h>

struct keyspace_options {
    const char *file;
};

const struct option_spec options_keyspace[] = {
    {.name = "file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct keyspace_options, file),
     .help = "read the ring document from FILE, not from the cluster"},
    {0}};

// "3" or "dc1:3,dc2:2", appended.
static void format_copies(const struct ring_keyspace *keyspace, struct buf *out)
{
    for (uint32_t i = 0; i < keyspace->copies_count; i++) {
        const struct ring_copies *copies = &keyspace->copies[i];
        buf_printf(out, "%s%s%s%u", i ? "," : "", copies->dc, *copies->dc ? ":" : "", copies->n);
    }
}

static const char *conflict_text(const struct ring_keyspace *keyspace)
{
    return keyspace->conflict == RING_CONFLICT_LWW ? "lww" : "versions";
}

json_t *keyspace_json(const struct ring_keyspace *keyspace)
{
    struct buf copies = {0};
    char ttl[21];
    format_copies(keyspace, &copies);
    snprintf(ttl, sizeof ttl, "%" PRIu64, keyspace->ttl_s);
    json_t *object = json_pack("{s:s,s:I,s:s,s:s,s:s,s:s,s:s}", "name", keyspace->name, "id",
                               (json_int_t)keyspace->id, "n", buf_text(&copies), "conflict",
                               conflict_text(keyspace), "r", ring_level_text(keyspace->r), "w",
                               ring_level_text(keyspace->w), "ttl", ttl);
    buf_release(&copies);
    return object;
}

static void list_json(const struct ring *ring)
{
    for (uint32_t i = 0; i < ring->keyspace_count; i++) {
        json_t *line = json_pack("{s:i}", "v", 1);
        json_object_update_new(line, keyspace_json(&ring->keyspaces[i]));
        json_print_line(line);
    }
}

static void list_columns(const struct ring *ring)
{
    static const char *const heading[] = {"keyspace", "n", "conflict", "r", "w", "ttl"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < ring->keyspace_count; i++) {
        const struct ring_keyspace *keyspace = &ring->keyspaces[i];
        struct buf copies = {0};
        format_copies(keyspace, &copies);
        columns_add(&columns, "%s", keyspace->name);
        columns_add(&columns, "%s", buf_text(&copies));
        columns_add(&columns, "%s", conflict_text(keyspace));
        columns_add(&columns, "%s", ring_level_text(keyspace->r));
        columns_add(&columns, "%s", ring_level_text(keyspace->w));
        columns_add(&columns, "%" PRIu64, keyspace->ttl_s);
        columns_end_row(&columns);
        buf_release(&copies);
    }
    columns_print(&columns);
}

int verb_keyspace(struct globals *globals, int argc, char **argv)
{
    struct keyspace_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_keyspace, &options, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count != 1 || strcmp(operands.values[0], "list") != 0)
        return usage_error("keyspace", "list is needed");
    struct ring ring = {0};
    int failed = ask_ring(globals, "keyspace", options.file, &ring, NULL);
    if (failed)
        return failed;
    if (globals->json)
        list_json(&ring);
    else
        list_columns(&ring);
    ring_release(&ring);
    return 0;
}
