#include "base/hash.h"
#include "base/xalloc.h"
#include "ring/ring_text_inside.h"

#include <inttypes.h>
#include <stdlib.h>

// Words of lines, one blank between two words. Like a reader: the first failure makes it
// bad, and what is read from then on is empty or zero.
struct lines {
    const uint8_t *begin;
    const uint8_t *at; // behind the line
    const uint8_t *end;
    struct bytes line;
    struct bytes rest; // of the line: words not read yet
    uint32_t number;
    bool bad;
    struct fault *fault;
};

static struct lines lines_of(struct bytes text, struct fault *fault)
{
    if (text.size == 0)
        text = bytes_of_text("");
    return (struct lines){
        .begin = text.data, .at = text.data, .end = text.data + text.size, .fault = fault};
}

static void fail(struct lines *lines, const char *what)
{
    if (!lines->bad)
        fault_set(lines->fault, STATUS_CORRUPT, "line %" PRIu32 ": %s", lines->number, what);
    lines->bad = true;
}

static void fail_expected(struct lines *lines, const char *word)
{
    if (!lines->bad)
        fault_set(lines->fault, STATUS_CORRUPT, "line %" PRIu32 ": expected \"%s\"", lines->number,
                  word);
    lines->bad = true;
}

static void next_line(struct lines *lines)
{
    lines->number++;
    size_t left = (size_t)(lines->end - lines->at);
    const uint8_t *newline = left ? memchr(lines->at, '\n', left) : NULL;
    if (!newline) {
        fail(lines, left ? "line without end" : "the text ends early");
        lines->line = lines->rest = (struct bytes){0};
        return;
    }
    lines->line = lines->rest = bytes_of(lines->at, (size_t)(newline - lines->at));
    lines->at = newline + 1;
}

static struct bytes next_word(struct lines *lines)
{
    struct bytes rest = lines->rest;
    if (lines->bad || rest.size == 0) {
        fail(lines, "a word is missing");
        return (struct bytes){0};
    }
    const uint8_t *blank = memchr(rest.data, ' ', rest.size);
    size_t size = blank ? (size_t)(blank - rest.data) : rest.size;
    size_t skip = blank ? size + 1 : size;
    lines->rest = bytes_of(rest.data + skip, rest.size - skip);
    if (size == 0 || (blank && lines->rest.size == 0))
        fail(lines, "a blank too many");
    return bytes_of(rest.data, size);
}

static void end_line(struct lines *lines)
{
    if (lines->rest.size > 0)
        fail(lines, "more words than expected");
}

static void expect(struct lines *lines, const char *word)
{
    if (!bytes_equal(next_word(lines), bytes_of_text(word)))
        fail_expected(lines, word);
}

// The value of a word NAME=VALUE.
static struct bytes next_value(struct lines *lines, const char *name)
{
    struct bytes word = next_word(lines), prefix = bytes_of_text(name);
    if (!bytes_has_prefix(word, prefix)) {
        fail_expected(lines, name);
        return (struct bytes){0};
    }
    return bytes_of(word.data + prefix.size, word.size - prefix.size);
}

static uint64_t parse_number(struct lines *lines, struct bytes text, uint64_t max)
{
    uint64_t number = 0;
    bool good = text.size > 0 && (text.data[0] != '0' || text.size == 1);
    for (size_t i = 0; i < text.size && good; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';
        good = digit <= 9 && digit <= max && number <= (max - digit) / 10;
        number = number * 10 + digit;
    }
    if (!good)
        fail(lines, "bad number");
    return good ? number : 0;
}

static uint64_t parse_hex(struct lines *lines, struct bytes text)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = 0;
    bool good = text.size == 16;
    for (size_t i = 0; i < text.size && good; i++) {
        const char *digit = memchr(digits, text.data[i], 16);
        good = digit != NULL;
        number = number << 4 | (uint64_t)(good ? digit - digits : 0);
    }
    if (!good)
        fail(lines, "bad hexadecimal number");
    return good ? number : 0;
}

// Index of the word in a table of names.
static uint32_t parse_name_of(struct lines *lines, struct bytes text, const char *const *names,
                              uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(text, bytes_of_text(names[i])))
            return i;
    fail(lines, "unknown word");
    return 0;
}

// `to` holds zeroes and is longer than any name.
static void parse_name(struct lines *lines, struct bytes text, char *to)
{
    if (ring_is_name(text))
        memcpy(to, text.data, text.size);
    else
        fail(lines, "bad name");
}

