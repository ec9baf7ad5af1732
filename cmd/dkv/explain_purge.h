// explain_purge.h - why the deletions of a key are not purged yet, in words.
#pragma once

#include "dkv/hint_lines.h"
#include "dkv/replicas.h"

// Whether any owner that replied keeps a deletion.
bool explain_purge_is_any(const struct replicas *replicas);

// A sentence on standard error for each owner that keeps one, and for hints that wait for owners.
void explain_purge_say(const struct globals *globals, const struct replicas *replicas,
                       const struct hint_lines *hints);

// Of one owner; null if it keeps none. And hints that wait for owners.
json_t *explain_purge_json(const struct replicas *replicas, uint32_t index);
json_t *explain_purge_json_hints(const struct replicas *replicas, const struct hint_lines *hints);
