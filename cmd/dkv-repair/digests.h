// digests.h - questions for digests that wait for the store of this node.
#pragma once

#include "base/buf.h"
#include "wire/outbox.h"
#include "wire/repair.h"

enum { DIGESTS_MAX = 8, DIGESTS_PATIENCE_MS = 5000 };

struct digests_item {
    uint64_t id; // of the question to the store; 0: free
    link_id asker;
    uint64_t asker_id;
    uint32_t keyspace;
    uint64_t begin_ms;
    struct buf text; // so far
};

struct digests {
    struct digests_item items[DIGESTS_MAX];
    uint64_t id_last;
};

void digests_release(struct digests *digests);
struct digests_item *digests_add(struct digests *digests, uint64_t now_ms); // NULL: too many
struct digests_item *digests_find(struct digests *digests, uint64_t id);    // NULL: it is over
