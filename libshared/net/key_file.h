// key_file.h - reads CURVE keys in files: certificates of czmq, which net/certificate.h makes.
//
//     metadata
//         name = "n1"
//         role = "peer"
//         node = "9f3c..."        (the node's id; only in keys of nodes)
//     curve
//         public-key = "..."
//         secret-key = "..."      (in secret files only)
//
// A file with a secret is refused if others can read it, if it is not ours, or if it is a
// symbolic link.
//
// The reader is ours, not that of czmq: it names the line that is wrong, where czmq would print it,
// secret or not; it wipes what it has read; and `dkv get` needs it before anything else.
#pragma once

#include "net/options.h"

enum { KEY_FILE_SIZE_MAX = 4096 };

struct key_file {
    char name[64]; // printable, without quotes
    enum role role;
    uint64_t node;        // for a node's key: its id in hex in metadata "node"; 0 else
    struct net_keys keys; // secret_key "" in a public file
};

// NOT_FOUND; REFUSED: others could read or replace the secret; INVALID with "PATH:LINE:
// ..." in the fault; IO. A public file that holds a secret is INVALID.
enum status key_file_load(const char *path, bool secret, struct key_file *file,
                          struct fault *fault) MUST_USE;

// The same of a text that was read from there.
enum status key_file_parse(const char *path, struct bytes text, bool secret, struct key_file *file,
                           struct fault *fault) MUST_USE;

// Whether it is the name of a public key file, in a directory of them.
bool key_file_is_public_name(const char *name);

// Every public key file (*.pub) of a directory (DIR/keys/authorized), re-read when it
// changes: at once for a key that has been added. The directory may be missing or empty: then
// nobody is in it. A file that is not a key file is passed over. Of two files with one key the
// lesser role counts.
struct key_directory;
struct key_directory *key_directory_open(const char *path);
void key_directory_close(struct key_directory *directory); // NULL is allowed

// Call about once a second. True if something changed since the last call; then
// key_directory_fault() says what is wrong with a file that was passed over ("" if none was).
bool key_directory_refresh(struct key_directory *directory);
const char *key_directory_fault(const struct key_directory *directory);

// `context` is a struct key_directory: made for struct net_directory.
bool key_directory_find(void *context, const char *public_key, enum role *role, uint64_t *node);
