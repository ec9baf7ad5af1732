// asking.h - a store that has started lets others be asked what they have heard of it, before it
// answers what routers ask.
//
// It may have been put back to an older state, or wiped, and then lacks what it had acknowledged.
// The stores of other nodes know how far they had heard it come. dkv-repair asks them (HEAR) and
// tells this store; one that lacks something is marked lost (loss.h), so that routers read
// elsewhere. Others that are starting, too, answer at once.
//
// Meanwhile it does not look up to routers (WELCOME says so), and what arrives nevertheless is
// answered as by a lost copy: it keeps what it is given, and tells nothing of what it has. That
// ends when all others were asked, and after `ask_ms` at the latest: whoever is down is not waited
// for, nor is a repair that does not run.
#pragma once

#include "dkv-store/store.h"

// Ends it when it has lasted long enough.
void asking_on_tick(struct store *store, struct moment now);

// Within what time that must be called after a turn's end; `most_ms` if it need not be.
unsigned asking_within_ms(const struct store *store, unsigned most_ms);

// Serves HEAR. INVALID: it is none.
enum status asking_serve(struct store *store, const struct arrival *arrival, struct reader *body,
                         struct moment now, struct outbox *outbox) MUST_USE;
