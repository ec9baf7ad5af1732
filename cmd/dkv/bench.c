// dkv bench: throughput and latency of the cluster as one machine's clients see it.
//
// Closed loop: each client has connections and a thread of its own and keeps `pipeline`
// operations under way; so the rate is what the cluster gives, and latencies are those at
// that rate.
#include "base/random.h"
#include "base/xalloc.h"
#include "dkv/arguments.h"
#include "dkv/connect.h"
#include "dkv/histogram.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "wire/client.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLIENTS_MAX = 256, PIPELINE_MAX = 1024, VALUE_SIZE_MAX = 1024 * 1024 };

struct bench_options {
    const char *workload;
    uint64_t clients, pipeline, value_size, keys, seconds;
};

#define BENCH_NUMBER(name_, member, argument_, value_, min_, max_, help_)                          \
    {                                                                                              \
        .name = name_, .kind = OPTION_NUMBER, .offset = offsetof(struct bench_options, member),    \
        .argument = argument_, .value = value_, .min = min_, .max = max_, .help = help_            \
    }

const struct option_spec options_bench[] = {
    {.name = "workload",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct bench_options, workload),
     .argument = "NAME",
     .value = "a",
     .help = "fill (each key once), read, or YCSB's a, b, c, f"},
    BENCH_NUMBER("clients", clients, "N", "4", 1, CLIENTS_MAX, "clients, each with a thread"),
    BENCH_NUMBER("pipeline", pipeline, "N", "1", 1, PIPELINE_MAX,
                 "operations that each has under way"),
    BENCH_NUMBER("value-size", value_size, "B", "100", 1, VALUE_SIZE_MAX, "bytes of a value"),
    BENCH_NUMBER("keys", keys, "N", "10000", 1, UINT32_MAX, "different keys, bench-0 and on"),
    BENCH_NUMBER("seconds", seconds, "S", "10", 1, 86400, "how long; fill ends with the last key"),
    {0},
};

struct workload {
    const char *name;
    uint32_t put_percent;
    bool is_fill;   // keys in order, each once
    bool is_modify; // every put is of a key that was just read
};

static const struct workload workloads[] = {
    {"fill", 100, true, false}, {"read", 0, false, false}, {"a", 50, false, false},
    {"b", 5, false, false},     {"c", 0, false, false},    {"f", 50, false, true},
};

struct bench {
    struct globals *globals;
    struct bench_options options;
    const struct workload *workload;
    uint8_t *value;
    uint64_t until_ms;
    atomic_bool is_hopeless; // every operation would fail: all clients stop
};

struct slot { // one operation under way
    struct bencher *bencher;
    uint64_t start_us;
    bool modifies;
    char key[32];
};

struct bencher { // one client
    struct bench *bench;
    struct client *client;
    struct random random;
    uint64_t next_key, key_step; // of a fill
    struct histogram reads, writes;
    uint64_t missing_count, failed_count;
    enum status failure; // the last one
    struct buf reason;   // why it is hopeless, in the router's words
    struct slot *slots;
};

static void start_next(struct slot *slot);

static void count(struct slot *slot, struct histogram *histogram, enum status status,
                  struct bytes text)
{
    struct bencher *bencher = slot->bencher;
    if (status == STATUS_NOT_FOUND)
        bencher->missing_count++;
    else if (status)
        bencher->failed_count++;
    if (!status || status == STATUS_NOT_FOUND) {
        histogram_add(histogram, clock_mono_us() - slot->start_us);
    } else if (!argument_is_hopeless(bencher->failure)) {
        bencher->failure = status;
        if (argument_is_hopeless(status)) {
            buf_set(&bencher->reason, text);
            bencher->bench->is_hopeless = true;
        }
    }
}

static void on_put(void *context, const struct op_put_done *done)
{
    struct slot *slot = context;
    count(slot, &slot->bencher->writes, done->status, done->text);
    start_next(slot);
}

