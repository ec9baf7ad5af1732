// explain_purge.h - why the deletions of a key are not purged yet, in words.
#pragma once

#include "dkv/replicas.h"

#include <jansson.h>

// Whether any owner that replied keeps a deletion.
bool explain_purge_is_any(const struct replicas *replicas);

// A sentence on standard error for each owner that keeps one.
void explain_purge_say(const struct globals *globals, const struct replicas *replicas);

// Of one owner; null if it keeps none.
json_t *explain_purge_json(const struct replicas *replicas, uint32_t index);
