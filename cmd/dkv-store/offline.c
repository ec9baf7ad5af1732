#include "dkv-store/offline.h"

#include "base/text.h"
#include "dkv-store/ledger_format.h"
#include "dkv-store/pair.h"

#include <inttypes.h>

enum { OUTPUT_SIZE = 64 << 10 };

static enum status open_database(const struct offline *offline, const struct lsm_owner *owner,
                                 struct lsm **lsm, struct fault *fault)
{
    struct lsm_options options = lsm_options_default();
    options.vfs = offline->vfs;
    options.dir = offline->dir;
    options.seed = offline->seed;
    options.owner = *owner;
    *lsm = NULL;
    enum status status = lsm_exists(offline->vfs, offline->dir, fault);
    if (!status)
        status = lsm_open(lsm, &options, fault);
    if (status == STATUS_LOCKED)
        fault_set(fault, status, "%s: in use; stop the store first", offline->dir);
    return status;
}

// ---- dump ----------------------------------------------------------------------------

static void add_json_bytes(struct bytes bytes, bool is_text, struct buf *out)
{
    if (!is_text) {
        buf_append_text(out, "{\"b64\":\"");
        text_format_base64(bytes, out);
        buf_append_text(out, "\"}");
        return;
    }
    buf_append_u8(out, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        if (byte < ' ') {
            buf_printf(out, "\\u%04x", byte);
            continue;
        }
        if (byte == '"' || byte == '\\')
            buf_append_u8(out, '\\');
        buf_append_u8(out, byte);
    }
    buf_append_u8(out, '"');
}

static void add_record(const struct record *record, const struct engine_key *parts,
                       struct bytes value, struct buf *out)
{
    uint32_t tombstones = 0;
    for (uint32_t i = 0; i < record->count; i++)
        tombstones += (record->siblings[i].flags & SIBLING_TOMBSTONE) != 0;
    buf_printf(out, "{\"v\":1,\"keyspace\":%" PRIu32 ",\"key\":", parts->keyspace);
    add_json_bytes(parts->key, text_is_utf8(parts->key), out);
    buf_printf(out,
               ",\"values\":%" PRIu32 ",\"tombstone\":%s,\"record\":", record->count - tombstones,
               tombstones ? "true" : "false");
    add_json_bytes(value, false, out);
    buf_append_u8(out, '}');
}

static enum status add_pair(const struct offline *offline, struct record *record,
                            struct bytes engine_key, struct bytes value, struct buf *out,
                            struct fault *fault)
{
    struct engine_key parts;
    if (offline->is_raw) {
        text_format_hex(engine_key, out);
        buf_append_u8(out, '\t');
        text_format_hex(value, out);
    } else {
        enum status status = pair_decode(record, engine_key, value, &parts, fault);
        if (status)
            return status;
        add_record(record, &parts, value, out);
    }
    buf_append_u8(out, '\n');
    return STATUS_OK;
}

static enum status dump(const struct offline *offline, struct lsm *lsm, struct fault *fault)
{
    struct lsm_scan *scan = lsm_scan_open(lsm, (struct bytes){0}, (struct bytes){0});
    struct record record = {0};
    struct buf out = {0};
    struct bytes key, value;
    bool is_wanted = true;
    enum status status = STATUS_OK;
    while (is_wanted && !status && !(status = lsm_scan_next(scan, &key, &value, fault))) {
        status = add_pair(offline, &record, key, value, &out, fault);
        if (out.size < OUTPUT_SIZE)
            continue;
        is_wanted = offline->print(offline->context, buf_bytes(&out));
        buf_clear(&out);
    }
    if (is_wanted && out.size)
        offline->print(offline->context, buf_bytes(&out));
    lsm_scan_close(scan);
    record_release(&record);
    buf_release(&out);
    return status == STATUS_END ? STATUS_OK : status;
}

enum status offline_dump(const struct offline *offline, struct fault *fault)
{
    struct lsm *lsm;
    struct lsm_owner owner = {.features = ledger_format_features}; // the rest of it is not needed
    enum status status = open_database(offline, &owner, &lsm, fault);
    if (status)
        return status;
    status = dump(offline, lsm, fault);
    lsm_close(lsm);
    return status;
}

// ---- verify --------------------------------------------------------------------------

static void print_stats(const struct offline *offline, const struct lsm *lsm, uint64_t record_count)
{
    struct lsm_stats stats;
    struct buf out = {0};
    lsm_stats(lsm, &stats);
    buf_printf(&out, "records\t%" PRIu64 "\n", record_count);
    buf_printf(&out, "tables\t%zu\n", stats.table_count);
    buf_printf(&out, "table_bytes\t%" PRIu64 "\n", stats.table_bytes);
    buf_printf(&out, "value_files\t%" PRIu64 "\n", stats.value_file_count);
    buf_printf(&out, "value_bytes\t%" PRIu64 "\n", stats.value_bytes);
    buf_printf(&out, "log_bytes\t%" PRIu64 "\n", stats.log_bytes);
    buf_append_text(&out, "OK\n");
    offline->print(offline->context, buf_bytes(&out));
    buf_release(&out);
}

static enum status restore(void *context, struct bytes snapshot, struct fault *fault)
{
    return ledger_format_restore(context, snapshot, fault);
}

static enum status replay(void *context, struct bytes note, struct fault *fault)
{
    return ledger_format_replay(context, note, fault);
}

// All records, and whether the ledger says of them what they are. One of version 1 does not.
static enum status check_records(struct lsm *lsm, const struct ledger *ledger, uint64_t *count,
                                 struct fault *fault)
{
    struct ledger counted;
    bool is_told = ledger->partition_count && !ledger->is_old;
    ledger_init(&counted, ledger->partition_count ? ledger->partition_count : 1 << 8, UINT64_MAX);
    enum status status = pair_recount(lsm, &counted, count, fault);
    const struct ledger_shard *shard = is_told ? ledger_difference(ledger, &counted) : NULL;
    if (!status && shard)
        status = fault_set(fault, STATUS_CORRUPT,
                           "the ledger is not that of the records: keyspace %" PRIu32
                           ", partition %" PRIu32,
                           shard->keyspace, shard->partition);
    ledger_release(&counted);
    return status;
}

enum status offline_verify(const struct offline *offline, struct fault *fault)
{
    struct ledger ledger;
    struct lsm *lsm;
    uint64_t record_count;
    ledger_init(&ledger, 0, UINT64_MAX);
    struct lsm_owner owner = {.context = &ledger,
                              .features = ledger_format_features,
                              .restore = restore,
                              .replay = replay};
    enum status status = open_database(offline, &owner, &lsm, fault);
    if (!status)
        status = lsm_verify(lsm, fault);
    if (!status)
        status = check_records(lsm, &ledger, &record_count, fault);
    if (!status)
        print_stats(offline, lsm, record_count);
    if (lsm)
        lsm_close(lsm);
    ledger_release(&ledger);
    return status;
}
