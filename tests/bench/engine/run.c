#include "bench/engine/run.h"

#include "base/xalloc.h"
#include "bench/engine/meter.h"
#include "dkv/histogram.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    VERIFIED_KEYS = 10000,
    QUIET_MS = 250, // so long nothing happens, some times, when background work has ended
    QUIET_COUNT = 2,
    QUIET_COUNT_OURS = 6, // merges that save space begin when nothing was written for a second
    SETTLE_MAX_S = 60,
    WARMING_STRIDE = 16, // smaller than the number of pairs in a block
    CLOCK_STRIDE = 64,   // reads between two looks at the clock
    MULTIGET_COUNT = 64,
    WRITERS = 64,
    REMOVED_FRACTION = 4,
};

void run_send(const struct run *run, const struct sample *sample)
{
    bool is_wanted = run->session->benches & BENCH_BIT(sample->bench);
    if (is_wanted && write(run->samples, sample, sizeof *sample) != sizeof *sample)
        die("cannot send a sample");
}

void run_verify(const struct run *run)
{
    const struct workload *workload = &run->workload;
    if (!run->peer->get)
        return;
    size_t count = workload->key_count < VERIFIED_KEYS ? workload->key_count : VERIFIED_KEYS;
    struct expectation *expected = workload_expect(workload, count);
    for (size_t i = 0; i < count; i++) {
        struct key key;
        struct bytes value;
        key_format(&key, workload, 2 * expected[i].index);
        bool is_there = run->peer->get(run->db, key_bytes(&key), &value);
        if (is_there != expected[i].is_there)
            die("%s: key %llu %s", run->peer->name, (unsigned long long)expected[i].index,
                is_there ? "was removed, and is there" : "is not there");
        if (is_there && !bytes_equal(value, workload_value(workload, expected[i].operation)))
            die("%s: key %llu has a wrong value", run->peer->name,
                (unsigned long long)expected[i].index);
    }
    free(expected);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

// Whether next to nothing happens for a while.
static bool is_quiet(const struct run *run)
{
    struct meter before = meter_read();
    for (int i = 0; i < QUIET_MS; i++) {
        if (run->peer->turn)
            run->peer->turn(run->db);
        sleep_ms(1);
    }
    struct meter after = meter_read();
    return after.cpu_us - before.cpu_us < 1000 * QUIET_MS / 20 &&
           after.written_bytes - before.written_bytes < 1 << 16;
}

// Waits until background work has ended; returns for how many seconds there was some.
static double settle(const struct run *run)
{
    uint64_t begin = meter_now_ns(), now = begin;
    int wanted = run->peer->turn ? QUIET_COUNT_OURS : QUIET_COUNT;
    for (int quiet = 0; quiet < wanted && meter_seconds(begin, now) < SETTLE_MAX_S;) {
        quiet = is_quiet(run) ? quiet + 1 : 0;
        if (!quiet)
            now = meter_now_ns();
    }
    return meter_seconds(begin, now);
}

// ---- Writing ---------------------------------------------------------------------------

static void write_phase(const struct run *run, const struct phase *phase,
                        struct histogram *latencies)
{
    const struct peer *peer = run->peer;
    uint64_t last = meter_now_ns();
    for (uint64_t step = 0; step < phase->count; step++) {
        struct key key;
        key_format(&key, &run->workload, 2 * workload_index(&run->workload, phase, step));
        if (phase->is_remove)
            peer->remove(run->db, key_bytes(&key));
        else
            peer->put(run->db, key_bytes(&key),
                      workload_value(&run->workload, phase->first_operation + step));
        if (step % LATENCY_STRIDE == LATENCY_STRIDE - 1) {
            uint64_t now = meter_now_ns();
            histogram_add(latencies, (now - last) / 1000);
            last = now;
        }
    }
}

static uint64_t live_bytes(const struct run *run)
{
    return run->workload.key_count * (WORKLOAD_KEY_SIZE + run->workload.value_size);
}

// Writes, lets the engine settle, and says what both cost.
static void fill(struct run *run, enum bench bench, struct phase phase)
{
    struct histogram *latencies = xcalloc(1, sizeof *latencies);
    struct sample sample = sample_of(bench, run->workload.value_size);
    double *figures = sample.figures;
    meter_reset_peak();
    struct meter begin = meter_read();
    write_phase(run, &phase, latencies);
    struct meter end = meter_read();
    workload_finish(&run->workload, &phase);
    figures[FIGURE_SETTLE_S] = settle(run);
    figures[FIGURE_RSS_MIB] = meter_peak_mib();
    double seconds = meter_seconds(begin.time_ns, end.time_ns), count = (double)phase.count;
    figures[FIGURE_MAIN] = count / seconds;
    figures[FIGURE_CPU_US] = (double)(end.cpu_us - begin.cpu_us) / count;
    figures[FIGURE_WORST_MS] = (double)latencies->max_us / 1000;
    if (!phase.is_remove) {
        double written = (double)(meter_read().written_bytes - begin.written_bytes);
        size_t pair_size = WORKLOAD_KEY_SIZE + run->workload.value_size;
        figures[FIGURE_WRITTEN_RATIO] = written / count / (double)pair_size;
        figures[FIGURE_SPACE_RATIO] = (double)meter_dir_size(run->dir) / (double)live_bytes(run);
    }
    run_send(run, &sample);
    free(latencies);
    run_verify(run);
}

static struct phase full_phase(const struct run *run, enum order order)
{
    struct phase phase = workload_start(&run->workload, order);
    phase.count = run->workload.key_count;
    return phase;
}

static void remove_some(struct run *run)
{
    struct phase phase = full_phase(run, ORDER_SHUFFLED);
    phase.count /= REMOVED_FRACTION;
    phase.is_remove = true;
    fill(run, BENCH_DELETERANDOM, phase);
    uint64_t sum = 0, left = run->peer->scan(run->db, &sum);
    if (left != run->workload.key_count - phase.count)
        die("%s: %llu keys are left after removing some", run->peer->name,
            (unsigned long long)left);
}

// ---- Reading ---------------------------------------------------------------------------

// Every block is asked for twice, so that a cache which wants proof has it. Reads, too, may
// set off background work.
static void warm(const struct run *run)
{
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < run->workload.key_count; i += WARMING_STRIDE) {
            struct key key;
            struct bytes value;
            key_format(&key, &run->workload, 2 * i);
            if (!run->peer->get(run->db, key_bytes(&key), &value))
                die("%s: key %llu is not there", run->peer->name, (unsigned long long)i);
        }
    }
    settle(run);
}

