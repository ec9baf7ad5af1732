#include "bench/engine/ours.h"
#include "bench/engine/run.h"

#include "bench/engine/meter.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// Memory so large that nothing is flushed: all that is written is in the log alone.
static struct peer_options options_of(const struct run *run)
{
    return (struct peer_options){.dir = run->dir,
                                 .durability = PEER_WRITTEN,
                                 .cache_size = run->session->cache_size,
                                 .write_buffer_size = (size_t)2 << 30,
                                 .value_size = run->session->value_size};
}

// Fills the log, says so, and waits to be killed.
static _Noreturn void fill_log(const struct run *run, const struct phase *phase, int ready)
{
    static struct ours ours;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct peer_options options = options_of(run);
    ours_open(&ours, &options);
    for (uint64_t step = 0; step < phase->count; step++) {
        struct key key;
        key_format(&key, &run->workload, 2 * workload_index(&run->workload, phase, step));
        lsm_batch_clear(&ours.batch);
        lsm_batch_put(&ours.batch, key_bytes(&key),
                      workload_value(&run->workload, phase->first_operation + step));
        ours_write(&ours);
    }
    while (lsm_durable(ours.lsm) < lsm_written(ours.lsm)) {
        ours_turn(&ours);
        usleep(1000);
    }
    struct lsm_stats stats;
    lsm_stats(ours.lsm, &stats);
    if (stats.flush_count || write(ready, &stats.log_bytes, sizeof stats.log_bytes) < 0)
        die("ours: the log was flushed before the restart");
    for (;;)
        pause();
}

static uint64_t fill_and_kill(const struct run *run, const struct phase *phase)
{
    int pipes[2];
    uint64_t log_bytes;
    if (pipe(pipes))
        die("no pipe");
    pid_t child = fork();
    if (child < 0)
        die("cannot fork");
    if (!child)
        fill_log(run, phase, pipes[1]);
    close(pipes[1]);
    if (read(pipes[0], &log_bytes, sizeof log_bytes) != sizeof log_bytes)
        die("ours: the log was not filled");
    close(pipes[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return log_bytes;
}

void run_restart(struct run *run)
{
    struct sample sample = sample_of(BENCH_RESTART, run->workload.value_size);
    struct phase phase = workload_start(&run->workload, ORDER_SHUFFLED);
    struct peer_options options = options_of(run);
    struct key key;
    struct bytes value;
    phase.count = run->workload.key_count;
    uint64_t log_bytes = fill_and_kill(run, &phase);
    meter_reset_peak();
    struct meter begin = meter_read();
    run->db = peer_ours.open(&options);
    key_format(&key, &run->workload, 0);
    peer_ours.get(run->db, key_bytes(&key), &value);
    struct meter end = meter_read();
    workload_finish(&run->workload, &phase);
    run_verify(run);
    sample.figures[FIGURE_MAIN] = meter_seconds(begin.time_ns, end.time_ns);
    sample.figures[FIGURE_CPU_US] = (double)(end.cpu_us - begin.cpu_us) / (double)phase.count;
    sample.figures[FIGURE_LOG_MIB] = (double)log_bytes / (1 << 20);
    sample.figures[FIGURE_RSS_MIB] = meter_peak_mib();
    run_send(run, &sample);
    peer_ours.close(run->db);
}
