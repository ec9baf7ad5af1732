// owing.h - debts to nodes that have left the ring.
//
// Nobody pulls for them any more, and what was refused may be missing at those who own the
// partition now. So these are owed it instead, as hints for such a node are given to them.
#pragma once

#include "dkv-hintd/hintd.h"

// Hands over some debts. False: none is left to nodes that are not in the ring.
bool owing_hand_over(struct hintd *hintd);
