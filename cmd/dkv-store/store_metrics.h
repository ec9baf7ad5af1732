// store_metrics.h - how a store is, as the numbers of wire/metrics.h.
#pragma once

#include "dkv-store/store.h"
#include "wire/metrics.h"

void store_metrics(const struct store *store, struct moment now, struct metrics *metrics);
