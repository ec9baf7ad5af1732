#include "dkv/node_status.h"

#include "base/xalloc.h"
#include "dkv/ask.h"
#include "dkv/node_ask.h"
#include "os/clock.h"

#include <stdlib.h>

enum { OLD_MS = 1000, PATIENCE_MS = 1000 };

const char *const node_status_processes[] = {"router", "store", "hintd", "repair", NULL};

static int compare_names(const void *left, const void *right)
{
    json_t *const *a = left, *const *b = right;
    const char *a_name = json_string_value(json_object_get(*a, "node"));
    const char *b_name = json_string_value(json_object_get(*b, "node"));
    return strverscmp(a_name ? a_name : "", b_name ? b_name : ""); // n2 before n10
}

static enum status ask_once(const struct globals *globals, struct node_status *status,
                            struct fault *fault)
{
    struct buf answer = {0};
    enum status result = ask(globals, "status", &answer, fault);
    char *line = (char *)(uintptr_t)buf_text(&answer);
    while (!result && *line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        json_t *node = json_loads(line, 0, NULL);
        if (!json_is_object(node)) {
            json_decref(node);
            result =
                fault_set(fault, STATUS_CORRUPT, "the router's answer is no JSON: %.100s", line);
            break;
        }
        status->nodes = xrealloc(status->nodes, (status->count + 1) * sizeof(json_t *));
        status->nodes[status->count++] = node;
        line = end ? end + 1 : line + strlen(line);
    }
    buf_release(&answer);
    if (result)
        node_status_release(status);
    else if (status->count)
        qsort(status->nodes, status->count, sizeof(json_t *), compare_names);
    return result;
}

// What is known of a store is older than people mean by now: the router has just asked it.
static bool is_old(const struct node_status *status)
{
    bool is_old = false;
    for (unsigned i = 0; !is_old && i < status->count; i++) {
        json_t *told = json_object_get(status->nodes[i], "told_ms");
        is_old = node_status_is_up(status->nodes[i], "store") &&
                 (!told || json_integer_value(told) > OLD_MS);
    }
    return is_old;
}

enum status node_status_ask(const struct globals *globals, struct node_status *status,
                            struct fault *fault)
{
    uint64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;
    enum status result;
    while (!(result = ask_once(globals, status, fault)) && is_old(status) &&
           node_ask_pause(deadline_ms))
        node_status_release(status);
    return result;
}

void node_status_release(struct node_status *status)
{
    for (unsigned i = 0; i < status->count; i++)
        json_decref(status->nodes[i]);
    free(status->nodes);
    *status = (struct node_status){0};
}

bool node_status_is_up(json_t *node, const char *name)
{
    const char *text = json_string_value(json_object_get(node, name));
    return text && strcmp(text, "up") == 0;
}

json_t *node_status_find(const struct node_status *status, const char *name)
{
    for (unsigned i = 0; i < status->count; i++) {
        const char *found = json_string_value(json_object_get(status->nodes[i], "node"));
        if (found && strcmp(found, name) == 0)
            return status->nodes[i];
    }
    return NULL;
}

const char node_status_dead[] = "dead";

static bool is_dead(json_t *node)
{
    const char *state = json_string_value(json_object_get(node, "state"));
    return state && strcmp(state, node_status_dead) == 0;
}

static bool is_serving(json_t *node)
{
    for (const char *const *name = node_status_processes; *name; name++)
        if (json_object_get(node, *name) && !node_status_is_up(node, *name))
            return false;
    return true;
}

bool node_status_is_serving(const struct node_status *status)
{
    unsigned i = 0;
    while (i < status->count && is_serving(status->nodes[i]))
        i++;
    return status->count > 0 && i == status->count;
}

bool node_status_is_well(const struct node_status *status)
{
    unsigned i = 0;
    while (i < status->count &&
           (is_dead(status->nodes[i]) ||
            (node_status_is_up(status->nodes[i], "state") && is_serving(status->nodes[i]))))
        i++;
    return status->count > 0 && i == status->count;
}
