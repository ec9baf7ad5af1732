// node_inside.h - the sides of a node. For node.c and node_{store,hintd,router,repair}.c alone.
#pragma once

#include "sim/node.h"

// A process of this node: the caller adds its brain.
struct process node_process(struct node *node, uint32_t port, uint64_t tick_us);

void node_init_store(struct node *node);
void node_init_hintd(struct node *node);
void node_init_router(struct node *node);
void node_init_repair(struct node *node);
void node_end_store(struct node *node); // its process, and its jobs in part
void node_end_hintd(struct node *node);
void node_release_store(struct node *node);
void node_release_hintd(struct node *node);
void node_release_router(struct node *node);
void node_release_repair(struct node *node);

// The process of a port of this node is gone: those that had links to it may notice; if not,
// silence tells them.
void node_tell_links(struct node *node, uint32_t port);
