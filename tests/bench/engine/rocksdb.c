#include "bench/engine/peer.h"

#include "base/xalloc.h"
#include "bench/engine/machine.h"

#include <rocksdb/c.h>
#include <stdlib.h>

enum { MULTI_GET_MAX = 256, XXH3 = 4 };

// `value` is lent by the database until the next get.
struct rocksdb {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *family;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *write_options;
    rocksdb_readoptions_t *read_options, *scan_options;
    rocksdb_pinnableslice_t *value;
};

static void check(char *error)
{
    if (error)
        die("rocksdb: %s", error);
}

static void set_table_options(rocksdb_options_t *options, size_t cache_size, bool is_tuned)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(cache_size);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_cache_destroy(cache); // the table options hold it
    if (is_tuned) {
        rocksdb_block_based_options_set_filter_policy(table,
                                                      rocksdb_filterpolicy_create_bloom_full(10));
        rocksdb_block_based_options_set_block_size(table, 8 << 10);
        rocksdb_block_based_options_set_format_version(table, 5);
        rocksdb_block_based_options_set_checksum(table, XXH3);
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 0);
        rocksdb_block_based_options_set_data_block_index_type(
            table, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
        rocksdb_block_based_options_set_data_block_hash_ratio(table, 0.75);
    }
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

static void tune(rocksdb_options_t *options, const struct peer_options *wanted)
{
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_write_buffer_size(options, wanted->write_buffer_size);
    rocksdb_options_set_max_write_buffer_number(options, 3);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 0.02);
    rocksdb_options_set_memtable_whole_key_filtering(options, 1);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_target_file_size_base(options, 64 << 20);
    rocksdb_options_set_max_bytes_for_level_base(options, 4 * wanted->write_buffer_size);
    rocksdb_options_set_max_open_files(options, -1);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
}

static struct rocksdb *open_with(const struct peer_options *wanted, bool is_tuned)
{
    struct rocksdb *rocksdb = xcalloc(1, sizeof *rocksdb);
    rocksdb->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(rocksdb->options, 1);
    if (is_tuned)
        tune(rocksdb->options, wanted);
    set_table_options(rocksdb->options, wanted->cache_size, is_tuned);
    rocksdb->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocksdb->write_options, wanted->durability == PEER_SYNCED);
    rocksdb->read_options = rocksdb_readoptions_create();
    rocksdb->scan_options = rocksdb_readoptions_create();
    const char *name = "default";
    const rocksdb_options_t *family_options = rocksdb->options;
    char *error = NULL;
    rocksdb->db = rocksdb_open_column_families(rocksdb->options, wanted->dir, 1, &name,
                                               &family_options, &rocksdb->family, &error);
    check(error);
    return rocksdb;
}

static void describe_library(struct buf *out)
{
    machine_describe_library("rocksdb_open", out);
    if (machine_has_symbol("_ZN7rocksdb9SyncPoint11GetInstanceEv"))
        buf_append_text(out, ", built with assertions and test hooks");
}

static void rocksdb_describe(struct buf *out)
{
    describe_library(out);
    buf_append_text(out, "; its defaults, but for the size of the block cache");
}

static void rocksdb_describe_tuned(struct buf *out)
{
    describe_library(out);
    buf_append_text(
        out,
        "; Bloom filters of 10 bits and in memory, LZ4, blocks of 8 KiB with a hash index, XXH3, "
        "three write buffers, dynamic level sizes, two background jobs, all "
        "tables open, log on");
}

static void *rocksdb_peer_open(const struct peer_options *options)
{
    return open_with(options, false);
}

static void *rocksdb_peer_open_tuned(const struct peer_options *options)
{
    return open_with(options, true);
}

static void return_value(struct rocksdb *rocksdb)
{
    if (rocksdb->value)
        rocksdb_pinnableslice_destroy(rocksdb->value);
    rocksdb->value = NULL;
}

static void rocksdb_peer_close(void *db)
{
    struct rocksdb *rocksdb = db;
    return_value(rocksdb);
    rocksdb_column_family_handle_destroy(rocksdb->family);
    rocksdb_close(rocksdb->db);
    rocksdb_writeoptions_destroy(rocksdb->write_options);
    rocksdb_readoptions_destroy(rocksdb->read_options);
    rocksdb_readoptions_destroy(rocksdb->scan_options);
    rocksdb_options_destroy(rocksdb->options);
    free(rocksdb);
}

