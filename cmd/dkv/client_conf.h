// client_conf.h - defaults of a user, in $XDG_CONFIG_HOME/dkv/client.conf.
//
// (~/.config/dkv/client.conf when that variable is not set.) One option a line, by its
// long name; a flag is "yes" or "no"; quotes around a value are optional:
//
//     # which cluster I mean
//     cluster = tcp://10.0.0.1:7400,tcp://10.0.0.2:7400
//     key-dir = "/home/me/dkv keys"
//     write-quorum = all
//
// A name that is not an option of any verb, a name given twice and a line without "=" are
// errors that name file and line: a default that silently does nothing is worse.
// Limits: 64 KiB, 128 entries.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

enum { CLIENT_CONF_ENTRIES_MAX = 128, CLIENT_CONF_SIZE_MAX = 64 * 1024 };

struct client_conf_entry {
    const char *name;
    const char *value;
    unsigned line; // from 1
};

struct client_conf {
    char path[1024]; // "" if there is no place for one
    struct buf text; // what the entries point into
    struct client_conf_entry entries[CLIENT_CONF_ENTRIES_MAX];
    unsigned count;
};

// Reads the file; one that is not there is empty. INVALID with "FILE:LINE: ..." in the
// fault. `is_known` says whether a name is an option.
enum status client_conf_load(struct client_conf *conf, bool (*is_known)(const char *name),
                             struct fault *fault) MUST_USE;

const struct client_conf_entry *client_conf_find(const struct client_conf *conf,
                                                 const char *name); // NULL if not there