static void put(struct slot *slot)
{
    const struct bench *bench = slot->bencher->bench;
    struct op_put op = {.request = client_new_request_id(slot->bencher->client),
                        .keyspace = bytes_of_text(bench->globals->keyspace),
                        .key = bytes_of_text(slot->key),
                        .value = bytes_of(bench->value, bench->options.value_size)};
    slot->start_us = clock_mono_us();
    client_put(slot->bencher->client, &op, argument_deadline_ms(bench->globals), on_put, slot);
}

static void on_got(void *context, const struct op_got *got)
{
    struct slot *slot = context;
    count(slot, &slot->bencher->reads, got->status, got->text);
    if (slot->modifies)
        put(slot);
    else
        start_next(slot);
}

static void get(struct slot *slot)
{
    const struct bench *bench = slot->bencher->bench;
    struct op_get op = {.keyspace = bytes_of_text(bench->globals->keyspace),
                        .key = bytes_of_text(slot->key)};
    slot->start_us = clock_mono_us();
    client_get(slot->bencher->client, &op, argument_deadline_ms(bench->globals), on_got, slot);
}

static void start_next(struct slot *slot)
{
    struct bencher *bencher = slot->bencher;
    const struct bench *bench = bencher->bench;
    uint64_t number = random_below(&bencher->random, bench->options.keys);
    if (bench->is_hopeless || clock_mono_ms() >= bench->until_ms)
        return;
    if (bench->workload->is_fill) {
        number = bencher->next_key;
        bencher->next_key += bencher->key_step;
        if (number >= bench->options.keys)
            return;
    }
    snprintf(slot->key, sizeof slot->key, "bench-%" PRIu64, number);
    bool writes = random_below(&bencher->random, 100) < bench->workload->put_percent;
    slot->modifies = writes && bench->workload->is_modify;
    if (writes && !slot->modifies)
        put(slot);
    else
        get(slot);
}

static void *run_bencher(void *context)
{
    struct bencher *bencher = context;
    for (uint64_t i = 0; i < bencher->bench->options.pipeline; i++) {
        bencher->slots[i].bencher = bencher;
        start_next(&bencher->slots[i]);
    }
    client_drain(bencher->client);
    return NULL;
}

static json_t *summary(const struct histogram *histogram, double seconds)
{
    double mean = histogram->count ? (double)histogram->sum_us / (double)histogram->count : 0;
    return json_pack("{s:I,s:f,s:f,s:I,s:I,s:I,s:I}", "operations", (json_int_t)histogram->count,
                     "per_second", (double)histogram->count / seconds, "mean_us", mean, "p50_us",
                     (json_int_t)histogram_quantile(histogram, 0.5), "p99_us",
                     (json_int_t)histogram_quantile(histogram, 0.99), "p999_us",
                     (json_int_t)histogram_quantile(histogram, 0.999), "max_us",
                     (json_int_t)histogram->max_us);
}

static void print_line(const char *name, const struct histogram *histogram, double seconds)
{
    if (!histogram->count)
        return;
    printf("%s\t%" PRIu64 "\t%.0f/s\t%.0f\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
           name, histogram->count, (double)histogram->count / seconds,
           (double)histogram->sum_us / (double)histogram->count, histogram_quantile(histogram, 0.5),
           histogram_quantile(histogram, 0.99), histogram_quantile(histogram, 0.999),
           histogram->max_us);
}

static int print_result(const struct bench *bench, const struct bencher *all, double seconds)
{
    int exit_status = 0;
    if (bench->globals->json) {
        json_t *json =
            json_pack("{s:i,s:s,s:f,s:o,s:o,s:I,s:I}", "v", 1, "workload", bench->workload->name,
                      "seconds", seconds, "reads", summary(&all->reads, seconds), "writes",
                      summary(&all->writes, seconds), "missing", (json_int_t)all->missing_count,
                      "failed", (json_int_t)all->failed_count);
        json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(json);
    } else {
        puts("what\tcount\trate\tmean us\tp50\tp99\tp99.9\tmax");
        print_line("read", &all->reads, seconds);
        print_line("write", &all->writes, seconds);
        if (all->missing_count)
            printf("missing\t%" PRIu64 "\n", all->missing_count);
    }
    if (all->failed_count)
        exit_status = report(bench->globals, "bench", STATUS_PARTIAL,
                             "%" PRIu64 " operations failed, the last one: %s", all->failed_count,
                             status_text(all->failure));
    return exit_status;
}

