#include "dkv/keyspace.h"

#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/keyspace_change.h"
#include "dkv/options.h"
#include "ring/ring_keyspaces.h"

#include <inttypes.h>
#include <stdio.h>

struct keyspace_options {
    const char *file;
    struct keyspace_wishes wishes;
};

#define WISH(name_, member_, argument_, help_)                                                     \
    {                                                                                              \
        .name = name_, .kind = OPTION_TEXT, .argument = argument_,                                 \
        .offset = offsetof(struct keyspace_options, wishes.member_), .of = "create set",           \
        .help = help_                                                                              \
    }

const struct option_spec options_keyspace[] = {
    {.name = "file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct keyspace_options, file),
     .of = "list",
     .help = "read the ring document from FILE, not from the cluster"},
    WISH("n", n, "N", "copies of each key: 3, or for each datacenter: dc1:3,dc2:2"),
    WISH("conflict", conflict, "POLICY", "concurrent writes: versions keeps all, lww the latest"),
    WISH("r", r, "LEVEL", "owners that a read asks if it does not say"),
    WISH("w", w, "LEVEL", "owners that acknowledge a write if it does not say"),
    WISH("ttl", ttl, "SECONDS", "values expire after so long if they do not say; 0: never"),
    {.name = "yes",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct keyspace_options, wishes.is_sure),
     .of = "drop",
     .help = "do not ask before the data is gone"},
    {0}};

static const char *conflict_text(const struct ring_keyspace *keyspace)
{
    return keyspace->conflict == RING_CONFLICT_LWW ? "lww" : "versions";
}

json_t *keyspace_json(const struct ring_keyspace *keyspace)
{
    struct buf copies = {0};
    char ttl[21];
    ring_copies_format(keyspace->copies, keyspace->copies_count, &copies);
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
        ring_copies_format(keyspace->copies, keyspace->copies_count, &copies);
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

static int list(const struct globals *globals, const char *file)
{
    struct ring ring = {0};
    int failed = ask_ring(globals, "keyspace", file, &ring, NULL);
    if (failed)
        return failed;
    if (globals->json)
        list_json(&ring);
    else
        list_columns(&ring);
    ring_release(&ring);
    return 0;
}

int verb_keyspace(struct globals *globals, int argc, char **argv)
{
    struct keyspace_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_keyspace, &options, argc, argv, &operands))
        return operands.exit_status;
    static const char *const words[] = {"create", "set", "drop"};
    const char *word = operands.count ? operands.values[0] : "";
    if (strcmp(word, "list") == 0 && operands.count == 1)
        return list(globals, options.file);
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) != 0)
            continue;
        if (operands.count != 2)
            return usage_error("keyspace", "%s: one NAME is needed", word);
        return keyspace_change(globals, (enum keyspace_change)i, operands.values[1],
                               &options.wishes);
    }
    return usage_error("keyspace", "one of list, create, set, drop is needed");
}
