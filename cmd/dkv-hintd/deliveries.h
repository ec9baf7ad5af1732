// deliveries.h - hints go to the stores that they are for.
//
//     read the next hints of a target ──► MERGE ──► MERGED ──► the hint goes
//                │
//                └─ the ring says that the key is not the target's any more: a hint for each of its
//                   owners instead, and this one goes
//
// One target is sent no more than options.rate bytes in a second, fewer when its clients would feel
// it (peer/throttle.h), and has a bounded number of hints under way (delivery.h). One that refuses,
// or does not answer, is left alone for options.retry_ms; a hint that it did not take stays, and
// the next pass sends it again. A hint goes also if its target did not keep the record: it has
// known that, and so has every owner.
#pragma once

#include "dkv-hintd/hintd.h"

// Delivers what can be delivered now; call it at the end of every turn.
void deliveries_run(struct hintd *hintd, struct moment now, struct outbox *outbox);
void deliveries_on_tick(struct hintd *hintd, struct moment now);

// What the link of this number has to say.
void deliveries_on_pong(struct hintd *hintd, uint32_t number, struct moment now);
void deliveries_on_up(struct hintd *hintd, uint32_t number);
void deliveries_on_down(struct hintd *hintd, uint32_t number);
enum status deliveries_on_merged(struct hintd *hintd, uint32_t number, struct reader *body,
                                 struct moment now) MUST_USE;

// Tries the target now, whatever it said before.
void deliveries_flush(struct hintd *hintd, uint64_t node, struct moment now, struct outbox *outbox);

const struct delivery *deliveries_find(const struct hintd *hintd, uint64_t node); // NULL: none

// Why the hints of a target wait, for people: "down", "delivering", "refused: disk full", ...
const char *deliveries_state(const struct hintd *hintd, const struct tally_target *target,
                             struct moment now);
