// brain.h - the hintd as one table, for a turn (turn/brain.h).
#pragma once

#include "dkv-hintd/hintd.h"
#include "turn/brain.h"

struct brain hintd_brain(struct hintd *hintd);
