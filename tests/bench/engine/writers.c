#include "bench/engine/run.h"

#include "base/xalloc.h"
#include "bench/engine/meter.h"
#include "dkv/histogram.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STEPS_A_CLAIM = 64 };

// What the writers share. A step is put by who claimed it; so after the end all steps
// below `next_step` were put.
struct writers {
    struct run *run;
    struct phase phase;
    uint64_t limit_ns;
    atomic_uint_fast64_t next_step;
};

struct writer {
    struct writers *writers;
    pthread_t thread;
    struct histogram latencies;
};

static uint64_t put_step(struct writers *writers, struct histogram *latencies, uint64_t step,
                         uint64_t begin_ns)
{
    const struct run *run = writers->run;
    const struct phase *phase = &writers->phase;
    struct key key;
    key_format(&key, &run->workload, 2 * workload_index(&run->workload, phase, step));
    run->peer->put(run->db, key_bytes(&key),
                   workload_value(&run->workload, phase->first_operation + step));
    uint64_t now = meter_now_ns();
    histogram_add(latencies, (now - begin_ns) / 1000);
    return now;
}

static void *write_until_limit(void *context)
{
    struct writer *writer = context;
    struct writers *writers = writer->writers;
    uint64_t now = meter_now_ns();
    while (now < writers->limit_ns) {
        uint64_t step = atomic_fetch_add(&writers->next_step, 1);
        now = put_step(writers, &writer->latencies, step, now);
    }
    return NULL;
}

// One writer is this thread. It looks at the clock when a round number of puts is done, so
// that none is outstanding where puts do not wait.
static void write_alone(struct writer *writer)
{
    struct writers *writers = writer->writers;
    uint64_t now = meter_now_ns();
    while (now < writers->limit_ns) {
        uint64_t step = atomic_fetch_add(&writers->next_step, STEPS_A_CLAIM);
        for (uint64_t end = step + STEPS_A_CLAIM; step < end; step++)
            now = put_step(writers, &writer->latencies, step, now);
    }
}

static void write_together(struct writer *writer, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&writer[i].thread, NULL, write_until_limit, &writer[i]))
            die("no thread for a writer");
    for (unsigned i = 0; i < count; i++)
        pthread_join(writer[i].thread, NULL);
}

void run_sync_writers(struct run *run, enum bench bench, unsigned thread_count)
{
    struct sample sample = sample_of(bench, run->workload.value_size);
    struct writers writers = {.run = run, .phase = workload_start(&run->workload, ORDER_SHUFFLED)};
    struct writer *writer = xcalloc(thread_count, sizeof *writer);
    for (unsigned i = 0; i < thread_count; i++)
        writer[i].writers = &writers;
    meter_reset_peak();
    struct meter begin = meter_read();
    writers.limit_ns = begin.time_ns + (uint64_t)run->session->duration_ms * 1000000;
    if (thread_count == 1)
        write_alone(writer);
    else
        write_together(writer, thread_count);
    struct meter end = meter_read();
    for (unsigned i = 1; i < thread_count; i++)
        histogram_join(&writer[0].latencies, &writer[i].latencies);
    writers.phase.count = atomic_load(&writers.next_step);
    workload_finish(&run->workload, &writers.phase);
    double count = (double)writers.phase.count;
    sample.figures[FIGURE_MAIN] = count / meter_seconds(begin.time_ns, end.time_ns);
    sample.figures[FIGURE_CPU_US] = (double)(end.cpu_us - begin.cpu_us) / count;
    sample.figures[FIGURE_WORST_MS] = (double)writer[0].latencies.max_us / 1000;
    if (bench != BENCH_FILLSYNC_64_ASYNC)
        sample.figures[FIGURE_P99_US] = (double)histogram_quantile(&writer[0].latencies, 0.99);
    sample.figures[FIGURE_RSS_MIB] = meter_peak_mib();
    run_send(run, &sample);
    run_verify(run);
    free(writer);
}
