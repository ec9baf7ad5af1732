// dkv repair --dry-run: the keys that differ.
#include "dkv/repair.h"

#include "base/text.h"
#include "base/xalloc.h"
#include "dkv/arguments.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/jsonl.h"
#include "dkv/node_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// One node's list, as far as it was read.
struct list {
    bool is_over;
    uint64_t id, offset;
    uint64_t pairs, failed;
};

struct dry {
    const struct globals *globals;
    const struct ring *ring;
    const struct repair_scope *scope;
    uint64_t keys;
    struct buf key, line;
};

static void print_key(struct dry *dry, unsigned keyspace, unsigned partition, const char *ours,
                      const char *theirs)
{
    struct bytes key = buf_bytes(&dry->key);
    if (dry->scope->key.size && !bytes_equal(key, dry->scope->key))
        return;
    dry->keys++;
    if (dry->globals->json) {
        const struct ring_keyspace *known = ring_keyspace(dry->ring, keyspace);
        json_print_line(json_pack("{s:i,s:o,s:s,s:i,s:[s,s]}", "v", 1, "key", jsonl_bytes(key),
                                  "keyspace", known ? known->name : "", "partition", (int)partition,
                                  "nodes", ours, theirs));
        return;
    }
    buf_clear(&dry->line);
    text_escape_tsv(key, &dry->line);
    buf_printf(&dry->line, "\t%s\t%s\n", ours, theirs);
    print_bytes(buf_bytes(&dry->line));
}

// A line: KEYSPACE PARTITION HEX NODE NODE. False: it is none.
static bool take_line(struct dry *dry, char *line)
{
    char *words[5], *rest = line;
    for (unsigned i = 0; i < 5; i++) {
        words[i] = strsep(&rest, " ");
        if (!words[i] || !*words[i])
            return false;
    }
    size_t size = strlen(words[2]) / 2;
    buf_clear(&dry->key);
    if (text_parse_hex(bytes_of_text(words[2]), buf_grow(&dry->key, size), size, NULL))
        return false;
    print_key(dry, (unsigned)strtoul(words[0], NULL, 10), (unsigned)strtoul(words[1], NULL, 10),
              words[3], words[4]);
    return true;
}

static enum status take_answer(struct dry *dry, struct buf *answer, struct list *list)
{
    (void)buf_text(answer);
    char *rest = (char *)answer->data, *line = strsep(&rest, "\n");
    const char *head = line;
    list->pairs = node_ask_number(&head);
    list->failed = node_ask_number(&head);
    list->is_over = node_ask_number(&head);
    list->offset += rest ? strlen(rest) : 0;
    while (rest && *rest) {
        line = strsep(&rest, "\n");
        if (!take_line(dry, line))
            return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

// Begins the list of a node, or reads on.
static enum status read_on(struct dry *dry, const char *node, struct list *list,
                           struct fault *fault)
{
    struct buf argument = {0}, answer = {0};
    if (list->id)
        buf_printf(&argument, "id=%" PRIu64 " offset=%" PRIu64, list->id, list->offset);
    else
        repair_scope_format(dry->scope, &argument);
    enum status status =
        node_ask(dry->globals, node, "repair/dry-run", buf_text(&argument), &answer, fault);
    const char *at = buf_text(&answer);
    if (!status && !list->id)
        list->id = node_ask_number(&at);
    else if (!status)
        status = take_answer(dry, &answer, list);
    buf_release(&argument);
    buf_release(&answer);
    return status;
}

// A node that cannot be asked is over. Returns true when all are.
static bool read_all(struct dry *dry, struct list *lists, uint64_t *failed)
{
    bool is_over = true;
    for (uint32_t i = 0; i < dry->ring->node_count; i++) {
        const char *name = dry->ring->nodes[i].name;
        struct fault fault = {""};
        if (lists[i].is_over)
            continue;
        enum status status = read_on(dry, name, &lists[i], &fault);
        if (status) {
            (void)report(dry->globals, "repair", status, "%s: %s", name, fault.text);
            lists[i].is_over = true;
            lists[i].failed++;
        }
        is_over &= lists[i].is_over;
        *failed += lists[i].is_over ? lists[i].failed : 0;
    }
    return is_over;
}

int repair_dry_run(const struct globals *globals, const struct ring *ring,
                   const struct repair_scope *scope)
{
    struct dry dry = {.globals = globals, .ring = ring, .scope = scope};
    struct list *lists = xcalloc(ring->node_count, sizeof *lists);
    uint64_t deadline_ms = node_ask_deadline(globals), failed = 0;
    bool is_over;
    while (!(is_over = read_all(&dry, lists, &failed)) && node_ask_pause(deadline_ms))
        ;
    free(lists);
    buf_release(&dry.key);
    buf_release(&dry.line);
    if (!is_over)
        return report(globals, "repair", STATUS_CHECK_FAILED, "not all was compared in time");
    if (failed)
        return report(globals, "repair", STATUS_PARTIAL,
                      "%" PRIu64 " differences; %" PRIu64 " pairs of replicas were not compared",
                      dry.keys, failed);
    if (!globals->quiet)
        fprintf(stderr, "%" PRIu64 " differences\n", dry.keys);
    return 0;
}
