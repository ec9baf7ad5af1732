// A worker runs what it is given, one at a time, and says when it is done.
#include "unit/unit.h"

#include "os/worker.h"

#include <poll.h>
#include <string.h>
#include <sys/resource.h>

struct job {
    unsigned number;
    unsigned result;
};

static void run_job(void *context)
{
    struct job *job = context;
    job->result = 2 * job->number;
}

static void await(const struct worker *worker)
{
    struct pollfd item = {.fd = worker_fd(worker), .events = POLLIN};
    assert_int_equal(poll(&item, 1, 5000), 1);
}

TEST(jobs_come_back_done_one_after_the_other)
{
    struct worker *worker;
    assert_int_equal(worker_start(&worker, run_job, NULL), STATUS_OK);
    assert_true(worker_is_idle(worker));
    assert_null(worker_take(worker));
    for (unsigned i = 0; i < 100; i++) {
        struct job job = {.number = i};
        worker_submit(worker, &job);
        assert_false(worker_is_idle(worker));
        await(worker);
        assert_false(worker_is_idle(worker));
        assert_ptr_equal(worker_take(worker), &job);
        assert_int_equal(job.result, 2 * i);
        assert_true(worker_is_idle(worker));
        assert_null(worker_take(worker));
    }
    worker_stop(worker);
}

TEST(stopping_waits_for_the_job_that_was_submitted)
{
    struct worker *worker;
    struct job job = {.number = 21};
    assert_int_equal(worker_start(&worker, run_job, NULL), STATUS_OK);
    worker_submit(worker, &job);
    worker_stop(worker);
    assert_int_equal(job.result, 42);
    worker_stop(NULL);
}

static void tell_priority(void *context)
{
    struct job *job = context;
    job->result = (unsigned)getpriority(PRIO_PROCESS, 0);
}

TEST(a_patient_one_gives_way_and_the_others_do_not)
{
    struct worker *worker;
    int before = getpriority(PRIO_PROCESS, 0);
    struct job job = {0};
    assert_int_equal(worker_start_patient(&worker, tell_priority, NULL), STATUS_OK);
    worker_submit(worker, &job);
    worker_stop(worker);
    assert_int_equal(job.result, before + 10 < 19 ? before + 10 : 19);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
    assert_int_equal(worker_start(&worker, tell_priority, NULL), STATUS_OK);
    worker_submit(worker, &job);
    worker_stop(worker);
    assert_int_equal(job.result, before);
}
