#include "base/text.h"
#include "dkv/node_dir.h"
#include "dkv/options.h"
#include "dkv/ring_change.h"
#include "ring/ring_plan.h"

#include <string.h>

static const char verb[] = "node";

struct node_options {
    bool undo;
};

const struct option_spec options_node[] = {{.name = "undo",
                                            .kind = OPTION_FLAG,
                                            .offset = offsetof(struct node_options, undo),
                                            .of = "leave",
                                            .help = "it stays"},
                                           {0}};

// NULL: there is none, and the fault says so.
static struct ring_node *find(const struct ring *ring, const char *name, struct fault *fault)
{
    int index = ring_find_node_name(ring, name);
    if (index < 0)
        fault_set(fault, STATUS_INVALID, "there is no node %.80s", name);
    return index < 0 ? NULL : &ring->nodes[index];
}

static enum status join(struct ring *ring, const char *path, struct fault *fault)
{
    struct ring_node node;
    enum status status = node_dir_read_public(path, &node, fault);
    return status ? status : ring_add_node(ring, &node, fault);
}

static enum status leave(struct ring *ring, const char *name, bool undo, struct fault *fault)
{
    struct ring_node *node = find(ring, name, fault);
    if (!node)
        return STATUS_INVALID;
    node->state = undo ? RING_NODE_UP : RING_NODE_LEAVING;
    return STATUS_OK;
}

// A node without data goes for good.
static enum status forget(struct ring *ring, const char *name, struct fault *fault)
{
    const struct ring_node *node = find(ring, name, fault);
    size_t count = (size_t)ring->partition_count * ring->owner_count;
    for (size_t i = 0; node && i < count; i++) {
        if (&ring->nodes[ring->owners[i]] == node)
            return fault_set(fault, STATUS_REFUSED,
                             "%s owns data: 'dkv node leave %s', then plan and commit", name, name);
    }
    if (!node)
        return STATUS_INVALID;
    ring_remove_node(ring, (uint32_t)(node - ring->nodes));
    return STATUS_OK;
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

static enum status set(struct ring *ring, const struct operands *operands, struct fault *fault)
{
    struct ring_node *node = find(ring, operands->values[1], fault);
    enum status status = node ? STATUS_OK : STATUS_INVALID;
    for (int i = 2; !status && i < operands->count; i++)
        status = set_word(node, operands->values[i], fault);
    return status;
}

static enum status change(struct ring *ring, const struct operands *operands,
                          const struct node_options *options, struct fault *fault)
{
    const char *word = operands->values[0], *what = operands->values[1];
    if (ring->move)
        return fault_set(fault, STATUS_REFUSED,
                         "data is moving: nodes can change when that is over, see 'dkv ring "
                         "status'");
    if (strcmp(word, "join") == 0)
        return join(ring, what, fault);
    if (strcmp(word, "leave") == 0)
        return leave(ring, what, options->undo, fault);
    return strcmp(word, "forget") == 0 ? forget(ring, what, fault) : set(ring, operands, fault);
}

int verb_node(struct globals *globals, int argc, char **argv)
{
    struct node_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_node, &options, argc, argv, &operands))
        return operands.exit_status;
    const char *word = operands.count ? operands.values[0] : "";
    bool is_set = strcmp(word, "set") == 0;
    if (strcmp(word, "join") && strcmp(word, "leave") && strcmp(word, "forget") && !is_set)
        return usage_error(verb, "one of join, leave, forget, set is needed");
    if (is_set ? operands.count < 3 : operands.count != 2)
        return usage_error(verb, "%s: %s", word,
                           is_set                      ? "NAME and what is to be set are needed"
                           : strcmp(word, "join") == 0 ? "one FILE.node is needed"
                                                       : "one NAME is needed");
    struct ring_change ring;
    struct fault fault = {""};
    int exit_status = ring_change_begin(globals, verb, &ring);
    if (exit_status)
        return exit_status;
    enum status status = change(&ring.next, &operands, &options, &fault);
    if (status)
        exit_status = report(globals, verb, status, "%s", fault.text);
    else if (!ring_change_succeed(&ring))
        exit_status = report(globals, verb, STATUS_OK, "it is so already");
    else
        exit_status = ring_change_propose(globals, verb, &ring, operands.values[1]);
    ring_change_release(&ring);
    return exit_status;
}
