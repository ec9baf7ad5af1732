// brain.h - dkv-repair as one table, for a turn (turn/brain.h).
#pragma once

#include "dkv-repair/repair.h"
#include "turn/brain.h"

struct brain repair_brain(struct repair *repair);
