// keyspace.h - what a keyspace looks like in JSON.
#pragma once

#include "ring/ring.h"

#include <jansson.h>

// {"name":"default","id":1,"n":"3","conflict":"versions","r":"quorum","w":"quorum","ttl":"0"}
json_t *keyspace_json(const struct ring_keyspace *keyspace); // a new reference
