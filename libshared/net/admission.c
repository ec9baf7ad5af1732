#include "net/admission.h"

#include "net/endpoint.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// True if our group may enter the directory of `path`, and that group is the one that a
// new socket will belong to.
static bool is_open_to_group(const char *path)
{
    char directory[128] = ".";
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path) + 1, path);
    struct stat stat_now;
    return !stat(directory, &stat_now) && (stat_now.st_mode & S_IXGRP) &&
           !(stat_now.st_mode & (S_IWGRP | S_IRWXO)) && stat_now.st_gid == getegid();
}

enum status admission_of(const struct net_listener *listener, struct admission *admission,
                         struct fault *fault)
{
    struct endpoint endpoint;
    enum status status = endpoint_parse(listener->endpoint, &endpoint, fault);
    if (status)
        return status;
    *admission = (struct admission){.proof = endpoint.ipc      ? PROOF_USER
                                             : listener->plain ? PROOF_NONE
                                                               : PROOF_KEY,
                                    .port = endpoint.port,
                                    .role_least = listener->role_least,
                                    .role_local = listener->role_local};
    if (admission->proof == PROOF_USER && !is_open_to_group(endpoint.path))
        admission->role_local = ROLE_NONE;
    if (admission->proof == PROOF_NONE && !endpoint.loopback)
        return fault_set(fault, STATUS_REFUSED,
                         "%s: net/plain is only for 127.0.0.0/8 and [::1]: messages would be "
                         "open to everybody",
                         listener->endpoint);
    return STATUS_OK;
}