static void parse_key(struct lines *lines, struct bytes text, struct ring_node *node)
{
    if (text.size == 0)
        return;
    bool good = text.size == sizeof node->public_key - 1;
    for (size_t i = 0; i < text.size && good; i++)
        good = text.data[i] > ' ' && text.data[i] < 0x7f && !memchr("\"',;\\_`|~", text.data[i], 9);
    if (good)
        memcpy(node->public_key, text.data, text.size);
    else
        fail(lines, "bad key");
}

static void parse_node(struct lines *lines, bool has_number, struct ring_node *node)
{
    expect(lines, "node");
    node->id = parse_hex(lines, next_word(lines));
    parse_name(lines, next_word(lines), node->name);
    if (has_number)
        node->number = (uint16_t)parse_number(lines, next_value(lines, "number="), RING_NUMBER_MAX);
    struct bytes text = next_value(lines, "address=");
    if (ring_is_address(text))
        memcpy(node->address, text.data, text.size);
    else
        fail(lines, "bad address");
    node->port = (uint16_t)parse_number(lines, next_value(lines, "port="), UINT16_MAX);
    text = next_value(lines, "dc=");
    if (text.size > 0)
        parse_name(lines, text, node->dc);
    text = next_value(lines, "rack=");
    if (text.size > 0)
        parse_name(lines, text, node->rack);
    node->weight = (uint32_t)parse_number(lines, next_value(lines, "weight="), RING_WEIGHT_MAX);
    node->state =
        parse_name_of(lines, next_value(lines, "state="), ring_state_names, RING_STATES_COUNT);
    parse_key(lines, next_value(lines, "key="), node);
    end_line(lines);
}

// "3" or "dc1:3,dc2:2".
static void parse_copies(struct lines *lines, struct bytes text, struct ring_copies *list,
                         uint8_t *count)
{
    if (lines->bad)
        return;
    const uint8_t *at = text.data, *end = at + text.size;
    while (!lines->bad) {
        if (*count == RING_DCS_MAX) {
            fail(lines, "too many datacenters");
            return;
        }
        struct ring_copies *copies = &list[(*count)++];
        const uint8_t *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        const uint8_t *stop = comma ? comma : end;
        const uint8_t *colon = at < stop ? memchr(at, ':', (size_t)(stop - at)) : NULL;
        if (colon) {
            parse_name(lines, bytes_of(at, (size_t)(colon - at)), copies->dc);
            at = colon + 1;
        }
        copies->n =
            (uint8_t)parse_number(lines, bytes_of(at, (size_t)(stop - at)), RING_COPIES_MAX);
        if (!comma)
            return;
        at = comma + 1;
    }
}

static uint8_t parse_level(struct lines *lines, struct bytes text)
{
    uint8_t level = RING_LEVEL_DEFAULT;
    if (ring_level_parse(text, &level) || !bytes_equal(text, bytes_of_text(ring_level_text(level))))
        fail(lines, "bad level");
    return level;
}

// 0: the line does not say it.
static uint64_t parse_since(struct lines *lines)
{
    if (!lines->rest.size)
        return 0;
    uint64_t since = parse_number(lines, next_value(lines, "since="), UINT64_MAX);
    if (since < 2)
        fail(lines, "bad epoch");
    return since;
}

static void parse_keyspace(struct lines *lines, struct ring_keyspace *keyspace)
{
    expect(lines, "keyspace");
    keyspace->id = (uint32_t)parse_number(lines, next_word(lines), UINT32_MAX);
    parse_name(lines, next_word(lines), keyspace->name);
    parse_copies(lines, next_value(lines, "n="), keyspace->copies, &keyspace->copies_count);
    if (bytes_has_prefix(lines->rest, bytes_of_text("next=")))
        parse_copies(lines, next_value(lines, "next="), keyspace->next_copies,
                     &keyspace->next_copies_count);
    keyspace->conflict = parse_name_of(lines, next_value(lines, "conflict="), ring_conflict_names,
                                       RING_CONFLICTS_COUNT);
    keyspace->r = parse_level(lines, next_value(lines, "r="));
    keyspace->w = parse_level(lines, next_value(lines, "w="));
    keyspace->ttl_s = parse_number(lines, next_value(lines, "ttl="), UINT64_MAX);
    keyspace->since = parse_since(lines);
    end_line(lines);
}

static bool begins_with(const struct lines *lines, const char *word)
{
    return bytes_has_prefix(lines->line, bytes_of_text(word));
}

