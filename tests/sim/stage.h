// stage.h - a cluster, its users and its faults, for the phases of a run (run.c) and for the
// scenarios (scenarios.c).
#pragma once

#include "sim/nemesis.h"
#include "sim/run.h"

enum {
    LINKS_UP_US = 50 * WORLD_S,
    READ_US = 6 * WORLD_S,
    PURGED_US = 60 * WORLD_S,
    SHORT_MEMORY_MS = 40 * 1000
};

struct stage {
    const struct run_options *options;
    struct world world;
    struct network network;
    struct history history;
    struct ring ring;
    struct ring_snapshot *snapshot; // its document
    struct node_settings settings;
    struct node nodes[NETWORK_NODES_MAX];
    uint32_t node_count;
    struct client clients[NETWORK_CLIENTS_MAX]; // the last one is the examiner's
    uint32_t client_count;                      // without it
    struct client *examiner;
    struct nemesis nemesis;
};

void stage_wait_ms(struct stage *stage, uint64_t duration_ms);
bool stage_is_link_up(const struct stage *stage, uint32_t router, uint32_t store);
// Until every router sees every store and nothing is under way any more.
void stage_wait_until_whole(struct stage *stage);

// The examiner does this until it succeeds. False if that takes too long.
bool stage_perform(struct stage *stage, const struct client_request *request);
struct act *stage_last_act(const struct stage *stage);

void stage_read_all(struct stage *stage); // with R = all, which repairs
void stage_converge(struct stage *stage); // until all owners hold the same
void stage_verdict(struct stage *stage);  // what they hold is held against the history
