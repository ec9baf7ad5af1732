// certificate.h - makes key pairs and their files (net/key_file.h): certificates of czmq, by zcert.
//
// Few verbs of dkv make keys, and czmq takes as long to load as all else of a start: so it is
// loaded here, when it is needed (net/net.h).
//
// zcert neither quotes nor looks whether the disk took what it wrote. So we make the file that it
// writes to (mode 0600 and new, os/secret_file.h), and read it back before it gets its name.
#pragma once

#include "net/key_file.h"

// A new key pair for the name, role and node of `file`; sets its public key, the secret is in the
// file alone. The public file, if there is a path for one, comes first: a secret is never there
// without it. EXISTS: one of them is there already; INVALID: a name that cannot be written; IO.
enum status certificate_make(const char *path, const char *public_path, struct key_file *file,
                             struct fault *fault) MUST_USE;

// A public file. EXISTS if it is there already, unless it may replace that.
enum status certificate_publish(const char *path, const struct key_file *file, bool may_replace,
                                struct fault *fault) MUST_USE;
