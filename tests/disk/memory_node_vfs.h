// memory_node_vfs.h - a file or a directory in memory, and what of it would survive.
//
// A node lives as long as something holds it: a name, live or durable, an unsynced
// change of a name, an open file, or a clone of the disk in the making. Nodes of one disk form
// a list; nodes_sweep() frees those that nothing holds any more.
#pragma once

#include "base/random.h"
#include "disk/memory_image_vfs.h"
#include "disk/memory_vfs.h"

enum { MEMORY_SECTOR_SIZE = 512 };

// Whole sectors as they were after a write.
struct sectors {
    uint64_t sequence;
    uint64_t first;
    uint64_t count;
    uint64_t end;  // of the file by this write, bytes
    uint8_t *data; // NULL: zeros
};

struct entry {
    char *name;
    struct memory_node *node;
};

struct entries {
    struct entry *at;
    size_t count;
};

// A name that came (`to`), went (`from`) or changed.
struct name_change {
    uint64_t sequence;
    char *from; // may be NULL
    char *to;   // may be NULL
    struct memory_node *node;
};

struct memory_node {
    struct memory_node *next;
    struct memory_node *twin; // the copy, while a clone is made
    size_t references;
    size_t open_count;
    bool directory;
    bool locked;
    bool named;    // while the used space is counted
    bool doubtful; // a sync failed: the durable image is no older live one

    struct memory_image live, durable;
    bool *cold; // pages that a program waits for; NULL: none
    size_t cold_count;
    struct sectors *writes;
    size_t write_count, write_room;

    struct entries live_names, durable_names;
    struct name_change *changes;
    size_t change_count;
};

struct memory_node *node_new(struct memory_node **nodes, bool directory);
struct memory_node *node_hold(struct memory_node *node); // NULL is allowed
void node_drop(struct memory_node *node);                // the same
void nodes_sweep(struct memory_node **nodes);
void nodes_clone(struct memory_node **copy, struct memory_node *source);
uint64_t nodes_used(struct memory_node *nodes); // bytes of files with a live name or open

struct entry *entries_find(const struct entries *entries, const char *name);
void entries_add(struct entries *entries, const char *name, struct memory_node *node);
void entries_copy(struct entries *copy, const struct entries *source);
void entries_clear(struct entries *entries);

// By live names, from a root that is the last of the nodes.
struct memory_node *nodes_root(struct memory_node *nodes);

// NULL if there is no such file or directory.
struct memory_node *nodes_find(struct memory_node *nodes, const char *path);

// The directory of the last part of the path, and that part (empty for the root). NULL if a
// directory on the way is missing.
struct memory_node *nodes_find_parent(struct memory_node *nodes, const char *path,
                                      char name[static 256]);

// Changes names of a directory, live and unsynced; `from` or `to` may be NULL.
void node_rename(struct memory_node *directory, uint64_t sequence, const char *from, const char *to,
                 struct memory_node *node);
void node_sync_names(struct memory_node *directory);

// Writes live and unsynced. A sync moves that to the durable image; a failed one
// moves some of it and gives up the rest.
void node_write(struct memory_node *node, uint64_t sequence, uint64_t offset, struct bytes bytes);
void node_sync(struct memory_node *node);
void node_sync_failed(struct memory_node *node, struct random *random);

// Lets the whole file become cold, until it is written or a part of it warmed.
void node_cool(struct memory_node *node);
void node_warm(struct memory_node *node, uint64_t offset, size_t size);
bool node_is_cold(const struct memory_node *node, uint64_t offset, size_t size); // in any page

// Makes of all nodes what a power loss leaves. `end` is the next sequence.
void nodes_crash(struct memory_node *nodes, uint64_t end, enum memory_vfs_policy policy,
                 struct random *random);
