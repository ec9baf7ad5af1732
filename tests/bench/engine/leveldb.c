#include "bench/engine/peer.h"

#include "base/xalloc.h"
#include "bench/engine/machine.h"

#include <leveldb/c.h>
#include <stdlib.h>

// `value` was allocated by the last get.
struct leveldb {
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_writeoptions_t *write_options;
    leveldb_readoptions_t *read_options;
    char *value;
};

static void check(char *error)
{
    if (error)
        die("leveldb: %s", error);
}

static void leveldb_describe(struct buf *out)
{
    machine_describe_library("leveldb_open", out);
    buf_append_text(out, "; Bloom filters of 10 bits, Snappy, blocks of 4 KiB");
}

static void *leveldb_peer_open(const struct peer_options *options)
{
    struct leveldb *leveldb = xcalloc(1, sizeof *leveldb);
    leveldb->cache = leveldb_cache_create_lru(options->cache_size);
    leveldb->filter = leveldb_filterpolicy_create_bloom(10);
    leveldb->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(leveldb->options, 1);
    leveldb_options_set_write_buffer_size(leveldb->options, options->write_buffer_size);
    leveldb_options_set_cache(leveldb->options, leveldb->cache);
    leveldb_options_set_filter_policy(leveldb->options, leveldb->filter);
    leveldb->write_options = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(leveldb->write_options, options->durability == PEER_SYNCED);
    leveldb->read_options = leveldb_readoptions_create();
    char *error = NULL;
    leveldb->db = leveldb_open(leveldb->options, options->dir, &error);
    check(error);
    return leveldb;
}

static void leveldb_peer_close(void *db)
{
    struct leveldb *leveldb = db;
    leveldb_close(leveldb->db);
    leveldb_options_destroy(leveldb->options);
    leveldb_writeoptions_destroy(leveldb->write_options);
    leveldb_readoptions_destroy(leveldb->read_options);
    leveldb_cache_destroy(leveldb->cache);
    leveldb_filterpolicy_destroy(leveldb->filter);
    leveldb_free(leveldb->value);
    free(leveldb);
}

static void leveldb_peer_put(void *db, struct bytes key, struct bytes value)
{
    struct leveldb *leveldb = db;
    char *error = NULL;
    leveldb_put(leveldb->db, leveldb->write_options, (const char *)key.data, key.size,
                (const char *)value.data, value.size, &error);
    check(error);
}

static void leveldb_peer_remove(void *db, struct bytes key)
{
    struct leveldb *leveldb = db;
    char *error = NULL;
    leveldb_delete(leveldb->db, leveldb->write_options, (const char *)key.data, key.size, &error);
    check(error);
}

static bool leveldb_peer_get(void *db, struct bytes key, struct bytes *value)
{
    struct leveldb *leveldb = db;
    char *error = NULL;
    size_t size;
    leveldb_free(leveldb->value);
    leveldb->value = leveldb_get(leveldb->db, leveldb->read_options, (const char *)key.data,
                                 key.size, &size, &error);
    check(error);
    *value = bytes_of(leveldb->value, leveldb->value ? size : 0);
    return leveldb->value;
}

static uint64_t leveldb_peer_scan(void *db, uint64_t *sum)
{
    struct leveldb *leveldb = db;
    uint64_t count = 0;
    char *error = NULL;
    leveldb_iterator_t *iterator = leveldb_create_iterator(leveldb->db, leveldb->read_options);
    for (leveldb_iter_seek_to_first(iterator); leveldb_iter_valid(iterator); count++) {
        size_t key_size, value_size;
        const char *key = leveldb_iter_key(iterator, &key_size);
        const char *value = leveldb_iter_value(iterator, &value_size);
        peer_add_to_sum(sum, bytes_of(key, key_size), bytes_of(value, value_size));
        leveldb_iter_next(iterator);
    }
    leveldb_iter_get_error(iterator, &error);
    check(error);
    leveldb_iter_destroy(iterator);
    return count;
}

const struct peer peer_leveldb = {
    .name = "leveldb",
    .describe = leveldb_describe,
    .open = leveldb_peer_open,
    .close = leveldb_peer_close,
    .put = leveldb_peer_put,
    .remove = leveldb_peer_remove,
    .get = leveldb_peer_get,
    .scan = leveldb_peer_scan,
};
