// making.h - draws a cluster, what it stores and who uses it.
//
// Two to five nodes in one datacenter or two; keyspaces of different N, R and W, one of them
// lww; keys, some of which share a partition; networks and disks of any quality.
#pragma once

#include "sim/stage.h"

void making_cluster(struct stage *stage);
void making_clients(struct stage *stage); // and the examiner; the others begin
