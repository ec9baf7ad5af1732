// explain_say.h - what is not as it should be with a key, and what to do, in words.
#pragma once

#include "dkv/hint_lines.h"
#include "dkv/replicas.h"
#include "ring/ring.h"

struct explain_facts {
    const struct replicas *replicas;
    const struct record *whole;     // the join of all copies that are known
    uint32_t behind;                // the set of copies that lack something of it
    const struct ring *ring;        // NULL: hints were not asked for
    const struct hint_lines *hints; // of the key
    uint64_t now_ms;
};

// Sentences on standard error: owners that do not answer, copies that are lost or behind, values
// that are concurrent, hints that wait.
void explain_say(const struct globals *globals, const struct explain_facts *facts);

// The hints.
json_t *explain_say_hints(const struct explain_facts *facts);
