// dkv repair: lets replicas be compared and made equal, now.
#include "dkv/repair.h"

#include "dkv/arguments.h"
#include "dkv/ask.h"
#include "dkv/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct repair_options {
    bool wait, dry_run, accept_loss, yes;
    uint64_t age_max_s;
    const char *key_file, *node;
};

const struct option_spec options_repair[] = {
    {.name = "wait",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct repair_options, wait),
     .help = "return when all replicas agree; --timeout is a limit"},
    {.name = "dry-run",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct repair_options, dry_run),
     .help = "print the keys that differ, and change nothing"},
    {.name = "key-file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct repair_options, key_file),
     .help = "the bytes of FILE are the key"},
    {.name = "accept-loss",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct repair_options, accept_loss),
     .help = "let the lost copies of a node count as whole: what they lack is gone"},
    {.name = "node",
     .kind = OPTION_TEXT,
     .argument = "NODE",
     .offset = offsetof(struct repair_options, node),
     .help = "of this node, with --accept-loss"},
    {.name = "yes",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct repair_options, yes),
     .help = "do not ask, with --accept-loss"},
    {.name = "max-age",
     .kind = OPTION_NUMBER,
     .argument = "S",
     .min = 1,
     .offset = offsetof(struct repair_options, age_max_s),
     .of = "status",
     .help = "exit status 12 if some agreed longer ago than that"},
    {0}};

void repair_scope_format(const struct repair_scope *scope, struct buf *out)
{
    if (scope->keyspace)
        buf_printf(out, "keyspace=%u ", scope->keyspace);
    if (scope->has_partition)
        buf_printf(out, "partition=%u ", scope->partition);
}

static bool parse_partition(const struct ring *ring, const char *text, uint32_t *partition)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    *partition = (uint32_t)number;
    return *text >= '0' && *text <= '9' && !*end && !errno && number < ring->partition_count;
}

// False: there is no such keyspace.
static bool take_key(const struct globals *globals, const struct ring *ring, struct bytes key,
                     struct repair_scope *scope)
{
    const struct ring_keyspace *keyspace =
        ring_find_keyspace(ring, bytes_of_text(globals->keyspace));
    if (!keyspace)
        return false;
    scope->keyspace = keyspace->id;
    scope->has_partition = true;
    scope->partition = ring_partition(ring, ring_token(keyspace->id, key));
    scope->key = key;
    return true;
}

// A partition, else a keyspace, else a key.
static bool take_operand(const struct globals *globals, const struct ring *ring,
                         const char *operand, struct repair_scope *scope)
{
    const struct ring_keyspace *keyspace = ring_find_keyspace(ring, bytes_of_text(operand));
    scope->has_partition = parse_partition(ring, operand, &scope->partition);
    if (scope->has_partition)
        return true;
    if (keyspace)
        scope->keyspace = keyspace->id;
    return keyspace || take_key(globals, ring, bytes_of_text(operand), scope);
}

static int run(const struct globals *globals, const struct repair_options *options, bool is_status,
               const char *operand, struct bytes key)
{
    struct ring ring = {0};
    struct repair_scope scope = {0};
    int failed = ask_ring_of_living(globals, "repair", &ring);
    if (failed)
        return failed;
    bool is_known = key.size  ? take_key(globals, &ring, key, &scope)
                    : operand ? take_operand(globals, &ring, operand, &scope)
                              : true;
    if (!is_known)
        failed = report(globals, "repair", STATUS_INVALID, "there is no keyspace \"%s\"",
                        globals->keyspace);
    else if (is_status)
        failed = repair_status(globals, &ring, options->age_max_s);
    else if (options->accept_loss)
        failed = repair_accept_loss(globals, &ring, &scope, options->node ? options->node : "",
                                    options->yes);
    else if (options->dry_run)
        failed = repair_dry_run(globals, &ring, &scope);
    else
        failed = repair_run(globals, &ring, &scope, options->wait);
    ring_release(&ring);
    return failed;
}

int verb_repair(struct globals *globals, int argc, char **argv)
{
    struct repair_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_repair, &options, argc, argv, &operands))
        return operands.exit_status;
    const char *word = operands.count ? operands.values[0] : "";
    bool is_status = strcmp(word, "status") == 0;
    int skipped = is_status || strcmp(word, "run") == 0;
    if (operands.count - skipped > (is_status || options.key_file ? 0 : 1))
        return usage_error("repair", is_status ? "status: takes no arguments"
                                               : "one KEYSPACE, PARTITION or KEY at most");
    if (is_status && (options.wait || options.dry_run || options.key_file || options.accept_loss))
        return usage_error("repair", "status: only --max-age goes with it");
    if (options.accept_loss && (options.wait || options.dry_run))
        return usage_error("repair", "--accept-loss compares nothing: no --wait, no --dry-run");
    if (!options.accept_loss && (options.node || options.yes))
        return usage_error("repair", "--node and --yes go with --accept-loss");
    struct buf key = {0};
    struct fault fault;
    enum status status = STATUS_OK;
    struct operands none = {0};
    if (options.key_file)
        status = argument_key(options.key_file, &none, &key, &fault);
    int exit_status =
        status ? report(globals, "repair", status, "%s", fault.text)
               : run(globals, &options, is_status,
                     operands.count > skipped ? operands.values[skipped] : NULL, buf_bytes(&key));
    buf_release(&key);
    return exit_status;
}