// Reads keys drawn at random; `offset` is 0 for those that are there, 1 for others.
static uint64_t read_some(const struct run *run, const struct phase *phase, uint64_t step,
                          unsigned offset, uint64_t *sum)
{
    uint64_t found = 0;
    for (uint64_t end = step + CLOCK_STRIDE; step < end; step++) {
        struct key key;
        struct bytes value;
        uint64_t index = workload_index(&run->workload, phase, step);
        key_format(&key, &run->workload, 2 * index + offset);
        if (!run->peer->get(run->db, key_bytes(&key), &value))
            continue;
        peer_add_to_sum(sum, key_bytes(&key), value);
        found++;
    }
    return found;
}

static uint64_t multi_get(const struct run *run, const struct phase *phase, uint64_t step,
                          uint64_t *sum)
{
    struct key keys[MULTIGET_COUNT];
    struct bytes wanted[MULTIGET_COUNT];
    for (size_t i = 0; i < MULTIGET_COUNT; i++) {
        uint64_t index = workload_index(&run->workload, phase, step + i);
        key_format(&keys[i], &run->workload, 2 * index);
        wanted[i] = key_bytes(&keys[i]);
    }
    return run->peer->multi_get(run->db, wanted, MULTIGET_COUNT, sum);
}

static void read_random(const struct run *run, enum bench bench)
{
    struct sample sample = sample_of(bench, run->workload.value_size);
    struct phase phase = workload_start(&run->workload, ORDER_DRAWN);
    uint64_t found = 0, count = 0, sum = 0;
    meter_reset_peak();
    struct meter begin = meter_read();
    uint64_t limit = begin.time_ns + (uint64_t)run->session->duration_ms * 1000000;
    for (; meter_now_ns() < limit; count += CLOCK_STRIDE)
        found += bench == BENCH_MULTIGET
                     ? multi_get(run, &phase, count, &sum)
                     : read_some(run, &phase, count, bench == BENCH_READMISSING, &sum);
    struct meter end = meter_read();
    if (found != (bench == BENCH_READMISSING ? 0 : count))
        die("%s: %s found %llu of %llu keys", run->peer->name, bench_name(bench),
            (unsigned long long)found, (unsigned long long)count);
    sample.figures[FIGURE_MAIN] = (double)count / meter_seconds(begin.time_ns, end.time_ns);
    sample.figures[FIGURE_CPU_US] = (double)(end.cpu_us - begin.cpu_us) / (double)count;
    sample.figures[FIGURE_RSS_MIB] = meter_peak_mib();
    run_send(run, &sample);
}

