// load - writes as fast as it can, and keeps a ledger of what was promised.
//
//     load LEDGER SEED ROUND MIX VALUE_MAX MILLISECONDS [patient]
//
// To the routers in DKV_CLUSTER. Ends after the time, or at SIGTERM: at once, with what is
// under way never known; if it is patient, when every write has its outcome. It then
// outlives routers and stores, and repeats writes under their request ids.
// SEED is that of the database's values, SEED and ROUND together that of the plan: which
// keys, deletes and sizes. Prints how many writes had which outcome. Exits 1 after an
// outcome that a write cannot have.
#include "base/hash.h"
#include "base/random.h"
#include "client/net/client.h"
#include "os/clock.h"
#include "torture/ledger.h"
#include "torture/value.h"
#include "wire/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    IN_FLIGHT_MAX = 512,
    TURN_MS = 10,
    PATIENCE_MS = 60 * 1000,
    REFUSED_PAUSE_MS = 20,
    PAUSE_MS_MAX = 20,
    SMALL_MAX = 200,
    MEDIUM_MAX = 4000,
    LARGE_MIN = 4096,
    LARGE_KEYS = 64, // only these have large values: what is live fits a small disk
    HOT_KEYS = 24,
};

static const struct mix {
    const char *name;
    unsigned deletes, medium, large, hot; // percent: of writes; of puts; of puts; of writes
    unsigned bursts;                      // writes between two pauses, about; 0 = no pauses
} mixes[] = {
    {"small", 0, 0, 0, 0, 0},      {"overwrite", 5, 20, 2, 90, 0}, {"delete", 50, 20, 2, 20, 0},
    {"large", 5, 10, 60, 10, 0},   {"mixed", 10, 30, 10, 30, 0},   {"bursts", 10, 30, 5, 20, 600},
    {"single", 10, 30, 5, 100, 1}, {NULL, 0, 0, 0, 0, 0},
};

struct load;

struct flight { // the write of a key that is under way
    struct load *load;
    uint32_t key, version; // version 0: none is
};

struct load {
    struct client *client;
    struct ledger ledger;
    struct random random;
    const struct mix *mix;
    uint64_t seed, patience_ms, resume_ms;
    uint32_t value_max;
    struct buf value;
    unsigned written_count, unknown_count, refused_count;
    bool is_surprised;
    struct flight flights[LEDGER_KEYS];
};

static volatile sig_atomic_t is_stopped;

static void on_term(int signal)
{
    (void)signal;
    is_stopped = 1;
}

static void on_put(void *context, const struct op_put_done *done)
{
    struct flight *flight = context;
    struct load *load = flight->load;
    int code = status_exit_code((enum status)done->status);
    char outcome = 'n';
    bool is_delete = load->ledger.keys[flight->key].writes[flight->version - 1].is_delete;
    if (!done->status || (is_delete && done->status == STATUS_NOT_FOUND)) {
        outcome = 'a';
        load->written_count++;
    } else if (done->status == STATUS_INDETERMINATE) {
        outcome = 'u';
        load->unknown_count++;
    } else {
        load->refused_count++;
        load->resume_ms = clock_mono_ms() + REFUSED_PAUSE_MS;
    }
    if (outcome == 'n' && code != 5 && code != 7 && code != 10) {
        fprintf(stderr, "key %u version %u: a write ended with %d %s: %.*s\n", flight->key,
                flight->version, code, status_text((enum status)done->status), (int)done->text.size,
                (const char *)done->text.data);
        load->is_surprised = true;
        outcome = 'u';
    }
    ledger_end(&load->ledger, flight->key, flight->version, outcome, code);
    flight->version = 0;
}

// Between min and max, each order of magnitude as often as another.
static uint32_t pick_size(struct random *random, uint32_t min, uint32_t max)
{
    unsigned doublings = 0;
    while (min << (doublings + 1) <= max)
        doublings++;
    uint32_t size = min << random_below(random, doublings + 1);
    size += (uint32_t)random_below(random, size);
    return size < max ? size : max;
}

