// endian.h - integers in memory, byte by byte.
//
// Little-endian everywhere except in keys of the engine, where big-endian makes
// byte order the numeric order.
#pragma once

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "dkv runs on little-endian machines");

static inline void store_u16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline void store_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline void store_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline uint16_t load_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline void store_u32_be(uint8_t *at, uint32_t value)
{
    store_u32(at, __builtin_bswap32(value));
}

static inline void store_u64_be(uint8_t *at, uint64_t value)
{
    store_u64(at, __builtin_bswap64(value));
}

static inline uint32_t load_u32_be(const uint8_t *at)
{
    return __builtin_bswap32(load_u32(at));
}

static inline uint64_t load_u64_be(const uint8_t *at)
{
    return __builtin_bswap64(load_u64(at));
}
