// asks.h - questions by name: "ring" (the document), "status" (a JSON line per node).
#pragma once

#include "dkv-router/router.h"

enum status asks_on_ask(struct router *router, const struct arrival *arrival, struct reader *body,
                        struct outbox *outbox) MUST_USE;
