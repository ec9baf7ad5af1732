// brain.h - the store as one table, for a turn (turn/brain.h).
#pragma once

#include "dkv-store/store.h"
#include "turn/brain.h"

struct brain store_brain(struct store *store);
