// gone.h - dkv del --wait-gone: until a deletion is purged at every owner.
#pragma once

#include "causal/clock.h"
#include "client/net/client.h"
#include "dkv/dkv.h"

// Waits until every owner has the write of this receipt and keeps nothing of it, which `dot` names
// (counter 0: it is not known). Returns the exit status: 0; 12 when the --timeout that was given is
// over, saying who still keeps it.
int gone_wait(const struct globals *globals, struct client *client, struct bytes receipt,
              struct dot dot);
