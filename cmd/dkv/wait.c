// dkv wait: until so many owners have a write.
#include "base/text.h"
#include "dkv/arguments.h"
#include "dkv/connect.h"
#include "dkv/json.h"
#include "dkv/jsonl.h"
#include "dkv/replicas.h"
#include "os/clock.h"

#include <inttypes.h>

struct wait_options {
    uint64_t owners;
    bool all;
};

const struct option_spec options_wait[] = {
    {OPTION_OF(struct wait_options, 0, "owners", OPTION_NUMBER, owners, "N",
               "until N owners have the write"),
     .min = 1, .max = REPLICAS_MAX},
    {OPTION_OF(struct wait_options, 0, "all", OPTION_FLAG, all, NULL,
               "until all owners have it; the default")},
    {0}};

struct wait {
    struct globals *globals;
    struct wait_options options;
    struct buf receipt;
    uint64_t begun_ms;
    uint64_t until_ms; // UINT64_MAX: for ever
    struct replicas replicas;
};

static uint32_t wanted(const struct wait *wait)
{
    return wait->options.owners ? (uint32_t)wait->options.owners : wait->replicas.count;
}

static void print_json(const struct wait *wait)
{
    const struct replicas *replicas = &wait->replicas;
    json_t *have = json_array(), *lack = json_array();
    for (uint32_t i = 0; i < replicas->count; i++) {
        const struct explained_replica *replica = &replicas->items[i].replica;
        char problem[128];
        if (replica->has_write)
            json_array_append_new(have, jsonl_bytes(replica->node));
        else
            json_array_append_new(lack,
                                  json_pack("{s:o,s:o,s:s}", "node", jsonl_bytes(replica->node),
                                            "state", jsonl_bytes(replica->state), "problem",
                                            replicas_problem(replicas, i, problem)));
    }
    json_print_line(json_pack(
        "{s:i,s:o,s:o,s:i,s:o,s:o}", "v", 1, "key", jsonl_bytes(replicas->op.key), "keyspace",
        jsonl_bytes(replicas->op.name), "wanted", (int)wanted(wait), "have", have, "lack", lack));
}

static int say_late(const struct wait *wait)
{
    const struct replicas *replicas = &wait->replicas;
    uint32_t having = replicas_having(replicas);
    struct buf key = {0}, others = {0};
    text_escape_log(replicas->op.key, &key);
    replicas_name_others(replicas, having, "has not got it yet", &others);
    int exit_status = report(wait->globals, "wait", STATUS_CHECK_FAILED,
                             "%s: %d of %" PRIu32 " owners have the write after %" PRIu64
                             " ms, %" PRIu32 " are wanted; it is not known to be at: %s",
                             buf_text(&key), __builtin_popcount(having), replicas->count,
                             clock_mono_ms() - wait->begun_ms, wanted(wait), buf_text(&others));
    buf_release(&key);
    buf_release(&others);
    return exit_status;
}

static int end(const struct wait *wait, bool is_met)
{
    if (wait->globals->json)
        print_json(wait);
    return is_met ? 0 : say_late(wait);
}

// More than there are can never have it: the caller says so.
static bool are_enough(void *context, const struct replicas *replicas)
{
    const struct wait *wait = context;
    uint32_t having = (uint32_t)__builtin_popcount(replicas_having(replicas));
    return having >= wanted(wait) || wanted(wait) > replicas->count;
}

static int run(struct wait *wait)
{
    struct client *client;
    struct fault fault;
    bool is_met;
    enum status status = connect_cluster(&client, wait->globals, &fault);
    if (status)
        return report(wait->globals, "wait", status, "%s", fault.text);
    struct op_explain op = {.keyspace = bytes_of_text(wait->globals->keyspace),
                            .receipt = buf_bytes(&wait->receipt)};
    status = replicas_wait(&wait->replicas, client, &op,
                           &(struct replicas_wait){wait->globals, wait->until_ms, are_enough, wait},
                           &is_met);
    client_close(client);
    if (status)
        return argument_report(wait->globals, "wait", status, buf_bytes(&wait->replicas.text));
    if (wanted(wait) > wait->replicas.count)
        return report(wait->globals, "wait", STATUS_INVALID,
                      "%" PRIu32 " owners are wanted, and the key has %" PRIu32, wanted(wait),
                      wait->replicas.count);
    return end(wait, is_met);
}

int verb_wait(struct globals *globals, int argc, char **argv)
{
    struct wait wait = {.globals = globals, .begun_ms = clock_mono_ms()};
    struct operands operands;
    struct fault fault;
    int exit_status;
    if (!options_parse(globals, options_wait, &wait.options, argc, argv, &operands))
        return operands.exit_status;
    wait.until_ms = globals->timeout_given ? wait.begun_ms + globals->timeout_ms : UINT64_MAX;
    if (operands.count != 1)
        exit_status = usage_error("wait", "one RECEIPT is needed");
    else if (wait.options.all && wait.options.owners)
        exit_status = usage_error("wait", "--owners and --all exclude each other");
    else if (argument_token("receipt", operands.values[0], &wait.receipt, &fault))
        exit_status = usage_error("wait", "%s", fault.text);
    else
        exit_status = run(&wait);
    buf_release(&wait.receipt);
    replicas_release(&wait.replicas);
    return exit_status;
}
