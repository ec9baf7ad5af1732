// A record that is accepted encodes to the same bytes, but for sections that are passed over, and
// joins with itself to itself.
//
// No random input has a good checksum, so every input is tried twice: as it is, and with
// its last 8 bytes replaced by what they should be.
#include "base/endian.h"
#include "base/hash.h"
#include "causal/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_record(struct bytes key, struct bytes encoded)
{
    struct record record = {0}, copy = {0};
    struct buf again = {0};
    if (record_decode(&record, key, encoded) == STATUS_OK) {
        if (record.head)
            record_encode_head(&record, key, &again);
        else
            record_encode(&record, key, &again);
        record_copy(&copy, &record);
        record_join(&copy, &record);
        struct bytes body = bytes_of(again.data, again.size - 8); // without the checksum
        bool is_same = again.size == encoded.size ? bytes_equal(buf_bytes(&again), encoded)
                                                  : again.size < encoded.size &&
                                                        !memcmp(body.data, encoded.data, body.size);
        if (!is_same || !record_same_versions(&copy, &record))
            abort();
    }
    record_release(&record);
    record_release(&copy);
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes key = bytes_of_text("greeting");
    struct buf fixed = {0};
    try_record(key, bytes_of(data, size));
    if (size >= 8) {
        buf_set(&fixed, bytes_of(data, size));
        uint64_t checksum = hash64_seeded(bytes_of(data, size - 8), hash64(key));
        store_u64(fixed.data + size - 8, checksum);
        try_record(key, buf_bytes(&fixed));
    }
    buf_release(&fixed);
    return 0;
}
