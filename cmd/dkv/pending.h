// pending.h - the requests of a client that have no answer yet.
//
// A request lives in a slot; its id on the wire is the slot's index and generation, so a
// late answer to an earlier tenant finds nobody. Requests wait to be sent in a queue of
// ids; one that ended meanwhile is skipped there.
#pragma once

#include "dkv/client.h"
#include "wire/tries.h"

enum request_state { REQUEST_FREE, REQUEST_QUEUED, REQUEST_SENT, REQUEST_PAUSED };

union callback {
    client_on_put *put;
    client_on_get *get;
    client_on_scan *scan;
    client_on_answer *answer;
};

struct request {
    uint32_t generation;
    uint8_t state;        // enum request_state
    uint8_t type;         // MESSAGE_PUT ...
    bool maybe_applied;   // a put that some router may have begun
    struct tries tries;   // of a put
    uint32_t batch;       // the message it was sent in
    uint32_t pause_ms;    // before the next try
    uint64_t deadline_ms; // 0 = none
    uint64_t retry_at_ms; // when PAUSED
    union callback on_done;
    void *context;
    struct buf bytes; // room for a header, then the encoded operation
};

struct pending {
    struct request *requests; // slots
    uint32_t slot_count;
    uint32_t *free_slots;
    uint32_t free_count;
    uint64_t *queue; // ids, a ring
    uint32_t queue_first, queue_count, queue_capacity;
    uint32_t count; // of requests
    uint64_t size;  // their bytes
    uint32_t sent_count;
    uint64_t sent_size;
    uint32_t ended_count; // ever
};

void pending_release(struct pending *pending);

// A slot with room for the header. The caller fills it in, appends its operation (with
// pending_id()) and calls pending_start(). Pointers to requests live until the next add.
struct request *pending_add(struct pending *pending, enum message_type type);
uint64_t pending_id(const struct pending *pending, const struct request *request);
void pending_start(struct pending *pending, struct request *request);

struct request *pending_find(const struct pending *pending, uint64_t id); // NULL if it ended

static inline struct bytes request_op(const struct request *request)
{
    return bytes_of(request->bytes.data + MESSAGE_HEADER_SIZE,
                    request->bytes.size - MESSAGE_HEADER_SIZE);
}

// The i-th entry of the queue; NULL if that request ended. Taking the first `count` off
// does not change the state of the requests.
struct request *pending_queued(const struct pending *pending, uint32_t i);
void pending_dequeue(struct pending *pending, uint32_t count);

// Each sending of a put is a try of its own, with a random name.
void request_begin_try(struct request *request, uint64_t name, uint64_t now_ms);
void pending_sent(struct pending *pending, struct request *request, uint32_t batch);
void pending_pause(struct pending *pending, struct request *request, uint64_t until_ms);
void pending_requeue(struct pending *pending, struct request *request); // to be sent (again)

void pending_end(struct pending *pending, struct request *request); // the slot is free

// Ends a request that no reply answers. A put that may have been applied is INDETERMINATE
// whatever the status.
void pending_fail(struct pending *pending, struct request *request, enum status status,
                  struct bytes text);
void pending_fail_all(struct pending *pending, enum status status);

// True if a reply with this status is not the end. A refusal is final, unless an earlier
// try may have been applied: then only time can tell, and until the deadline we ask again.
bool request_goes_on(const struct request *request, enum status status);