static void scan(const struct run *run)
{
    struct sample sample = sample_of(BENCH_SCAN, run->workload.value_size);
    uint64_t sum = 0;
    meter_reset_peak();
    struct meter begin = meter_read();
    uint64_t count = run->peer->scan(run->db, &sum);
    struct meter end = meter_read();
    if (count != run->workload.key_count || sum < live_bytes(run))
        die("%s: scan found %llu of %llu pairs", run->peer->name, (unsigned long long)count,
            (unsigned long long)run->workload.key_count);
    sample.figures[FIGURE_MAIN] = (double)count / meter_seconds(begin.time_ns, end.time_ns);
    sample.figures[FIGURE_CPU_US] = (double)(end.cpu_us - begin.cpu_us) / (double)count;
    sample.figures[FIGURE_RSS_MIB] = meter_peak_mib();
    run_send(run, &sample);
}

// ---- The session -----------------------------------------------------------------------

static void read_all(struct run *run)
{
    unsigned wanted = run->session->benches;
    if (wanted & (BENCH_BIT(BENCH_READRANDOM) | BENCH_BIT(BENCH_MULTIGET)))
        warm(run);
    if (wanted & BENCH_BIT(BENCH_READRANDOM))
        read_random(run, BENCH_READRANDOM);
    if (wanted & BENCH_BIT(BENCH_MULTIGET) && run->peer->multi_get && run->session->ours->multi_get)
        read_random(run, BENCH_MULTIGET);
    if (wanted & BENCH_BIT(BENCH_READMISSING))
        read_random(run, BENCH_READMISSING);
    if (wanted & BENCH_BIT(BENCH_SCAN))
        scan(run);
    if (wanted & (BENCH_BIT(BENCH_READWHILEWRITING) | BENCH_BIT(BENCH_READWHILEWRITING_P99)))
        run_read_while_writing(run);
}

// What reads needs a database that is filled, whether or not the filling is wanted.
static void run_random_benches(struct run *run)
{
    unsigned wanted = run->session->benches;
    fill(run, BENCH_FILLRANDOM, full_phase(run, ORDER_SHUFFLED));
    if (wanted & BENCH_BIT(BENCH_OVERWRITE))
        fill(run, BENCH_OVERWRITE, full_phase(run, ORDER_DRAWN));
    read_all(run);
    if (wanted & BENCH_BIT(BENCH_DELETERANDOM))
        remove_some(run);
}

static void run_benches(struct run *run)
{
    unsigned wanted = run->session->benches;
    if (wanted & BENCH_BIT(BENCH_FILLSEQ))
        fill(run, BENCH_FILLSEQ, full_phase(run, ORDER_SEQUENTIAL));
    else if (wanted & BENCH_BIT(BENCH_FILLSYNC))
        run_sync_writers(run, BENCH_FILLSYNC, 1);
    else if (wanted & BENCH_BIT(BENCH_FILLSYNC_64))
        run_sync_writers(run, BENCH_FILLSYNC_64, WRITERS);
    else if (wanted & BENCH_BIT(BENCH_FILLSYNC_64_ASYNC))
        run_sync_writers(run, BENCH_FILLSYNC_64_ASYNC, run->peer == &peer_ours_async ? 1 : WRITERS);
    else
        run_random_benches(run);
}

void run_session(const struct session *session, const struct peer *peer, const char *dir,
                 int samples)
{
    struct run run = {.session = session, .peer = peer, .dir = dir, .samples = samples};
    struct peer_options options = {.dir = dir,
                                   .durability = session->durability,
                                   .cache_size = session->cache_size,
                                   .write_buffer_size = WRITE_BUFFER_SIZE,
                                   .value_size = session->value_size};
    workload_init(&run.workload, session->key_count, session->value_size, session->is_decimal);
    if (session->benches & BENCH_BIT(BENCH_RESTART)) {
        run_restart(&run);
    } else {
        run.db = peer->open(&options);
        run_benches(&run);
        peer->close(run.db);
    }
    workload_release(&run.workload);
}