static uint32_t size_of_next(struct load *load, uint32_t key)
{
    uint64_t percent = random_below(&load->random, 100);
    if (percent < load->mix->large && key < LARGE_KEYS)
        return pick_size(&load->random, LARGE_MIN, load->value_max);
    if (percent < load->mix->large + load->mix->medium)
        return pick_size(&load->random, SMALL_MAX, MEDIUM_MAX);
    return pick_size(&load->random, VALUE_SIZE_MIN, SMALL_MAX);
}

static void send(struct load *load, struct flight *flight)
{
    bool is_delete = random_below(&load->random, 100) < load->mix->deletes;
    uint32_t size = is_delete ? 0 : size_of_next(load, flight->key);
    char text[LEDGER_KEY_TEXT_SIZE];
    flight->load = load;
    flight->version = ledger_send(&load->ledger, flight->key, is_delete, size);
    buf_clear(&load->value);
    if (!is_delete)
        value_make(load->seed, flight->key, flight->version, size, &load->value);
    struct op_put op = {.request = client_new_request_id(load->client),
                        .flags = is_delete ? PUT_DELETE : 0,
                        .keyspace = bytes_of_text("default"),
                        .key = bytes_of_text(ledger_key_text(flight->key, text)),
                        .value = buf_bytes(&load->value)};
    client_put(load->client, &op, clock_mono_ms() + load->patience_ms, on_put, flight);
}

static bool has_room(const struct load *load)
{
    return client_in_flight(load->client) < IN_FLIGHT_MAX && client_has_room(load->client) &&
           clock_mono_ms() >= load->resume_ms;
}

// Sends what there is room for; of each key one write at a time.
static void send_more(struct load *load)
{
    const struct mix *mix = load->mix;
    while (has_room(load)) {
        bool is_hot = random_below(&load->random, 100) < mix->hot;
        uint32_t key = (uint32_t)random_below(&load->random, is_hot ? HOT_KEYS : LEDGER_KEYS);
        if (load->flights[key].version)
            return;
        load->flights[key].key = key;
        send(load, &load->flights[key]);
        if (mix->bursts && !random_below(&load->random, mix->bursts))
            load->resume_ms = clock_mono_ms() + random_below(&load->random, PAUSE_MS_MAX);
    }
}

static void run(struct load *load, uint64_t until_ms, bool is_patient)
{
    while (!is_stopped && clock_mono_ms() < until_ms) {
        send_more(load);
        client_run(load->client, -1, TURN_MS);
    }
    if (is_patient || !is_stopped)
        client_drain(load->client);
    load->unknown_count += client_in_flight(load->client);
}

int main(int argc, char **argv)
{
    static struct load load;
    const struct client_options options = {.endpoints = getenv("DKV_CLUSTER")};
    struct fault fault;
    bool is_patient = argc == 8 && strcmp(argv[7], "patient") == 0;
    if ((argc != 7 && !is_patient) || !options.endpoints) {
        fputs("usage: load LEDGER SEED ROUND MIX VALUE_MAX MILLISECONDS [patient]\n", stderr);
        return 2;
    }
    load.seed = strtoull(argv[2], NULL, 10);
    random_init(&load.random, hash_mix(load.seed, strtoull(argv[3], NULL, 10)));
    for (load.mix = mixes; load.mix->name && strcmp(load.mix->name, argv[4]) != 0;)
        load.mix++;
    load.value_max = (uint32_t)strtoul(argv[5], NULL, 10);
    load.patience_ms = PATIENCE_MS;
    signal(SIGTERM, on_term);
    if (!load.mix->name || load.value_max < LARGE_MIN ||
        ledger_open(&load.ledger, argv[1], &fault) || client_open(&load.client, &options, &fault)) {
        fprintf(stderr, "load: %s\n", load.mix->name ? fault.text : "unknown mix");
        return 2;
    }
    run(&load, clock_mono_ms() + strtoull(argv[6], NULL, 10), is_patient);
    printf("%u written, %u in doubt, %u refused\n", load.written_count, load.unknown_count,
           load.refused_count);
    client_close(load.client);
    ledger_close(&load.ledger);
    buf_release(&load.value);
    return load.is_surprised;
}
