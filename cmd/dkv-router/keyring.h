// keyring.h - the keys that seal contexts and receipts, shared with the other routers.
//
// A router asks every other one for its keys whenever the link to it comes up, so all know
// the keys of all. A put whose context names a key that is not known here waits until the
// routers that can be reached were asked once more; then it goes on or is refused. It keeps
// its header, whose age is counted on: a put that waited too long is refused like any other.
#pragma once

#include "base/moment.h"
#include "causal/seal.h"
#include "peer/peers.h"
#include "wire/client.h"
#include "wire/role.h"

enum {
    KEYRING_HELD_MAX = 256,
    KEYRING_HELD_SIZE_MAX = 16 << 20, // bytes of puts that wait; one more may come on top
};

// What may be done about a context that is refused.
#define NEW_CONTEXT "'dkv get --context-to' gives a new one"

struct keyring_peer {
    uint64_t asked_ms; // 0 = no answer is awaited
    bool is_heard;     // it told its keys in this life of the link
};

struct held_put {
    struct arrival arrival;
    struct message_header header;
    uint64_t until_ms;
    struct buf op; // encoded
};

struct keyring {
    struct seals *seals;       // borrowed
    const struct peers *peers; // borrowed
    struct keyring_peer *rows; // by row of those
    uint32_t row_count;
    struct held_put *held;
    uint32_t held_count;
    size_t held_size;
    uint64_t late_count; // answers that nobody waited for
    struct buf text;     // of keyring_explain()
};

void keyring_init(struct keyring *keyring, struct seals *seals, const struct peers *peers);
void keyring_release(struct keyring *keyring);

// After peers_adopt(): there may be new peers.
void keyring_adopt(struct keyring *keyring);

// The link to another router came up or went down.
void keyring_on_up(struct keyring *keyring, uint32_t number, struct moment now,
                   struct outbox *outbox);
void keyring_on_down(struct keyring *keyring, uint32_t number);
// Takes its answer to ASK "seals". INVALID if it is malformed.
enum status keyring_on_answer(struct keyring *keyring, uint32_t number,
                              struct reader *body) MUST_USE;
// Appends our answer to the same question: all secrets, one behind the other.
void keyring_tell(const struct keyring *keyring, struct buf *out);

// Keeps a put whose context is sealed with an unknown key. False if there is nobody to ask:
// then keyring_explain() says why it must be refused, and how.
bool keyring_hold(struct keyring *keyring, const struct arrival *arrival,
                  const struct message_header *header, const struct op_put *put, uint64_t until_ms,
                  struct moment now, struct outbox *outbox);
struct bytes keyring_explain(struct keyring *keyring, bool was_asked, enum status *status);
// Takes the next one that need not wait any more: all have answered that can, or its time is
// over. The caller releases its op.
bool keyring_next(struct keyring *keyring, struct moment now, struct held_put *held);

void keyring_on_tick(struct keyring *keyring, struct moment now);

// True when every other router has told its keys.
bool keyring_is_complete(const struct keyring *keyring);
