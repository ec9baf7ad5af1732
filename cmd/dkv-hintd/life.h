// life.h - that the start of this hintd is later than all of its starts before.
//
// Stores close the dots of older starts: what comes under one of these counts as known, and is
// purged where it is not there. So a write that is minted here under a start which is not the last
// would be lost, acknowledged or not. The log says which start was the last, but it may be gone
// with the disk, while the clock has been set back or the starts ran ahead of it. Stores remember,
// and say so when a link to them begins (WELCOME): from a later start than ours we take one above
// it. Until the stores of all nodes of the ring were heard once, nothing is minted, by this and all
// later lives.
#pragma once

#include "dkv-hintd/hintd.h"

// A store knows of this start of ours; 0: of none.
void life_on_heard(struct hintd *hintd, uint32_t start, struct moment now);

// Writes what follows from what was heard, if the engine takes it now; else a later call does.
void life_settle(struct hintd *hintd, struct moment now);

// Whether a write may be minted here.
bool life_may_mint(const struct hintd *hintd);
