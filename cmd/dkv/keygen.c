#include "dkv/node_dir.h"
#include "net/certificate.h"
#include "os/file.h"

#include <stdio.h>

struct keygen_options {
    const char *name;
};

const struct option_spec options_keygen[] = {{.name = "name",
                                              .kind = OPTION_TEXT,
                                              .argument = "NAME",
                                              .offset = offsetof(struct keygen_options, name),
                                              .help = "who will use the key, for people and logs"},
                                             {0}};

static enum status check_place(const char *path, struct fault *fault)
{
    char dir[FILE_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    if (!file_is_dir(dir))
        return fault_set(fault, STATUS_INVALID, "%s: there is no directory %s", path, dir);
    if (file_exists(path))
        return fault_set(fault, STATUS_EXISTS, "%s: exists already", path);
    return STATUS_OK;
}

int verb_keygen(struct globals *globals, int argc, char **argv)
{
    struct keygen_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_keygen, &options, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count != 1)
        return usage_error("keygen", "one FILE is needed");
    if (!options.name || !ring_is_name(bytes_of_text(options.name)))
        return usage_error("keygen", "--name is needed: letters, digits and - _ .");

    struct key_file key = {.role = ROLE_CLIENT};
    char public[FILE_PATH_SIZE];
    struct fault fault;
    if ((size_t)snprintf(public, sizeof public, "%s.pub", operands.values[0]) >= sizeof public)
        return usage_error("keygen", "the name of the file is too long");
    snprintf(key.name, sizeof key.name, "%s", options.name);
    enum status status = check_place(operands.values[0], &fault);
    if (!status)
        status = certificate_make(operands.values[0], public, &key, &fault);
    return status ? report(globals, "keygen", status, "%s", fault.text) : 0;
}
