// epoch.h - whether a sender and this store mean the same owners of a shard.
//
// They do if they have the same ring document. If they have documents of different epochs, they do
// where the shard is where it is since an epoch that both have reached: the header of a message
// says since when by the sender's document, ours by itself (ring/ring_successor.h).
#pragma once

#include "ring/ring_snapshot.h"
#include "wire/message.h"

bool epoch_is_same(const struct ring_snapshot *ring, const struct message_header *header);

bool epoch_agrees(const struct ring_snapshot *ring, const struct message_header *header,
                  uint32_t keyspace, uint32_t partition);
