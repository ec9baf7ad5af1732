// node_disk.h - disks that lose what was synced.
//
// The history is told: what an owner lost does not count any more. Who wipes or sets back a disk
// kills the store before, and starts it again.
#pragma once

#include "sim/node.h"

void node_wipe(struct node *node);
void node_save(struct node *node);     // a copy of what there is, whatever the store is doing
void node_set_back(struct node *node); // to what was saved
// A bit of any of its files changes, whether or not the store is up. From then on it may say that
// a record is damaged, or not open; it may never say anything wrong.
void node_damage(struct node *node);
