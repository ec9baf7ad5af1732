// dkv authorize: whose keys a node knows.
#include "dkv/authorized.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/node_dir.h"
#include "os/file.h"

#include <jansson.h>
#include <stdio.h>

struct authorize_options {
    const char *role, *revoke;
    bool list;
};

const struct option_spec options_authorize[] = {
    {.name = "role",
     .kind = OPTION_TEXT,
     .argument = "ROLE",
     .value = "client",
     .offset = offsetof(struct authorize_options, role),
     .help = "reader: get, scan; client: and put, del; admin: and restore"},
    {.name = "list",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct authorize_options, list),
     .help = "print role, name and key of each client that the node knows"},
    {.name = "revoke",
     .kind = OPTION_TEXT,
     .argument = "KEY|PUBFILE",
     .offset = offsetof(struct authorize_options, revoke),
     .help = "the node knows this key no longer"},
    {0}};

static int list_keys(const struct globals *globals, const char *dir)
{
    static const char *const names[] = {"role", "name", "key"};
    struct columns columns = {0};
    struct authorized authorized;
    struct fault fault;
    enum status status = authorized_load(&authorized, dir, &fault);
    if (status)
        return report(globals, "authorize", status, "%s", fault.text);
    columns_head(&columns, names, 3);
    for (uint32_t i = 0; i < authorized.count; i++) {
        const struct key_file *key = &authorized.items[i].key;
        if (globals->json) {
            json_print_line(json_pack("{s:i,s:s,s:s,s:s}", "v", 1, "role", role_text(key->role),
                                      "name", key->name, "key", key->keys.public_key));
            continue;
        }
        columns_add(&columns, "%s", role_text(key->role));
        columns_add(&columns, "%s", key->name);
        columns_add(&columns, "%s", key->keys.public_key);
        columns_end_row(&columns);
    }
    if (!globals->json)
        columns_print(&columns);
    authorized_release(&authorized);
    return 0;
}

// `what` is the key itself, or the file that has it.
static int revoke_key(const struct globals *globals, const char *dir, const char *what)
{
    struct key_file key = {0};
    struct fault fault;
    enum status status = STATUS_OK;
    if (strlen(what) == 40 && !file_exists(what))
        memcpy(key.keys.public_key, what, sizeof key.keys.public_key);
    else
        status = file_status(key_file_load(what, false, &key, &fault));
    if (!status)
        status = authorized_revoke(dir, key.keys.public_key, &fault);
    return status ? report(globals, "authorize", status, "%s", fault.text) : 0;
}

static int add_key(const struct globals *globals, const char *dir, const char *path,
                   const char *role_name)
{
    enum role role;
    if (role_parse(bytes_of_text(role_name), &role) || role == ROLE_PEER)
        return usage_error("authorize", "--role %s: not one of reader, client, admin", role_name);
    struct key_file key;
    struct fault fault;
    enum status status = file_status(key_file_load(path, false, &key, &fault));
    if (!status) {
        key.role = role;
        key.node = 0;
        status = node_dir_authorize(dir, &key, &fault);
    }
    return status ? report(globals, "authorize", status, "%s", fault.text) : 0;
}

int verb_authorize(struct globals *globals, int argc, char **argv)
{
    struct authorize_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_authorize, &options, argc, argv, &operands))
        return operands.exit_status;
    if (options.list && options.revoke)
        return usage_error("authorize", "--list and --revoke are two things");
    bool is_alone = options.list || options.revoke;
    if (operands.count != (is_alone ? 1 : 2))
        return usage_error("authorize", is_alone ? "DIR is needed, and nothing else"
                                                 : "DIR and PUBFILE are needed");
    const char *dir = operands.values[0];
    if (options.list)
        return list_keys(globals, dir);
    if (options.revoke)
        return revoke_key(globals, dir, options.revoke);
    return add_key(globals, dir, operands.values[1], options.role);
}