static void rocksdb_peer_put(void *db, struct bytes key, struct bytes value)
{
    struct rocksdb *rocksdb = db;
    char *error = NULL;
    rocksdb_put(rocksdb->db, rocksdb->write_options, (const char *)key.data, key.size,
                (const char *)value.data, value.size, &error);
    check(error);
}

static void rocksdb_peer_remove(void *db, struct bytes key)
{
    struct rocksdb *rocksdb = db;
    char *error = NULL;
    rocksdb_delete(rocksdb->db, rocksdb->write_options, (const char *)key.data, key.size, &error);
    check(error);
}

static bool rocksdb_peer_get(void *db, struct bytes key, struct bytes *value)
{
    struct rocksdb *rocksdb = db;
    char *error = NULL;
    return_value(rocksdb);
    rocksdb->value = rocksdb_get_pinned(rocksdb->db, rocksdb->read_options, (const char *)key.data,
                                        key.size, &error);
    check(error);
    if (!rocksdb->value)
        return false;
    size_t size;
    const char *data = rocksdb_pinnableslice_value(rocksdb->value, &size);
    *value = bytes_of(data, size);
    return true;
}

static size_t rocksdb_peer_multi_get(void *db, const struct bytes *keys, size_t count,
                                     uint64_t *sum)
{
    struct rocksdb *rocksdb = db;
    const char *data[MULTI_GET_MAX] = {0};
    size_t sizes[MULTI_GET_MAX] = {0}, found = 0;
    rocksdb_pinnableslice_t *values[MULTI_GET_MAX];
    char *errors[MULTI_GET_MAX];
    for (size_t i = 0; i < count; i++) {
        data[i] = (const char *)keys[i].data;
        sizes[i] = keys[i].size;
    }
    rocksdb_batched_multi_get_cf(rocksdb->db, rocksdb->read_options, rocksdb->family, count, data,
                                 sizes, values, errors, false);
    for (size_t i = 0; i < count; i++) {
        check(errors[i]);
        if (!values[i])
            continue;
        size_t size;
        const char *value = rocksdb_pinnableslice_value(values[i], &size);
        peer_add_to_sum(sum, keys[i], bytes_of(value, size));
        rocksdb_pinnableslice_destroy(values[i]);
        found++;
    }
    return found;
}

static uint64_t rocksdb_peer_scan(void *db, uint64_t *sum)
{
    struct rocksdb *rocksdb = db;
    uint64_t count = 0;
    char *error = NULL;
    rocksdb_iterator_t *iterator = rocksdb_create_iterator(rocksdb->db, rocksdb->scan_options);
    for (rocksdb_iter_seek_to_first(iterator); rocksdb_iter_valid(iterator); count++) {
        size_t key_size, value_size;
        const char *key = rocksdb_iter_key(iterator, &key_size);
        const char *value = rocksdb_iter_value(iterator, &value_size);
        peer_add_to_sum(sum, bytes_of(key, key_size), bytes_of(value, value_size));
        rocksdb_iter_next(iterator);
    }
    rocksdb_iter_get_error(iterator, &error);
    check(error);
    rocksdb_iter_destroy(iterator);
    return count;
}

const struct peer peer_rocksdb_tuned = {
    .name = "rocksdb-tuned",
    .describe = rocksdb_describe_tuned,
    .open = rocksdb_peer_open_tuned,
    .close = rocksdb_peer_close,
    .put = rocksdb_peer_put,
    .remove = rocksdb_peer_remove,
    .get = rocksdb_peer_get,
    .multi_get = rocksdb_peer_multi_get,
    .scan = rocksdb_peer_scan,
};

const struct peer peer_rocksdb = {
    .name = "rocksdb",
    .describe = rocksdb_describe,
    .open = rocksdb_peer_open,
    .close = rocksdb_peer_close,
    .put = rocksdb_peer_put,
    .remove = rocksdb_peer_remove,
    .get = rocksdb_peer_get,
    .multi_get = rocksdb_peer_multi_get,
    .scan = rocksdb_peer_scan,
};
