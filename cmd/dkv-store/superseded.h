// superseded.h - which writes a change of a record supersedes, and what is remembered of them.
//
// A record shows the request ids of its siblings. Those of writes that went are in the memory of
// requests (requests.h), so that a request that comes again is still known. While a record is
// changed, store->superseded has the writes that may go:
//
//     superseded_begin()       what was there; then, of a merge, what came
//     superseded_list_keep()   what the result covers and does not show
//     superseded_settle()      lww: and what lost to a greater hlc
//     superseded_remember()    what of that the memory is to learn
#pragma once

#include "dkv-store/replica.h"

void superseded_begin(struct store *store);

// lww: keeps the greatest of `record`, and adds those that lose, as beaten.
void superseded_settle(struct store *store, const struct place *place, struct record *record);

// Leaves what the ledger is to remember: request ids, bound to their key, that `result` carries no
// more and that it does not have yet.
void superseded_remember(struct store *store, const struct place *place,
                         const struct record *result);

// A request id names one write of one key: remembered together with the key, the same id
// on another key is another request.
struct request_id superseded_bind(const struct place *place, const struct request_id *request);

// What is remembered of a request of which the record in store->local shows nothing: FIND_BEATEN,
// FIND_SUPERSEDED and the dot; 0: nothing.
enum find_state superseded_find(const struct store *store, const struct place *place,
                                const struct request_id *request, struct dot *dot);
