// Puts from many threads, synced: each thread hands its put to the owner and sleeps until
// it is durable; the owner takes all that have come, writes them at once and wakes all.
//
//     thread ──push──► queue ──take all──► owner: write, sync ──wake──► threads

#include "bench/engine/ours.h"

#include "base/xalloc.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// A put that waits, on its thread's stack.
struct request {
    struct request *next;
    struct bytes key, value;
    atomic_bool is_done;
};

struct shared {
    struct ours ours;
    pthread_t owner;
    _Alignas(64) _Atomic(struct request *) queue; // the newest first
    atomic_uint arrivals;                         // changes when the queue is not empty any more
    atomic_bool is_asleep;                        // the owner waits for arrivals
    atomic_bool is_stopping;
    _Alignas(64) atomic_uint rounds; // changes when puts are done
};

static void futex_wait(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL);
}

static void futex_wake_all(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX);
}

static void wake_owner(struct shared *shared)
{
    atomic_fetch_add(&shared->arrivals, 1);
    if (atomic_load(&shared->is_asleep))
        futex_wake_all(&shared->arrivals);
}

static struct request *take_all(struct shared *shared)
{
    struct request *first;
    while (!(first = atomic_exchange(&shared->queue, NULL))) {
        unsigned seen = atomic_load(&shared->arrivals);
        if (atomic_load(&shared->is_stopping))
            return NULL;
        atomic_store(&shared->is_asleep, true);
        if (!atomic_load(&shared->queue))
            futex_wait(&shared->arrivals, seen);
        atomic_store(&shared->is_asleep, false);
    }
    return first;
}

static void *be_owner(void *context)
{
    struct shared *shared = context;
    struct ours *ours = &shared->ours;
    for (struct request *first; (first = take_all(shared));) {
        lsm_batch_clear(&ours->batch);
        for (struct request *request = first; request; request = request->next)
            lsm_batch_put(&ours->batch, request->key, request->value);
        ours_write(ours);
        ours_sync(ours);
        for (struct request *request = first, *next; request; request = next) {
            next = request->next; // gone with its thread's stack as soon as it is done
            atomic_store_explicit(&request->is_done, true, memory_order_release);
        }
        atomic_fetch_add(&shared->rounds, 1);
        futex_wake_all(&shared->rounds);
        sched_yield(); // to those that were woken: the next sync takes more of them
    }
    return NULL;
}

static void shared_put(void *db, struct bytes key, struct bytes value)
{
    struct shared *shared = db;
    struct request request = {.key = key, .value = value};
    request.next = atomic_load(&shared->queue);
    while (!atomic_compare_exchange_weak(&shared->queue, &request.next, &request))
        ;
    if (!request.next)
        wake_owner(shared);
    for (;;) {
        unsigned seen = atomic_load(&shared->rounds);
        if (atomic_load_explicit(&request.is_done, memory_order_acquire))
            return;
        futex_wait(&shared->rounds, seen);
    }
}

static void *shared_open(const struct peer_options *options)
{
    struct shared *shared = xcalloc(1, sizeof *shared);
    ours_open(&shared->ours, options);
    if (pthread_create(&shared->owner, NULL, be_owner, shared))
        die("ours: no thread");
    return shared;
}

static void stop_owner(struct shared *shared)
{
    if (atomic_exchange(&shared->is_stopping, true))
        return;
    wake_owner(shared);
    pthread_join(shared->owner, NULL);
}

// The first get ends the time of many threads: from then on the caller is the owner.
static bool shared_get(void *db, struct bytes key, struct bytes *value)
{
    struct shared *shared = db;
    stop_owner(shared);
    return peer_ours.get(&shared->ours, key, value);
}

static void shared_close(void *db)
{
    struct shared *shared = db;
    stop_owner(shared);
    ours_close(&shared->ours);
    free(shared);
}

const struct peer peer_ours_shared = {
    .name = "ours",
    .open = shared_open,
    .close = shared_close,
    .put = shared_put,
    .get = shared_get,
};
