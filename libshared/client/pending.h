// pending.h - the requests of a client that have no answer yet.
//
// A request lives in a slot. Its id on the wire is the slot's index and a generation that
// changes with every try, so that a late answer, to an earlier tenant or to an earlier try,
// finds nobody. Requests wait to be sent in queues of ids, one for each endpoint; one that
// left meanwhile is skipped there.
#pragma once

#include "wire/client.h"
#include "wire/message.h"
#include "wire/tries.h"

// Called once, at the end of a request. The op and what it borrows live during the call.
// Without a reply it has `status` (and text) set and is otherwise empty.
typedef void client_on_put(void *context, const struct op_put_done *done);
typedef void client_on_get(void *context, const struct op_got *got);
typedef void client_on_scan(void *context, const struct op_scanned *scanned);
typedef void client_on_explained(void *context, const struct op_explained *explained);
typedef void client_on_answer(void *context, const struct op_answer *answer);

union callback {
    client_on_put *put;
    client_on_get *get;
    client_on_scan *scan;
    client_on_explained *explained;
    client_on_answer *answer;
};

enum request_state { REQUEST_FREE, REQUEST_QUEUED, REQUEST_SENT, REQUEST_PAUSED };

struct request {
    uint32_t generation;
    uint8_t state;             // enum request_state
    uint8_t type;              // MESSAGE_PUT ...
    uint8_t endpoint;          // that it is for
    uint8_t home;              // the endpoint at which it began
    bool is_local;             // it asks that router alone
    bool was_sent;             // by us, at least once
    bool is_maybe_applied;     // a put that some router may have begun
    struct tries tries;        // of a put
    struct tries tries_before; // the last try, which may turn out not to have left
    uint32_t batch;            // the message it was sent in
    uint32_t pause_ms;         // before the next try
    uint64_t deadline_ms;      // 0 = none
    uint64_t retry_at_ms;      // when PAUSED
    uint64_t asked;            // a bit for each endpoint whose router was not able to do it
    struct buf refusal;        // and what the first of them said
    union callback on_done;
    void *context;
    struct buf bytes; // room for a header, then the encoded operation
};

struct request_queue {
    uint64_t *ids; // a ring
    uint32_t first, count, capacity;
};

struct pending {
    struct request *requests; // slots
    uint32_t slot_count;
    uint32_t *free_slots;
    uint32_t free_count;
    uint32_t count;       // of requests
    uint64_t size;        // their bytes
    uint32_t ended_count; // ever
};

void pending_release(struct pending *pending);

// A slot with room for the header. The caller fills it in, appends its operation (with
// pending_id()) and queues it. Pointers to requests live until the next add.
struct request *pending_add(struct pending *pending, enum message_type type);
uint64_t pending_id(const struct pending *pending, const struct request *request);
struct request *pending_find(const struct pending *pending, uint64_t id); // NULL if it left

// To be sent (again), under a new id if it was sent before.
void pending_queue(struct pending *pending, struct request *request, struct request_queue *queue);
void pending_pause(struct pending *pending, struct request *request, uint64_t until_ms);

// The i-th entry; NULL if that request left. Taking the first `count` off does not change
// the state of the requests.
struct request *pending_queued(const struct pending *pending, const struct request_queue *queue,
                               uint32_t i);
void request_queue_take(struct request_queue *queue, uint32_t count);

static inline struct bytes request_op(const struct request *request)
{
    return bytes_of(request->bytes.data + MESSAGE_HEADER_SIZE,
                    request->bytes.size - MESSAGE_HEADER_SIZE);
}

// Each sending of a put is a try of its own, with a random name.
void request_begin_try(struct request *request, uint64_t name, uint64_t now_ms);

// The end of a request that gets no better answer. A put that may have been applied is
// INDETERMINATE whatever the status; so is one that an earlier life of the client may have
// sent, if that status would say that nothing was written.
enum status request_outcome(const struct request *request, enum status status);

void pending_end(struct pending *pending, struct request *request); // the slot is free

// Ends a request that no reply answers, with its outcome.
void pending_fail(struct pending *pending, struct request *request, enum status status,
                  struct bytes text);

// True if a reply with this status is not the end, wherever the request is asked again. A
// refusal is final, unless an earlier try may have been applied: then only time can tell, and
// until the deadline we ask again.
bool request_goes_on(const struct request *request, enum status status);
