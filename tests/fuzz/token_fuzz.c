// A token that is accepted, as text, as a context or as a receipt, encodes to the same.
//
// No random input has a good seal, so every binary input is tried with its own, and with the
// right one of each kind: of the cluster, and the one that anybody can make.
#include "causal/token.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_equal(struct bytes a, struct bytes b)
{
    if (!bytes_equal(a, b))
        abort();
}

static void try_text(struct bytes text)
{
    struct buf binary = {0}, again = {0};
    if (token_parse(text, &binary) == STATUS_OK) {
        token_format(buf_bytes(&binary), &again);
        expect_equal(buf_bytes(&again), text);
    }
    buf_release(&binary);
    buf_release(&again);
}

static const struct seals *cluster(void)
{
    static struct seals seals;
    static const uint8_t secret[SEAL_SECRET_SIZE] = {1};
    if (!seals.count && seals_add_own(&seals, secret))
        abort();
    return &seals;
}

static void try_binary(struct bytes encoded)
{
    struct context context = {0};
    struct receipt receipt;
    struct buf again = {0};
    if (context_decode(&context, cluster(), 3, bytes_of_text("greeting"), encoded) == STATUS_OK) {
        context_encode(&context, cluster(), 3, bytes_of_text("greeting"), &again);
        expect_equal(buf_bytes(&again), encoded);
        buf_clear(&again);
    }
    if (receipt_decode(&receipt, cluster(), encoded) == STATUS_OK) {
        receipt_encode(&receipt, receipt.is_sealed ? cluster() : NULL, &again);
        expect_equal(buf_bytes(&again), encoded);
    }
    context_release(&context);
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf fixed = {0};
    try_text(bytes_of(data, size));
    try_binary(bytes_of(data, size));
    for (unsigned i = 0; i < 4 && size >= SEAL_SIZE; i++) {
        buf_set(&fixed, bytes_of(data, size - SEAL_SIZE));
        seals_seal(i & 1 ? cluster() : NULL, i & 2 ? SEAL_CONTEXT : SEAL_RECEIPT, &fixed, 0);
        try_binary(buf_bytes(&fixed));
    }
    buf_release(&fixed);
    return 0;
}
