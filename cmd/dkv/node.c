#include "base/text.h"
#include "dkv/hint_lines.h"
#include "dkv/node_dir.h"
#include "dkv/options.h"
#include "dkv/ring_change.h"
#include "ring/ring_plan.h"

#include <limits.h>
#include <string.h>

static const char verb[] = "node";

struct node_options {
    bool undo, dead;
};

const struct option_spec options_node[] = {{.name = "undo",
                                            .kind = OPTION_FLAG,
                                            .offset = offsetof(struct node_options, undo),
                                            .of = "leave",
                                            .help = "it stays"},
                                           {.name = "dead",
                                            .kind = OPTION_FLAG,
                                            .offset = offsetof(struct node_options, dead),
                                            .of = "leave replace",
                                            .help = "it does not come back: nobody waits for it"},
                                           {0}};

// NULL: there is none, and the fault says so.
static struct ring_node *find(const struct ring *ring, const char *name, struct fault *fault)
{
    int index = ring_find_node_name(ring, name);
    if (index < 0)
        fault_set(fault, STATUS_INVALID, "there is no node %.80s", name);
    return index < 0 ? NULL : &ring->nodes[index];
}

static enum status join(struct ring *ring, const struct operands *operands,
                        const struct node_options *options, struct fault *fault)
{
    struct ring_node node;
    (void)options;
    enum status status = node_dir_read_public(operands->values[1], &node, fault);
    return status ? status : ring_add_node(ring, &node, fault);
}

static enum status leave(struct ring *ring, const struct operands *operands,
                         const struct node_options *options, struct fault *fault)
{
    struct ring_node *node = find(ring, operands->values[1], fault);
    if (!node)
        return STATUS_INVALID;
    if (options->undo && options->dead)
        return fault_set(fault, STATUS_INVALID, "one of --undo and --dead");
    node->state = options->undo ? RING_NODE_UP : options->dead ? RING_NODE_DEAD : RING_NODE_LEAVING;
    return STATUS_OK;
}

// What the file of the new node does not say it has from the old one.
static enum status replace(struct ring *ring, const struct operands *operands,
                           const struct node_options *options, struct fault *fault)
{
    struct ring_node node, *old = find(ring, operands->values[1], fault);
    enum status status =
        old ? node_dir_read_public(operands->values[2], &node, fault) : STATUS_INVALID;
    if (status)
        return status;
    node.weight = old->weight;
    if (!node.dc[0])
        memcpy(node.dc, old->dc, sizeof node.dc);
    if (!node.rack[0])
        memcpy(node.rack, old->rack, sizeof node.rack);
    old->state = options->dead ? RING_NODE_DEAD : RING_NODE_LEAVING;
    return ring_add_node(ring, &node, fault);
}

// A node without data goes for good.
static enum status forget(struct ring *ring, const struct operands *operands,
                          const struct node_options *options, struct fault *fault)
{
    const char *name = operands->values[1];
    (void)options;
    const struct ring_node *node = find(ring, name, fault);
    if (!node)
        return STATUS_INVALID;
    if (ring_is_listed(ring, (uint32_t)(node - ring->nodes)))
        return fault_set(fault, STATUS_REFUSED,
                         "%s owns data: 'dkv node leave %s', then plan and commit", name, name);
    ring_remove_node(ring, (uint32_t)(node - ring->nodes));
    return STATUS_OK;
}

// Nobody would ask it for hints any more. One that does not answer cannot be asked.
static enum status check_hints(const struct globals *globals, const struct ring *ring,
                               const char *name, struct fault *fault)
{
    struct hint_lines lines = {0};
    uint64_t count = 0;
    enum status status = hint_lines_ask(globals, ring, &lines, fault);
    for (unsigned i = 0; !status && i < lines.count; i++) {
        if (strcmp(hint_lines_text(lines.lines[i], "holder"), name) == 0)
            count += hint_lines_number(lines.lines[i], "hints");
    }
    hint_lines_release(&lines);
    if (!status && count)
        status = fault_set(fault, STATUS_REFUSED,
                           "%s keeps %llu hints for others: 'dkv hints wait', or stop its "
                           "dkv-hintd, and they are lost",
                           name, (unsigned long long)count);
    return status;
}