// "move read-old owners=3", if that is the line.
static void parse_move(struct lines *lines, struct ring *ring)
{
    if (lines->bad || !begins_with(lines, "move "))
        return;
    expect(lines, "move");
    ring->move = parse_name_of(lines, next_word(lines), ring_move_names, RING_MOVES_COUNT);
    ring->next_count = (uint8_t)parse_number(lines, next_value(lines, "owners="), RING_COPIES_MAX);
    if (ring->move == RING_MOVE_NONE || ring->next_count == 0)
        fail(lines, "bad move");
    end_line(lines);
    next_line(lines);
}

// Returns the version.
static int parse_head(struct lines *lines, struct ring *ring)
{
    next_line(lines);
    expect(lines, "dkv-ring");
    struct bytes word = next_word(lines);
    int version =
        word.size == 1 && word.data[0] >= '1' && word.data[0] <= '3' ? word.data[0] - '0' : 0;
    ring->is_version_1 = version == 1;
    if (!version)
        fail(lines, "written by a newer dkv, or no ring document");
    end_line(lines);
    next_line(lines);
    expect(lines, "cluster");
    ring->cluster = parse_hex(lines, next_word(lines));
    end_line(lines);
    next_line(lines);
    expect(lines, "epoch");
    ring->epoch = parse_number(lines, next_word(lines), RING_EPOCH_MAX);
    if (ring->epoch == 0)
        fail(lines, "bad epoch");
    end_line(lines);
    next_line(lines);
    expect(lines, "parent");
    ring->parent = parse_hex(lines, next_word(lines));
    end_line(lines);
    next_line(lines);
    expect(lines, "partitions");
    ring->partition_count = (uint32_t)parse_number(lines, next_word(lines), RING_PARTITIONS_MAX);
    end_line(lines);
    next_line(lines);
    expect(lines, "owners");
    ring->owner_count = (uint8_t)parse_number(lines, next_word(lines), RING_COPIES_MAX);
    if (ring->owner_count == 0)
        fail(lines, "bad number");
    end_line(lines);
    next_line(lines);
    if (version == 1)
        return version;
    expect(lines, "numbers");
    ring->number_max = (uint32_t)parse_number(lines, next_word(lines), RING_NUMBER_MAX);
    end_line(lines);
    next_line(lines);
    parse_move(lines, ring);
    return version;
}

// The line is read; leaves the line behind the last one of the kind.
static void parse_nodes(struct lines *lines, struct ring *ring)
{
    for (; !lines->bad && begins_with(lines, "node "); next_line(lines)) {
        if (ring->node_count == RING_NODES_MAX) {
            fail(lines, "too many nodes");
            return;
        }
        ring->nodes = xrealloc(ring->nodes, (ring->node_count + 1) * sizeof *ring->nodes);
        ring->nodes[ring->node_count] = (struct ring_node){0};
        struct ring_node *node = &ring->nodes[ring->node_count++];
        parse_node(lines, !ring->is_version_1, node);
        if (ring->is_version_1) // which never lost one
            ring->number_max = node->number = (uint16_t)ring->node_count;
    }
}

static void parse_keyspaces(struct lines *lines, struct ring *ring)
{
    for (; !lines->bad && begins_with(lines, "keyspace "); next_line(lines)) {
        if (ring->keyspace_count == RING_KEYSPACES_MAX) {
            fail(lines, "too many keyspaces");
            return;
        }
        ring->keyspaces =
            xrealloc(ring->keyspaces, (ring->keyspace_count + 1) * sizeof *ring->keyspaces);
        ring->keyspaces[ring->keyspace_count] = (struct ring_keyspace){0};
        parse_keyspace(lines, &ring->keyspaces[ring->keyspace_count++]);
    }
}

