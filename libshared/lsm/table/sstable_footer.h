// sstable_footer.h - how a table ends: whose it is, what it counts, and where its parts are.
//
// Every byte: dkv-store(5), TABLES.
#pragma once

#include "base/bytes.h"
#include "base/status.h"

enum {
    SSTABLE_FOOTER_SIZE = 104,
    SSTABLE_VERSION = 1,
};

#define SSTABLE_MAGIC "dkvtable"

struct sstable_part {
    uint64_t offset;
    uint64_t size;
};

struct sstable_footer {
    uint64_t database;
    uint64_t number;
    uint64_t entry_count;
    uint64_t deleted_count;
    struct sstable_part index, filter, sample;
    uint32_t version; // when read; the others count only if it is ours
};

void sstable_footer_encode(uint8_t *bytes, const struct sstable_footer *footer);

// CORRUPT: damaged. INVALID: a newer program has written it.
enum status sstable_footer_decode(struct sstable_footer *footer, const uint8_t *bytes) MUST_USE;

// Whether the parts lie one behind the other, and end at `end`.
bool sstable_footer_fits(const struct sstable_footer *footer, uint64_t end);
