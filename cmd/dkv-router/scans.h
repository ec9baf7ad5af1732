// scans.h - scans in flight: one page of one partition, joined from R owners' pages.
#pragma once

#include "dkv-router/placing.h"

enum status scans_on_scan(struct router *router, const struct arrival *arrival,
                          const struct message_header *header, struct reader *body,
                          struct moment now, struct outbox *outbox) MUST_USE;
enum status scans_on_scanned(struct router *router, uint32_t number, struct reader *body,
                             struct moment now, struct outbox *outbox) MUST_USE;
void scans_on_failed(struct router *router, struct flight *flight, unsigned target,
                     struct moment now, struct outbox *outbox);
void scans_on_deadline(struct router *router, struct flight *flight, struct outbox *outbox);
