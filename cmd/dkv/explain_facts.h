// explain_facts.h - what is known of a key: of its owners, of those that keep hints, of dkv-repair.
#pragma once

#include "dkv/explain_copy.h"
#include "dkv/hint_lines.h"
#include "dkv/node_status.h"
#include "ring/ring.h"

struct explain_facts { // zero-filled: nothing
    const struct globals *globals;
    struct replicas replicas;
    struct record whole;
    uint64_t now_ms;
    bool has_hints; // they were asked for, and:
    struct ring ring;
    struct hint_lines hints;  // of the key
    struct node_status nodes; // empty: not asked for, or nobody answered
    struct copies copies;     // of all that
};

void explain_facts_release(struct explain_facts *facts);

// What owners have is in facts->replicas; asks for the rest, each where a sentence depends on it.
void explain_facts_gather(struct explain_facts *facts);

// The set of owners that do not answer.
uint32_t explain_facts_down(const struct explain_facts *facts);

// Whether the node of this owner is up, and its dkv-repair is known to be down.
bool explain_facts_is_repair_down(const struct explain_facts *facts, uint32_t index);

// The first hint for the node of this owner; NULL: none is known.
const json_t *explain_facts_hint(const struct explain_facts *facts, uint32_t index);

// Whether the record of this owner has a deletion; any: that of anybody who replied.
bool explain_facts_keeps_deletion(const struct explain_facts *facts, uint32_t index);
bool explain_facts_is_any_deletion(const struct explain_facts *facts);
