// Votes that are read from a file encode to the same bytes. Almost no random input has a good
// checksum, so each is tried with its own and with the right one.
#include "base/hash.h"
#include "consensus/acceptor.h"
#include "fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(struct bytes encoded)
{
    struct acceptor acceptor;
    struct buf again = {0};
    if (acceptor_decode(&acceptor, encoded, NULL) == STATUS_OK) {
        acceptor_encode(&acceptor, &again);
        must(bytes_equal(buf_bytes(&again), encoded), "other bytes");
        acceptor_release(&acceptor);
    }
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf fixed = {0};
    try(bytes_of(data, size));
    if (size >= 8) {
        buf_set(&fixed, bytes_of(data, size - 8));
        buf_append_u64(&fixed, hash64(buf_bytes(&fixed)));
        try(buf_bytes(&fixed));
    }
    buf_release(&fixed);
    return 0;
}
