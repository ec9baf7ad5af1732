// nemesis.h - what goes wrong in a run.
//
// Each run draws which kinds of faults it has (about half of them) and how often; then one
// after the other happens, overlapping, each with an end of its own. All of it is inside of
// what dkv promises to survive: kills, power losses, pauses, partitions of any shape, lost,
// late and repeated messages, clocks that are off, disks that are slow, full or fail to sync
// or to read, that rot, are wiped or set back to an old copy; and ring documents that follow each
// other.
#pragma once

#include "sim/client.h"
#include "sim/node.h"

enum { NEMESIS_DOCUMENTS_MAX = 12 };

struct nemesis {
    struct world *world;
    struct network *network;
    struct node *nodes;
    uint32_t node_count;
    struct client *clients;
    uint32_t client_count;
    struct ring_snapshot *documents[NEMESIS_DOCUMENTS_MAX]; // that were handed in
    uint32_t document_count;
    uint32_t kinds; // bits of the faults that this run has
    uint64_t period_us;
    bool is_over;
};

// The caller set all but kinds, period_us and is_over.
void nemesis_start(struct nemesis *nemesis);
void nemesis_stop(struct nemesis *nemesis); // and puts everything right again
void nemesis_release(struct nemesis *nemesis);
void nemesis_blackout(struct nemesis *nemesis);
