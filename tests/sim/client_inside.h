// client_inside.h - what the two halves of a client share; for its own files.
//
// client.c knows what is asked and answered, client_links.c what goes over which connection.
#pragma once

#include "sim/client.h"

uint64_t client_now_ms(const struct client *client);

// Takes the steps that there are, and plans the next turn.
void client_take_turn(struct client *client);

// A message from a router; `self` is the client.
void client_receive(void *self, const struct arrival *arrival, struct buf *bytes);
