// ring_check.h - which shards the loss of a node, a rack or a datacenter would cost.
#pragma once

#include "dkv/dkv.h"

// `what_if` is "down=NAME,...": what is lost together; NULL: each node, rack and datacenter alone.
// Returns the exit status. 12: something that was named leaves shards with too few owners for the R
// or W of their keyspace, or, where nothing was, the loss of one node does.
int ring_check_verb(const struct globals *globals, const char *file, const char *what_if);
