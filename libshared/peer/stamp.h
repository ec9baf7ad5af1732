// stamp.h - what every daemon writes on its messages when its turn ends.
#pragma once

#include "peer/peers.h"

// On all of them: by which ring document they mean what they say, which life of us sends them, and
// when by its link clock (wire/age.h).
void stamp_headers(struct outbox *outbox, const struct ring_snapshot *ring, uint64_t boot,
                   struct moment now);

// On a message for the link of this number: what the peer's clock shows, and how much we took from
// the link (wire/meter.h). False if there is no such link: the message answers somebody else.
bool stamp_link(struct outbox_message *message, const struct peers *peers, uint32_t number,
                struct moment now);

// On all for links. `number_of` gives the number behind a link_id.
void stamp_links(struct outbox *outbox, const struct peers *peers,
                 uint32_t (*number_of)(link_id link), struct moment now);
