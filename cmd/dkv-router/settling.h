// settling.h - which partitions are settled: see router.h.
#pragma once

#include "dkv-router/router.h"

void settling_init(struct router *router);
void settling_release(struct router *router);

void settling_unsettle(struct router *router, uint32_t partition);
void settling_unsettle_node(struct router *router, uint32_t node); // it came (back) up

// Asks for roots if something is unsettled and it is time.
void settling_on_tick(struct router *router, struct moment now, struct outbox *outbox);
enum status settling_on_roots(struct router *router, uint32_t node, struct reader *body) MUST_USE;
