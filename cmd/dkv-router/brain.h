// brain.h - the router as one table, for a turn (turn/brain.h).
#pragma once

#include "dkv-router/router.h"
#include "turn/brain.h"

struct brain router_brain(struct router *router);
