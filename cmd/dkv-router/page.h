// page.h - joins the pages that several owners sent for one stretch of a partition.
//
// Every page is complete up to its last key (or to the end of the partition). Behind the
// smallest such end some owner has not told what it holds: that is left for the next page. Items
// up to there are put in key order; records of one key are joined, and of an lww keyspace the
// greatest sibling is left.
#pragma once

#include "causal/record.h"
#include "ring/ring.h"
#include "wire/client.h"
#include "wire/message.h"

struct page_source {
    struct op_scanned scanned; // borrows
    struct reader items;
    struct bytes key; // of the item in front, borrowed; empty = no more
    struct bytes record;
    uint64_t token;
};

struct page {
    struct buf items;
    struct buf last;
    uint32_t item_count;
    bool done;
};

void page_release(struct page *page);

// Joins `count` pages. INVALID: one of them is malformed, or a record is damaged.
enum status page_join(struct page *page, struct page_source *sources, unsigned count,
                      const struct ring_keyspace *keyspace, struct record *joined,
                      struct record *scratch) MUST_USE;
