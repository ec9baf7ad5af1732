#include "bench/engine/workload.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum { POOL_SIZE = 1 << 20, PIECE_SIZE = 100, PIECES = POOL_SIZE / PIECE_SIZE };

static void fill_pool(uint8_t *pool)
{
    struct random random;
    random_init(&random, 301);
    for (size_t piece = 0; piece < PIECES; piece++) {
        uint8_t *at = pool + piece * PIECE_SIZE;
        for (size_t i = 0; i < PIECE_SIZE / 2; i++)
            at[i] = (uint8_t)(' ' + random_below(&random, 95));
        memcpy(at + PIECE_SIZE / 2, at, PIECE_SIZE / 2);
    }
}

void workload_init(struct workload *workload, uint64_t key_count, size_t value_size,
                   bool is_decimal)
{
    assert(key_count > 1 && key_count < (uint64_t)1 << 32 && value_size < POOL_SIZE / 2);
    *workload = (struct workload){
        .key_count = key_count, .value_size = value_size, .is_decimal = is_decimal};
    workload->pool = xcalloc(1, POOL_SIZE);
    fill_pool(workload->pool);
}

void workload_release(struct workload *workload)
{
    free(workload->pool);
    *workload = (struct workload){0};
}

struct phase workload_start(const struct workload *workload, enum order order)
{
    return (struct phase){.order = order,
                          .seed = workload->phase_count + 1,
                          .first_operation = workload->operation_count};
}

void workload_finish(struct workload *workload, const struct phase *phase)
{
    assert(workload->phase_count < WORKLOAD_PHASES_MAX);
    workload->phases[workload->phase_count++] = *phase;
    workload->operation_count += phase->count;
}

// A permutation of the numbers below 2^bits from steps that can each be undone; what falls
// outside the keys is sent through again until it falls inside ("cycle walking").
static uint64_t shuffle(uint64_t key_count, uint64_t seed, uint64_t x)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(key_count - 1);
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    unsigned shift = bits / 2 + 1;
    do {
        x = ((x + seed) * 0x9e3779b97f4a7c15u) & mask;
        x ^= x >> shift;
        x = (x * 0xff51afd7ed558ccdu) & mask;
        x ^= x >> shift;
        x = (x * 0xc4ceb9fe1a85ec53u) & mask;
        x ^= x >> shift;
    } while (x >= key_count);
    return x;
}

uint64_t workload_index(const struct workload *workload, const struct phase *phase, uint64_t step)
{
    switch (phase->order) {
    case ORDER_SEQUENTIAL:
        return step;
    case ORDER_SHUFFLED:
        return shuffle(workload->key_count, phase->seed, step);
    case ORDER_DRAWN:
        break;
    }
    return (hash_mix(phase->seed, step) >> 32) * workload->key_count >> 32;
}

struct bytes workload_value(const struct workload *workload, uint64_t operation)
{
    uint64_t starts = PIECES - workload->value_size / PIECE_SIZE;
    uint64_t piece = (hash_mix(operation, 7) >> 32) * starts >> 32;
    return bytes_of(workload->pool + piece * PIECE_SIZE, workload->value_size);
}

void key_format(struct key *key, const struct workload *workload, uint64_t number)
{
    if (workload->is_decimal) {
        for (size_t i = WORKLOAD_KEY_SIZE; i-- > 0; number /= 10)
            key->bytes[i] = (uint8_t)('0' + number % 10);
        return;
    }
    store_u64_be(key->bytes, number);
    memset(key->bytes + sizeof number, '0', WORKLOAD_KEY_SIZE - sizeof number);
}

struct expectation *workload_expect(const struct workload *workload, size_t count)
{
    uint64_t stride = workload->key_count / count;
    struct expectation *expected = xcalloc(count, sizeof *expected);
    for (size_t i = 0; i < count; i++)
        expected[i].index = i * stride;
    for (size_t p = 0; p < workload->phase_count; p++) {
        const struct phase *phase = &workload->phases[p];
        for (uint64_t step = 0; step < phase->count; step++) {
            uint64_t index = workload_index(workload, phase, step);
            if (index % stride || index / stride >= count)
                continue;
            expected[index / stride].operation = phase->first_operation + step;
            expected[index / stride].is_there = !phase->is_remove;
        }
    }
    return expected;
}
