// descriptors.h - how many descriptors this process may have.
//
// Who may hold many of them takes a share, so that none can starve another: the connections of
// others half of all (net/net.h), the tables of a store an eighth (cmd/dkv-store), and what is
// left is for links, the log, merges and everything that holds few.
#pragma once

#include <stdint.h>

uint32_t descriptors_max(void);
