#include "dkv-store/pair.h"

#include "base/hash.h"
#include "base/text.h"

enum status pair_decode(struct record *record, struct bytes engine_key, struct bytes value,
                        struct engine_key *parts, struct fault *fault)
{
    if (engine_key_decode(parts, engine_key) && !record_decode(record, parts->key, value))
        return STATUS_OK;
    struct buf hex = {0};
    text_format_hex(engine_key, &hex);
    fault_set(fault, STATUS_CORRUPT, "the record of key %.200s fails its checksum", buf_text(&hex));
    buf_release(&hex);
    return STATUS_CORRUPT;
}

enum status pair_recount(struct lsm *lsm, struct ledger *ledger, uint64_t *count,
                         struct fault *fault)
{
    struct lsm_scan *scan = lsm_scan_open(lsm, (struct bytes){0}, (struct bytes){0});
    struct record record = {0};
    struct bytes engine_key, value;
    struct engine_key parts;
    enum status status = STATUS_OK;
    *count = 0;
    ledger_recount_begin(ledger);
    while (!status && !(status = lsm_scan_next(scan, &engine_key, &value, fault))) {
        status = pair_decode(&record, engine_key, value, &parts, fault);
        if (!status)
            ledger_recount_add(ledger, &parts, hash64(engine_key), &record);
        *count += !status;
    }
    lsm_scan_close(scan);
    record_release(&record);
    return status == STATUS_END ? STATUS_OK : status;
}