// "weight=200".
static enum status set_word(struct ring_node *node, const char *word, struct fault *fault)
{
    uint64_t weight;
    const char *value = strchr(word, '=');
    if (value && strncmp(word, "weight=", 7) == 0 &&
        !text_parse_number(bytes_of_text(value + 1), &weight, NULL) && weight <= RING_WEIGHT_MAX) {
        node->weight = (uint32_t)weight;
        return STATUS_OK;
    }
    if (value && strncmp(word, "rack=", 5) == 0 &&
        (!value[1] || ring_is_name(bytes_of_text(value + 1)))) {
        memset(node->rack, 0, sizeof node->rack);
        memcpy(node->rack, value + 1, strlen(value + 1));
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INVALID, "'%.80s' is neither weight=0..%d nor rack=NAME", word,
                     RING_WEIGHT_MAX);
}

static enum status set(struct ring *ring, const struct operands *operands,
                       const struct node_options *options, struct fault *fault)
{
    (void)options;
    struct ring_node *node = find(ring, operands->values[1], fault);
    enum status status = node ? STATUS_OK : STATUS_INVALID;
    for (int i = 2; !status && i < operands->count; i++)
        status = set_word(node, operands->values[i], fault);
    return status;
}

// The first operand, and what follows it.
static const struct word {
    const char *name;
    enum status (*change)(struct ring *ring, const struct operands *operands,
                          const struct node_options *options, struct fault *fault);
    int least, most; // operands
    const char *needs;
} words[] = {
    {"join", join, 2, 2, "one FILE.node is"},
    {"leave", leave, 2, 2, "one NAME is"},
    {"replace", replace, 3, 3, "NAME and the FILE.node of another one are"},
    {"forget", forget, 2, 2, "one NAME is"},
    {"set", set, 3, INT_MAX, "NAME and what is to be set are"},
};

static const struct word *find_word(const struct operands *operands)
{
    for (size_t i = 0; operands->count && i < sizeof words / sizeof *words; i++) {
        if (strcmp(operands->values[0], words[i].name) == 0)
            return &words[i];
    }
    return NULL;
}

static enum status change(struct ring *ring, const struct word *word,
                          const struct operands *operands, const struct node_options *options,
                          struct fault *fault)
{
    if (ring->move)
        return fault_set(fault, STATUS_REFUSED,
                         "data is moving: nodes can change when that is over, see 'dkv ring "
                         "status'");
    return word->change(ring, operands, options, fault);
}

int verb_node(struct globals *globals, int argc, char **argv)
{
    struct node_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_node, &options, argc, argv, &operands))
        return operands.exit_status;
    const struct word *word = find_word(&operands);
    if (!word)
        return usage_error(verb, "one of join, leave, replace, forget, set is needed");
    if (operands.count < word->least || operands.count > word->most)
        return usage_error(verb, "%s: %s needed", word->name, word->needs);
    struct ring_change ring;
    struct fault fault = {""};
    int exit_status = ring_change_begin(globals, verb, &ring);
    if (exit_status)
        return exit_status;
    enum status status = change(&ring.next, word, &operands, &options, &fault);
    if (!status && word->change == forget)
        status = check_hints(globals, &ring.before, operands.values[1], &fault);
    if (status)
        exit_status = report(globals, verb, status, "%s", fault.text);
    else if (!ring_change_succeed(&ring))
        exit_status = report(globals, verb, STATUS_OK, "it is so already");
    else
        exit_status = ring_change_propose(globals, verb, &ring, operands.values[1]);
    ring_change_release(&ring);
    return exit_status;
}
