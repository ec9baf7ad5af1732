// keyspace_change.h - keyspaces are made, changed and dropped: each time the ring document that
// follows is proposed to the cluster.
#pragma once

#include "dkv/dkv.h"
#include "ring/ring.h"

struct keyspace_wishes { // as given; NULL = not
    const char *n, *conflict, *r, *w, *ttl;
    bool is_sure; // no question before a drop
};

enum keyspace_change { KEYSPACE_CREATE, KEYSPACE_SET, KEYSPACE_DROP };

// Returns the exit status. 0: every node that can be reached has the change; others have it when
// they are back.
int keyspace_change(const struct globals *globals, enum keyspace_change change, const char *name,
                    const struct keyspace_wishes *wishes);
