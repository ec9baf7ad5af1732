#include "os/worker.h"

#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATIENT_NICE = 10 };

struct worker {
    void (*run)(void *job);
    bool is_patient;
    void *job; // of the caller: what was submitted and not taken back
    int fd;
    pthread_t thread;
    pthread_mutex_t mutex; // guards the rest
    pthread_cond_t changed;
    void *next; // what the thread shall run
    bool is_stopping;
};

static void *next_job(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    while (!worker->next && !worker->is_stopping)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    void *job = worker->next;
    worker->next = NULL;
    pthread_mutex_unlock(&worker->mutex);
    return job;
}

static void *run_jobs(void *context)
{
    struct worker *worker = context;
    if (worker->is_patient) // 0 is this thread, on Linux
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + PATIENT_NICE);
    for (void *job; (job = next_job(worker));) {
        worker->run(job);
        uint64_t one = 1;
        ssize_t written = write(worker->fd, &one, sizeof one);
        assert(written == sizeof one);
        (void)written;
    }
    return NULL;
}

static enum status start(struct worker **worker, void (*run)(void *job), bool is_patient,
                         struct fault *fault)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return fault_set(fault, STATUS_IO, "no eventfd: %s", strerror(errno));
    struct worker *started = xcalloc(1, sizeof *started);
    started->run = run;
    started->is_patient = is_patient;
    started->fd = fd;
    pthread_mutex_init(&started->mutex, NULL);
    pthread_cond_init(&started->changed, NULL);
    int failed = pthread_create(&started->thread, NULL, run_jobs, started);
    if (failed) {
        close(fd);
        free(started);
        return fault_set(fault, STATUS_IO, "no thread: %s", strerror(failed));
    }
    *worker = started;
    return STATUS_OK;
}

enum status worker_start(struct worker **worker, void (*run)(void *job), struct fault *fault)
{
    return start(worker, run, false, fault);
}

enum status worker_start_patient(struct worker **worker, void (*run)(void *job),
                                 struct fault *fault)
{
    return start(worker, run, true, fault);
}

void worker_stop(struct worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->mutex);
    worker->is_stopping = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    close(worker->fd);
    free(worker);
}

int worker_fd(const struct worker *worker)
{
    return worker->fd;
}

bool worker_is_idle(const struct worker *worker)
{
    return !worker->job;
}

void worker_submit(struct worker *worker, void *job)
{
    assert(job && !worker->job);
    worker->job = job;
    pthread_mutex_lock(&worker->mutex);
    worker->next = job;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

void *worker_take(struct worker *worker)
{
    uint64_t count;
    if (!worker->job || read(worker->fd, &count, sizeof count) != sizeof count)
        return NULL;
    void *job = worker->job;
    worker->job = NULL;
    return job;
}
