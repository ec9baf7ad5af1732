// authorized.h - the keys that a node knows: the files of DIR/keys/authorized.
#pragma once

#include "net/key_file.h"

struct authorized_key {
    char file[256];
    struct key_file key;
};

struct authorized {
    struct authorized_key *items; // by role, name, key
    uint32_t count;
};

// INVALID: no such directory, or a file in it that is no public key.
enum status authorized_load(struct authorized *authorized, const char *dir,
                            struct fault *fault) MUST_USE;
void authorized_release(struct authorized *authorized);

// Removes every file with this key. NOT_FOUND if there is none.
enum status authorized_revoke(const char *dir, const char *public_key,
                              struct fault *fault) MUST_USE;
