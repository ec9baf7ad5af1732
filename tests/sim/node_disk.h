// node_disk.h - disks that lose what was synced.
//
// A node has two: its store's, and its hintd's. The history is told: what an owner lost, or the
// hint for it, does not count any more. Who wipes or sets back a disk kills what writes there, and
// starts it again.
#pragma once

#include "sim/node.h"

enum node_disk { NODE_STORE_DISK = 1, NODE_HINT_DISK = 2, NODE_BOTH_DISKS = 3 };

void node_wipe(struct node *node, enum node_disk which);
void node_save(struct node *node);                           // a copy of both, whoever is writing
void node_set_back(struct node *node, enum node_disk which); // to what was saved
// A bit of any of its files changes, whether or not the store is up. From then on it may say that
// a record is damaged, or not open; it may never say anything wrong.
void node_damage(struct node *node);
