// history.h - every operation of a run, and what may have become of it.
//
// The model. A store mints a dot for each write. What a write u supersedes is decided then
// and for ever:
//
//     D(u) = the dots that are live in the clock that u was made on:
//            the client's context; for a blind write also the clocks that were asked for
//            and the record that the coordinator held
//
// A clock C then says exactly which values must be there: the dots m of the key that C
// covers and that no u covered by C has in D(u). Every record that is seen anywhere is held
// against that, whoever made it: a value that is missing was lost, one too many came back.
// In lww keyspaces a covered value may also be missing if a greater one is there.
//
// On top of that, of the operations and their answers:
//   - a value that is read was written by an operation on that key, byte for byte;
//   - one answered "not written" was never minted;
//   - where there are no fallbacks, or both are strict,
//     a blind put that was answered OK covers every put that was answered OK before it began, if
//     whoever it has heard and the W of that one intersect: whatever routers they went through;
//     (known gap: in lww keyspaces not of one that was tried again: a first try that lost by its
//     hlc looks superseded to an owner that heard of the winner from another one);
//   - an UPDATE is obeyed only while it is young, by the world's time; of the tries of a request
//     none mints after a later one has; and none at all once its router was told of an earlier
//     one's write;
//   - a store knows the requests that it minted or merged in its life;
//   - the context of a put covers what was given, what the put superseded, the put, and nothing
//     else that was ever written;
//   - a value that a monotonic get returned is covered by every later get of its level, and a get
//     whose R meets the W of a put that was answered before it began covers that put; under the
//     same condition: else hints may have it;
//   - in the end every put that was answered OK is covered.
// The last three not of what a deletion superseded that is purge/age old: owners that have all
// known that for so long forget both. But then none of it is there either.
// A disk that is wiped, or set back, takes what it held, be it hints: of such a put the owner
// counts no more.
#pragma once

#include "causal/token.h"
#include "sim/levels.h"
#include "sim/world.h"
#include "wire/message.h"
#include "wire/replica.h"

enum { HISTORY_KEYS_MAX = 24, HISTORY_TRIES_MAX = 32 };

enum act_kind { ACT_PUT, ACT_DELETE, ACT_GET, ACT_SCAN };

// One sending of a put.
struct act_try {
    uint64_t name;
    uint64_t end_us;    // its router may send UPDATE until then
    uint64_t update_us; // when its last UPDATE was sent
    bool has_minted;
    bool was_found; // its router was told of an earlier one's write
};

// One operation of a client.
struct act {
    uint32_t number; // from 1
    uint32_t names;  // the number in its request id and value; another's if it repeats that
    uint32_t key;
    enum act_kind kind;
    bool is_retried;
    bool is_blind;  // its first mint superseded what was there
    bool is_hinted; // a fallback kept it before it was answered
    uint8_t flags;  // of the message
    uint8_t asked;  // the level in the message
    uint8_t level;  // W or R, which is the keyspace's where none was asked for
    uint32_t lost;  // bits of nodes that have lost what they had of it, as owners
    uint32_t value_size;
    uint64_t begin_us;
    uint64_t end_us; // 0 = still waiting
    enum status status;
    struct dot dot;        // that it was told to have become; counter 0 = not told
    struct clock returned; // dots of the values of a monotonic get
    uint32_t mint_count;
    uint32_t mark;                           // of the last walk that met it
    struct act_try tries[HISTORY_TRIES_MAX]; // in the order in which the client sent them
    uint32_t try_count;
};

// One dot given to a write of a key.
struct mint {
    struct dot dot;
    uint32_t act;
    uint64_t hlc;
    uint64_t minted_us;
    bool is_tombstone;
    struct clock made;     // of the record that it was made in
    uint32_t *superseders; // indexes of mints that have this one in D
    uint32_t superseder_count;
};

struct history_key {
    uint32_t keyspace;
    const char *keyspace_name;
    bool is_lww;
    char name[32];
    uint32_t partition;
    uint8_t read_level;               // R of the keyspace
    bool has_fallbacks;               // there are nodes that do not own it
    uint16_t owners[RING_OWNERS_MAX]; // of the ring that was looked at last
    uint32_t n;
    struct level_owners who;
    bool has_moved; // to other owners, ever
    struct mint *mints;
    uint32_t mint_count, mint_capacity;
};

struct history {
    struct world *world;
    struct history_key keys[HISTORY_KEYS_MAX];
    uint32_t key_count;
    struct act **acts;
    uint32_t act_count, act_capacity;
    uint64_t salt;
    uint64_t purge_age_ms;
    uint32_t mark; // of the last walk through what superseded what
};

void history_init(struct history *history, struct world *world);
void history_release(struct history *history);

void history_add_key(struct history *history, const struct ring *ring,
                     const struct ring_keyspace *keyspace, const char *name);
// Who owns every key by this ring, by which nothing moves. Nodes have the indexes of the first one.
void history_look_at_ring(struct history *history, const struct ring *ring,
                          const struct ring *first);

struct bytes history_key_bytes(const struct history *history, uint32_t key);
int history_find_key(const struct history *history, uint32_t keyspace, struct bytes name);

struct act *history_begin(struct history *history, enum act_kind kind, uint32_t key);
struct act *history_act(const struct history *history, uint64_t number); // NULL if there is none
struct act *history_act_of(const struct history *history, const struct request_id *request);
struct request_id history_request(const struct history *history, const struct act *act);
void history_value(const struct act *act, struct buf *value);

// An answer is final: `dot` is of a put.
void history_end(struct history *history, struct act *act, enum status status, struct dot dot);

// Anything that a process sends.
void history_on_sent(struct history *history, struct bytes message);
// A router is told that the write of this try's request exists.
void history_on_found(struct history *history, const struct request_id *request, uint64_t try);

// The disk of a node has lost what was written since then (0 = all).
void history_on_disk_lost(struct history *history, uint32_t node, uint64_t since_us);
// And so has the owner that a hint with this clock was for.
void history_on_hint_lost(struct history *history, uint32_t key, uint32_t owner,
                          const struct clock *clock);

// A store has given a dot. `context` is what the update carried, `held` the clock of the
// coordinator's record before, `made` the record after.
// What it was asked for is `update`.
void history_on_minted(struct history *history, uint32_t key, const struct op_update *update,
                       const struct clock *context, const struct clock *held,
                       const struct record *made, struct dot dot);

// What a put returns that is told to have become `dot`. `given` is the context it came with.
void history_check_context(struct history *history, const struct act *act, struct dot dot,
                           const struct clock *given, const struct clock *returned);

// Holds a record against the model. `where` says whose it is.
void history_check_record(struct history *history, uint32_t key, const struct record *record,
                          const char *where);
// The record that a get or a scan with R = count returned.
void history_check_read(struct history *history, struct act *act, uint32_t key,
                        const struct record *record);
// What all owners hold when everything is over.
void history_check_last(struct history *history, uint32_t key, const struct record *record);

// True if a dot of the act is covered; the one that it was told to have become, if it was.
bool history_is_covered(const struct history *history, const struct act *act,
                        const struct clock *clock);
// The same, or what superseded it is known: a stripped record has not all of the clock that it had.
// Or it was purged, and `record` shows nothing that went with it. NULL: nobody asks.
bool history_accounts_for(struct history *history, const struct history_key *key,
                          const struct act *act, const struct clock *clock,
                          const struct record *record);
