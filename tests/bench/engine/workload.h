// workload.h - what is written and read: keys, values, their order, and what must be found.
//
// Key number i of n is the even number 2i in 16 bytes, so that there is a missing key
// between any two. As in RocksDB's db_bench its first eight bytes are the number, most
// significant byte first, and the rest is padding; or, as in LevelDB's, it is decimal.
//
// Values are cut from a pool of 1 MiB made of pieces of 100 bytes, half of each random
// and repeated, as db_bench does for a compression ratio of 0.5. Which piece a value
// begins at follows from the number of the operation that wrote it: so what any key must
// hold can be told at the end by going through the phases again.
#pragma once

#include "base/bytes.h"

enum { WORKLOAD_KEY_SIZE = 16, WORKLOAD_PHASES_MAX = 8 };

enum order {
    ORDER_SEQUENTIAL, // 0, 1, 2 ...
    ORDER_SHUFFLED,   // each once, in no order
    ORDER_DRAWN,      // at random, some often, some never
};

// Operations of one kind; the seed makes two phases of one order different.
struct phase {
    enum order order;
    bool is_remove;
    uint64_t seed;
    uint64_t first_operation; // of the whole workload
    uint64_t count;
};

struct workload {
    uint64_t key_count; // < 2^32
    size_t value_size;
    bool is_decimal;
    uint8_t *pool;
    struct phase phases[WORKLOAD_PHASES_MAX]; // that were run, in order
    size_t phase_count;
    uint64_t operation_count;
};

// What a key holds: the number of the operation that wrote it, or nothing.
struct expectation {
    uint64_t index;
    uint64_t operation;
    bool is_there;
};

void workload_init(struct workload *workload, uint64_t key_count, size_t value_size,
                   bool is_decimal);
void workload_release(struct workload *workload);

// A phase that begins after those that were run. It counts as run when it is finished,
// with as many operations as were done of it.
struct phase workload_start(const struct workload *workload, enum order order);
void workload_finish(struct workload *workload, const struct phase *phase);

uint64_t workload_index(const struct workload *workload, const struct phase *phase, uint64_t step);
struct bytes workload_value(const struct workload *workload, uint64_t operation);

struct key {
    uint8_t bytes[WORKLOAD_KEY_SIZE];
};

void key_format(struct key *key, const struct workload *workload, uint64_t number);

static inline struct bytes key_bytes(const struct key *key)
{
    return bytes_of(key->bytes, sizeof key->bytes);
}

// What `count` keys, spread over all, must hold now. To be released with free().
struct expectation *workload_expect(const struct workload *workload, size_t count);
