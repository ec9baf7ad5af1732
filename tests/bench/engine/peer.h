// peer.h - a storage engine as the benchmark sees it.
//
// Every engine, ours too, is driven through one table of functions by the same loops, so
// that what differs is the engine. There are no errors to return: an engine that fails
// ends its process with die(), and the driver, which runs every engine in a process of
// its own, reports that.
#pragma once

#include "base/buf.h"

enum peer_durability {
    PEER_WRITTEN, // a put survives the death of the process, not of the machine
    PEER_SYNCED,  // a put survives a power loss
    PEER_BULK,    // puts become visible and durable in large steps; only to load
};

struct peer_options {
    const char *dir; // exists and is empty
    enum peer_durability durability;
    size_t cache_size;        // bytes of blocks that are kept uncompressed
    size_t write_buffer_size; // bytes of one table in memory; there are two or three
    size_t value_size;        // of the values to come
};

struct peer {
    const char *name;
    void (*describe)(struct buf *out); // version and options, in a line or two
    void *(*open)(const struct peer_options *options);
    void (*close)(void *db);
    void (*put)(void *db, struct bytes key, struct bytes value);
    void (*remove)(void *db, struct bytes key);

    // Whether the key is there; the value is copied if the engine cannot lend it, and
    // lives until the next call. NULL: nothing can be found again.
    bool (*get)(void *db, struct bytes key, struct bytes *value);

    // Looks up all keys at once and touches the values; returns how many were found. NULL:
    // it cannot.
    size_t (*multi_get)(void *db, const struct bytes *keys, size_t count, uint64_t *sum);

    // Walks everything in key order and touches every key and value. Returns how many pairs
    // there were.
    uint64_t (*scan)(void *db, uint64_t *sum);

    // Lets background work begin and end; to be called while nothing else is. NULL: the
    // engine has threads of its own.
    void (*turn)(void *db);
};

extern const struct peer peer_ours;        // one owner
extern const struct peer peer_ours_shared; // put() from many threads, handed to the owner
extern const struct peer peer_ours_async;  // put() does not wait, 64 are outstanding
extern const struct peer peer_rocksdb_tuned;
extern const struct peer peer_rocksdb;
extern const struct peer peer_leveldb;
extern const struct peer peer_lmdb;
extern const struct peer peer_disk;

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Touches a pair: `sum` takes its sizes and first bytes.
static inline void peer_add_to_sum(uint64_t *sum, struct bytes key, struct bytes value)
{
    *sum += key.size + value.size + key.data[0] + (value.size ? value.data[0] : 0);
}
