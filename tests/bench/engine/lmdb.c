#include "bench/engine/peer.h"

#include "base/xalloc.h"

#include <lmdb.h>
#include <stdlib.h>

enum { PUTS_A_BULK = 4096 };

// A reader keeps one transaction and renews it, which costs next to nothing. `bulk` is the
// transaction of a load.
struct lmdb {
    MDB_env *env;
    MDB_dbi dbi;
    enum peer_durability durability;
    MDB_txn *reader;
    MDB_txn *bulk;
    unsigned bulk_puts;
};

static void check(int error)
{
    if (error)
        die("lmdb: %s", mdb_strerror(error));
}

static MDB_txn *begin(struct lmdb *lmdb, unsigned flags)
{
    MDB_txn *txn;
    check(mdb_txn_begin(lmdb->env, NULL, flags, &txn));
    return txn;
}

static void lmdb_describe(struct buf *out)
{
    buf_printf(out,
               "%s; one transaction for each put, one reader's transaction renewed for each "
               "get; unsynced with MDB_NOSYNC",
               mdb_version(NULL, NULL, NULL));
}

static void *lmdb_open(const struct peer_options *options)
{
    struct lmdb *lmdb = xcalloc(1, sizeof *lmdb);
    lmdb->durability = options->durability;
    check(mdb_env_create(&lmdb->env));
    check(mdb_env_set_mapsize(lmdb->env, (size_t)16 << 30));
    unsigned flags = options->durability == PEER_SYNCED ? 0 : MDB_NOSYNC;
    check(mdb_env_open(lmdb->env, options->dir, flags | MDB_NOTLS | MDB_NORDAHEAD, 0644));
    MDB_txn *txn = begin(lmdb, 0);
    check(mdb_dbi_open(txn, NULL, 0, &lmdb->dbi));
    check(mdb_txn_commit(txn));
    return lmdb;
}

static void end_bulk(struct lmdb *lmdb)
{
    if (lmdb->bulk)
        check(mdb_txn_commit(lmdb->bulk));
    lmdb->bulk = NULL;
    lmdb->bulk_puts = 0;
}

static MDB_txn *begin_read(struct lmdb *lmdb)
{
    end_bulk(lmdb);
    if (!lmdb->reader) {
        lmdb->reader = begin(lmdb, MDB_RDONLY);
        return lmdb->reader;
    }
    mdb_txn_reset(lmdb->reader);
    check(mdb_txn_renew(lmdb->reader));
    return lmdb->reader;
}

static void lmdb_close(void *db)
{
    struct lmdb *lmdb = db;
    end_bulk(lmdb);
    if (lmdb->reader)
        mdb_txn_abort(lmdb->reader);
    mdb_env_close(lmdb->env);
    free(lmdb);
}

static void put_in(struct lmdb *lmdb, MDB_txn *txn, struct bytes key, struct bytes value)
{
    MDB_val k = {key.size, (void *)(uintptr_t)key.data};
    MDB_val v = {value.size, (void *)(uintptr_t)value.data};
    check(mdb_put(txn, lmdb->dbi, &k, &v, 0));
}

static void lmdb_put(void *db, struct bytes key, struct bytes value)
{
    struct lmdb *lmdb = db;
    if (lmdb->durability != PEER_BULK) {
        MDB_txn *txn = begin(lmdb, 0);
        put_in(lmdb, txn, key, value);
        check(mdb_txn_commit(txn));
        return;
    }
    if (!lmdb->bulk)
        lmdb->bulk = begin(lmdb, 0);
    put_in(lmdb, lmdb->bulk, key, value);
    if (++lmdb->bulk_puts == PUTS_A_BULK)
        end_bulk(lmdb);
}

static bool lmdb_get(void *db, struct bytes key, struct bytes *value)
{
    struct lmdb *lmdb = db;
    MDB_val k = {key.size, (void *)(uintptr_t)key.data}, v;
    int error = mdb_get(begin_read(lmdb), lmdb->dbi, &k, &v);
    if (error == MDB_NOTFOUND)
        return false;
    check(error);
    *value = bytes_of(v.mv_data, v.mv_size);
    return true;
}

static uint64_t lmdb_scan(void *db, uint64_t *sum)
{
    struct lmdb *lmdb = db;
    uint64_t count = 0;
    MDB_cursor *cursor;
    MDB_val key, value;
    int error;
    check(mdb_cursor_open(begin_read(lmdb), lmdb->dbi, &cursor));
    for (; !(error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)); count++)
        peer_add_to_sum(sum, bytes_of(key.mv_data, key.mv_size),
                        bytes_of(value.mv_data, value.mv_size));
    if (error != MDB_NOTFOUND)
        check(error);
    mdb_cursor_close(cursor);
    return count;
}

const struct peer peer_lmdb = {
    .name = "lmdb",
    .describe = lmdb_describe,
    .open = lmdb_open,
    .close = lmdb_close,
    .put = lmdb_put,
    .get = lmdb_get,
    .scan = lmdb_scan,
};
