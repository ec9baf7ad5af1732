// ranges.h - the leaves that differ in the trees of a shard, as ranges of tokens.
#pragma once

#include "base/buf.h"
#include "merkle/compare.h"

// Appends them as LEAVES has them: those of all trees together, ascending, and none touches another
// one. If there are very many it is the whole partition.
void ranges_of_leaves(const struct compare compares[], uint32_t partition_count, uint32_t partition,
                      struct buf *out);
