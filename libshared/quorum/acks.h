// acks.h - whose acknowledgements count together: distinct owners on distinct nodes.
//
// An owner acknowledges a write by itself, or a fallback keeps a hint for it. Each owner counts
// once, and each node once, as itself or as the holder of one of its hints:
//
//     owners      nodes            A by itself, and D keeps a hint for A:  one
//       A ───────── A              D keeps hints for A, B and C:           one
//       B ────┐                    A by itself, D keeps one for B:         two
//       C ────┴──── D              D keeps hints for B and C, E for C:     two
//
// So what counts is a matching of owners and nodes, and needs (needs.h) are met if some matching
// covers owners enough for each. With datacenters it matters which owner a node is matched to, so
// all sets of owners are tried: at most 512, and only where hints are the question.
//
// Answers of owners and holders to other questions are counted by the same rule.
#pragma once

#include "quorum/needs.h"

struct acks {
    uint8_t n;      // owners
    target_set own; // those that acknowledged by themselves
    // By owner: fallbacks that keep a hint for it. NULL: none does.
    const target_set *hints;
};

bool acks_meet_slowly(const struct acks *acks, const struct needs *needs);

// Whether they meet the needs.
static inline bool acks_meet(const struct acks *acks, const struct needs *needs)
{
    return needs_met(needs, acks->own) || (acks->hints && acks_meet_slowly(acks, needs));
}

// How many nodes that is, at most.
uint8_t acks_count(const struct acks *acks);