static int compare_node_names(const void *left, const void *right)
{
    const struct ring_node *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

// The node of that name in an array sorted by name.
static uint16_t parse_owner(struct lines *lines, const struct ring *ring,
                            const struct ring_node **sorted, struct bytes name)
{
    struct ring_node wanted = {0};
    if (ring_is_name(name))
        memcpy(wanted.name, name.data, name.size);
    const struct ring_node *key = &wanted;
    const struct ring_node **found =
        bsearch(&key, sorted, ring->node_count, sizeof *sorted, compare_node_names);
    if (!found) {
        fail(lines, "no such node");
        return 0;
    }
    return (uint16_t)(*found - ring->nodes);
}

// Names of owners.
static void parse_list(struct lines *lines, const struct ring *ring,
                       const struct ring_node **sorted, uint16_t *owners, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        owners[i] = parse_owner(lines, ring, sorted, next_word(lines));
}

// "> NAME..." where the list is another one after the move.
static void parse_next(struct lines *lines, struct ring *ring, const struct ring_node **sorted,
                       uint32_t partition)
{
    uint16_t *next = ring->next + (size_t)partition * ring->next_count;
    if (bytes_has_prefix(lines->rest, bytes_of_text(">"))) {
        expect(lines, ">");
        parse_list(lines, ring, sorted, next, ring->next_count);
        if (!lines->bad && ring_keeps_list(ring, partition))
            fail(lines, "the list is the same after the move");
    } else if (ring->next_count == ring->owner_count) {
        memcpy(next, ring->owners + (size_t)partition * ring->owner_count,
               ring->owner_count * sizeof *next);
    } else {
        fail(lines, "the list after the move is missing");
    }
}

static void parse_partitions(struct lines *lines, struct ring *ring)
{
    if (lines->bad || ring->partition_count < RING_PARTITIONS_MIN || ring->node_count == 0) {
        fail(lines, "expected a node, a keyspace or a partition");
        return;
    }
    const struct ring_node **sorted = xcalloc(ring->node_count, sizeof *sorted);
    for (uint32_t i = 0; i < ring->node_count; i++)
        sorted[i] = &ring->nodes[i];
    qsort(sorted, ring->node_count, sizeof *sorted, compare_node_names);
    ring->owners = xcalloc((size_t)ring->partition_count * ring->owner_count, sizeof *ring->owners);
    ring->since = xcalloc(ring->partition_count, sizeof *ring->since);
    if (ring->move)
        ring->next = xcalloc((size_t)ring->partition_count * ring->next_count, sizeof *ring->next);
    for (uint32_t p = 0; p < ring->partition_count && !lines->bad; p++) {
        expect(lines, "partition");
        if (parse_number(lines, next_word(lines), RING_PARTITIONS_MAX) != p)
            fail(lines, "partition out of order");
        parse_list(lines, ring, sorted, ring->owners + (size_t)p * ring->owner_count,
                   ring->owner_count);
        if (ring->move)
            parse_next(lines, ring, sorted, p);
        uint64_t since = parse_since(lines);
        ring->since[p] = since ? since : 1;
        end_line(lines);
        next_line(lines);
    }
    free(sorted);
}

static void parse_hash(struct lines *lines)
{
    expect(lines, "hash");
    uint64_t hash = parse_hex(lines, next_word(lines));
    end_line(lines);
    if (lines->bad)
        return;
    size_t size = (size_t)(lines->line.data - lines->begin);
    if (hash != hash64(bytes_of(lines->begin, size)))
        fail(lines, "the hash does not match: the document was changed or damaged");
    if (lines->at != lines->end)
        fail(lines, "text behind the last line");
}

enum status ring_text_parse(struct ring *ring, struct bytes text, struct fault *fault)
{
    struct lines lines = lines_of(text, fault);
    struct ring parsed = {0};
    int version = parse_head(&lines, &parsed);
    parse_nodes(&lines, &parsed);
    parse_keyspaces(&lines, &parsed);
    parse_partitions(&lines, &parsed);
    parse_hash(&lines);
    if (!lines.bad && ring_text_version(&parsed) != version)
        fail(&lines, "what this version of the format is for is missing");
    struct fault broken = {0};
    if (!lines.bad && ring_check(&parsed, &broken)) {
        fault_set(fault, STATUS_CORRUPT, "%s", broken.text);
        lines.bad = true;
    }
    if (lines.bad) {
        ring_release(&parsed);
        return STATUS_CORRUPT;
    }
    *ring = parsed;
    return STATUS_OK;
}

enum status ring_node_parse(struct ring_node *node, struct bytes text, struct fault *fault)
{
    struct lines lines = lines_of(text, fault);
    struct ring_node parsed = {0};
    next_line(&lines);
    expect(&lines, "dkv-node");
    expect(&lines, "1");
    end_line(&lines);
    next_line(&lines);
    parse_node(&lines, false, &parsed);
    if (parsed.port == 0)
        fail(&lines, "bad port");
    if (lines.at != lines.end)
        fail(&lines, "text behind the last line");
    if (lines.bad)
        return STATUS_CORRUPT;
    *node = parsed;
    return STATUS_OK;
}
