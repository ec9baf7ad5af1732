// damage.h - blocks that the engine cannot read any more are taken for lost.
//
// A damaged block stays where it is, below what is written later: every walk would meet it again,
// and the copies beside it would be lost again as soon as they are whole. So when it is met, all
// copies that may have had a key in it are marked lost, even if they are lost already, since what
// was pulled for them until then may have lain there; and the engine passes over it from then on.
// An older record that shows through is what a lost copy may have, too. The next start meets the
// block anew, and does the same.
//
// Where a keyspace has no other owners the block is kept: nobody else has what people may still get
// out of it.
#pragma once

#include "dkv-store/store.h"

// At the end of a turn: marks the copies (loss_settle() writes that), ...
void damage_mark(struct store *store);
// ... and when it is written, passes over.
void damage_pass_over(struct store *store);
