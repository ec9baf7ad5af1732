// ballot.h - which attempt to decide comes before which.
//
// A ballot belongs to one life of one proposer, which never uses it for two values: `proposer` is
// random in each life, and in a life the rounds only rise.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ballot {
    uint64_t round; // from 1; 0 = no ballot
    uint64_t proposer;
};

static inline bool ballot_is_same(struct ballot a, struct ballot b)
{
    return a.round == b.round && a.proposer == b.proposer;
}

static inline bool ballot_is_before(struct ballot a, struct ballot b)
{
    return a.round != b.round ? a.round < b.round : a.proposer < b.proposer;
}
