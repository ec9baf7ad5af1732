#include "bench/engine/run.h"

#include "base/xalloc.h"
#include "bench/engine/meter.h"
#include "dkv/histogram.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { SLEEP_NS = 50000 };

// A writer that puts a fixed number of keys a second. If the engine has no owner it has a
// thread of its own; otherwise the reader puts what is due between two reads, and its
// reads are late by that: the time of a read begins where the one before ended.
struct paced_writer {
    const struct run *run;
    struct phase phase; // its count grows
    uint64_t begin_ns;
    atomic_bool is_stopping;
    pthread_t thread;
};

static void put_due(struct paced_writer *writer, uint64_t now_ns)
{
    const struct run *run = writer->run;
    struct phase *phase = &writer->phase;
    uint64_t due = (now_ns - writer->begin_ns) / 1000 * run->session->writes_per_s / 1000000;
    for (; phase->count < due; phase->count++) {
        struct key key;
        uint64_t index = workload_index(&run->workload, phase, phase->count);
        key_format(&key, &run->workload, 2 * index);
        run->peer->put(run->db, key_bytes(&key),
                       workload_value(&run->workload, phase->first_operation + phase->count));
    }
}

// After a stall it catches up, but not beyond the end.
static void *write_paced(void *context)
{
    struct paced_writer *writer = context;
    while (!atomic_load_explicit(&writer->is_stopping, memory_order_relaxed)) {
        put_due(writer, meter_now_ns());
        nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
    }
    return NULL;
}

static uint64_t read_until(struct paced_writer *writer, uint64_t limit_ns,
                           struct histogram *latencies_ns)
{
    const struct run *run = writer->run;
    struct phase reads = workload_start(&run->workload, ORDER_DRAWN);
    reads.seed = ~reads.seed; // not the keys that are written
    uint64_t count = 0, sum = 0;
    for (uint64_t last = writer->begin_ns, now = last; now < limit_ns; last = now, count++) {
        struct key key;
        struct bytes value;
        if (run->peer->turn)
            put_due(writer, now);
        uint64_t index = workload_index(&run->workload, &reads, count);
        key_format(&key, &run->workload, 2 * index);
        if (!run->peer->get(run->db, key_bytes(&key), &value))
            die("%s: key %llu is not there", run->peer->name, (unsigned long long)index);
        peer_add_to_sum(&sum, key_bytes(&key), value);
        now = meter_now_ns();
        histogram_add(latencies_ns, now - last);
    }
    return count;
}

static void send_samples(const struct run *run, const struct sample *sample)
{
    struct sample p99 = sample_of(BENCH_READWHILEWRITING_P99, run->workload.value_size);
    p99.figures[FIGURE_MAIN] = sample->figures[FIGURE_P99_US];
    run_send(run, sample);
    run_send(run, &p99);
}

void run_read_while_writing(struct run *run)
{
    struct sample sample = sample_of(BENCH_READWHILEWRITING, run->workload.value_size);
    struct histogram *latencies_ns = xcalloc(1, sizeof *latencies_ns);
    struct paced_writer writer = {.run = run, .phase = workload_start(&run->workload, ORDER_DRAWN)};
    bool has_thread = !run->peer->turn;
    meter_reset_peak();
    struct meter begin = meter_read();
    writer.begin_ns = begin.time_ns;
    if (has_thread && pthread_create(&writer.thread, NULL, write_paced, &writer))
        die("no thread for the writer");
    uint64_t limit_ns = begin.time_ns + (uint64_t)run->session->duration_ms * 1000000;
    double count = (double)read_until(&writer, limit_ns, latencies_ns);
    struct meter end = meter_read();
    atomic_store(&writer.is_stopping, true);
    if (has_thread)
        pthread_join(writer.thread, NULL);
    workload_finish(&run->workload, &writer.phase);
    double seconds = meter_seconds(begin.time_ns, end.time_ns);
    sample.figures[FIGURE_MAIN] = count / seconds;
    sample.figures[FIGURE_CPU_US] = (double)(end.cpu_us - begin.cpu_us) / count;
    sample.figures[FIGURE_P99_US] = (double)histogram_quantile(latencies_ns, 0.99) / 1000;
    sample.figures[FIGURE_WORST_MS] = (double)latencies_ns->max_us / 1e6; // counts nanoseconds
    sample.figures[FIGURE_WRITES_PER_S] = (double)writer.phase.count / seconds;
    sample.figures[FIGURE_RSS_MIB] = meter_peak_mib();
    send_samples(run, &sample);
    free(latencies_ns);
    run_verify(run);
}
