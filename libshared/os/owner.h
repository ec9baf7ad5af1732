// owner.h - whose files they are.
//
// Root who lays out a directory that belongs to somebody else, such as the user of a
// service, acts as that user meanwhile: what it writes then belongs to the user, and a
// link that the user put there leads root nowhere that the user may not go.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

#include <sys/types.h>

struct owner {
    bool is_other; // we act as somebody else
    gid_t group;   // what we were before
    gid_t groups[64];
    int group_count;
};

// If we are root and `path`, or the nearest directory above it that exists, belongs to somebody
// else, acts as that user until owner_leave(). For everybody but root nothing happens. REFUSED if
// the system does not let us.
enum status owner_enter(struct owner *owner, const char *path, struct fault *fault) MUST_USE;
void owner_leave(struct owner *owner); // harmless if it was not entered

// Enters, does the work with `what`, leaves. The status of either.
enum status owner_do(const char *path,
                     enum status (*work)(const char *path, const void *what, struct fault *fault),
                     const void *what, struct fault *fault) MUST_USE;

// Appends why we may not open `path`, and what helps:
//     "closed to user dkv: /etc/dkv/keys belongs to root, mode 0700 (chown dkv: /etc/dkv/keys)"
// It names the last part of the path that we can see.
void owner_explain(const char *path, struct buf *out);

// What a call that failed on the path has left in errno, as a fault that explains. NOT_FOUND if
// there is no such file, else IO.
enum status owner_fault(const char *path, struct fault *fault);

// Appends the name of a user, or the number if it has none.
void owner_name(uid_t user, struct buf *out);
