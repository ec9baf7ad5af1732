// changes.h - the two operations that change a record: UPDATE mints, MERGE joins.
#pragma once

#include "dkv-store/store.h"

// As operation_serve().
enum status changes_update(struct store *store, const struct arrival *arrival,
                           const struct message_header *header, struct reader *body,
                           struct moment now, struct outbox *outbox) MUST_USE;
enum status changes_merge(struct store *store, const struct arrival *arrival,
                          const struct message_header *header, struct reader *body,
                          struct moment now, struct outbox *outbox) MUST_USE;
