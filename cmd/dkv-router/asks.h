// asks.h - questions by name: "ring" (the document), "ring/propose" (polls.h), "status" (a JSON
// line per node), "metrics" (what the stores and this router count, as Prometheus reads it),
// "seals" (keyring.h; for other routers alone). Others are passed on: relays.h.
#pragma once

#include "dkv-router/router.h"

enum status asks_on_ask(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox) MUST_USE;
