// A ring document or node file that is accepted is written back the same, and a ring that
// was read can be planned.
//
// No random input has a good hash, so every document is tried with its own last line and
// with the right one.
#include "base/hash.h"
#include "ring/ring_plan.h"
#include "ring/ring_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_document(struct bytes text)
{
    struct ring ring = {0};
    struct fault fault;
    if (ring_text_parse(&ring, text, &fault))
        return;
    struct buf again = {0};
    ring_text_format(&ring, &again);
    if (!bytes_equal(buf_bytes(&again), text))
        abort();
    buf_release(&again);
    if (ring.partition_count <= 256 && ring_plan(&ring, &fault) == STATUS_OK) {
        struct ring_balance balance;
        ring_balance(&ring, &balance);
        if (ring_check(&ring, &fault) || balance.rack_violations)
            abort();
        uint64_t hash = ring_text_hash(&ring);
        if (ring_plan(&ring, &fault) || ring_text_hash(&ring) != hash)
            abort();
    }
    ring_release(&ring);
}

static void try_node(struct bytes text)
{
    struct ring_node node;
    struct fault fault;
    if (ring_node_parse(&node, text, &fault))
        return;
    struct buf again = {0};
    ring_node_format(&node, &again);
    if (!bytes_equal(buf_bytes(&again), text))
        abort();
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_document(bytes_of(data, size));
    try_node(bytes_of(data, size));
    size_t line_size = strlen("hash 0123456789abcdef\n");
    if (size > line_size) {
        struct buf fixed = {0};
        buf_set(&fixed, bytes_of(data, size - line_size));
        buf_printf(&fixed, "hash %016llx\n", (unsigned long long)hash64(buf_bytes(&fixed)));
        try_document(buf_bytes(&fixed));
        buf_release(&fixed);
    }
    return 0;
}