static const struct bencher *find_hopeless(const struct bencher *benchers, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (argument_is_hopeless(benchers[i].failure))
            return &benchers[i];
    return NULL;
}

static int run(struct bench *bench, struct bencher *benchers)
{
    pthread_t threads[CLIENTS_MAX];
    struct bencher *all = xcalloc(1, sizeof *all);
    uint64_t client_count = bench->options.clients, started = 0;
    uint64_t start_us = clock_mono_us();
    bench->until_ms = clock_mono_ms() + bench->options.seconds * 1000;
    while (started < client_count &&
           !pthread_create(&threads[started], NULL, run_bencher, &benchers[started]))
        started++;
    for (uint64_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    double seconds = (double)(clock_mono_us() - start_us) / 1e6;
    for (uint64_t i = 0; i < started; i++) {
        histogram_join(&all->reads, &benchers[i].reads);
        histogram_join(&all->writes, &benchers[i].writes);
        all->missing_count += benchers[i].missing_count;
        all->failed_count += benchers[i].failed_count;
        if (benchers[i].failure)
            all->failure = benchers[i].failure;
    }
    const struct bencher *hopeless = find_hopeless(benchers, started);
    int exit_status = hopeless ? argument_report(bench->globals, "bench", hopeless->failure,
                                                 buf_bytes(&hopeless->reason))
                               : print_result(bench, all, seconds);
    free(all);
    if (started < client_count)
        exit_status = report(bench->globals, "bench", STATUS_INTERNAL, "no more threads");
    return exit_status;
}

static enum status open_benchers(struct bench *bench, struct bencher *benchers, struct fault *fault)
{
    for (uint64_t i = 0; i < bench->options.clients; i++) {
        benchers[i].bench = bench;
        benchers[i].next_key = i;
        benchers[i].key_step = bench->options.clients;
        benchers[i].slots = xcalloc(bench->options.pipeline, sizeof *benchers[i].slots);
        random_init(&benchers[i].random, entropy_u64());
        enum status status = connect_bulk(&benchers[i].client, bench->globals, fault);
        if (status)
            return status;
    }
    return STATUS_OK;
}

int verb_bench(struct globals *globals, int argc, char **argv)
{
    struct bench bench = {.globals = globals};
    struct operands operands;
    struct fault fault;
    if (!options_parse(globals, options_bench, &bench.options, argc, argv, &operands))
        return operands.exit_status;
    for (unsigned i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (!strcmp(workloads[i].name, bench.options.workload))
            bench.workload = &workloads[i];
    if (operands.count || !bench.workload)
        return usage_error("bench", "'%s' is no workload; use fill, read, a, b, c or f",
                           operands.count ? operands.values[0] : bench.options.workload);
    // Random bytes: a value that the store compresses would not be measured.
    bench.value = xmalloc(bench.options.value_size);
    entropy_fill(bench.value, bench.options.value_size);
    struct bencher *benchers = xcalloc(bench.options.clients, sizeof *benchers);
    enum status status = open_benchers(&bench, benchers, &fault);
    int exit_status =
        status ? report(globals, "bench", status, "%s", fault.text) : run(&bench, benchers);
    for (uint64_t i = 0; i < bench.options.clients; i++) {
        client_close(benchers[i].client);
        buf_release(&benchers[i].reason);
        free(benchers[i].slots);
    }
    free(benchers);
    free(bench.value);
    return exit_status;
}
