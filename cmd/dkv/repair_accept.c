// dkv repair --accept-loss: lost copies count as whole.
#include "dkv/repair.h"

#include "dkv/arguments.h"
#include "dkv/json.h"
#include "dkv/node_ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Asks on a terminal. 0: go on.
static int confirm(const char *node)
{
    char word[8] = "";
    if (!isatty(STDIN_FILENO))
        return usage_error("repair",
                           "--accept-loss gives up what lost copies lack: --yes is needed");
    fprintf(stderr, "Give up what the lost copies of %s lack and no other has? Type yes: ",
            *node ? node : "this node");
    if (!fgets(word, sizeof word, stdin) || strcmp(word, "yes\n") != 0)
        return usage_error("repair", "nothing was changed");
    return 0;
}

int repair_accept_loss(const struct globals *globals, const struct ring *ring,
                       const struct repair_scope *scope, const char *node, bool is_sure)
{
    struct buf argument = {0}, answer = {0};
    struct fault fault = {""};
    int refused = is_sure ? 0 : confirm(node);
    if (refused)
        return refused;
    uint32_t first = scope->has_partition ? scope->partition : 0;
    uint32_t last = scope->has_partition ? scope->partition : ring->partition_count - 1;
    buf_printf(&argument, "%u %u %u", scope->keyspace, first, last);
    enum status status =
        node_ask(globals, node, "store/accept-loss", buf_text(&argument), &answer, &fault);
    const char *at = buf_text(&answer);
    uint64_t count = node_ask_number(&at);
    if (status)
        (void)report(globals, "repair", status, "%s", fault.text);
    else if (globals->json)
        json_print_line(json_pack("{s:i,s:I}", "v", 1, "accepted", (json_int_t)count));
    else
        printf("%llu copies\n", (unsigned long long)count);
    buf_release(&argument);
    buf_release(&answer);
    return status_exit_code(status);
}
