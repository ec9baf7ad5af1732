// check - reads every key and holds it against the ledger.
//
//     check LEDGER SEED
//
// Nothing that was acknowledged may be missing or older, no byte may be another, nothing
// may be there that was never sent, was reported as not written, or had lost to a later
// write. What is found of writes in doubt goes into the ledger: the next check must find it
// as well. Prints the keys that have a value; about each one that is wrong, its last writes
// on standard error, and exits 1.
#include "base/xalloc.h"
#include "client/net/client.h"
#include "os/clock.h"
#include "torture/ledger.h"
#include "torture/value.h"
#include "wire/client.h"

#include <stdio.h>
#include <stdlib.h>

enum { IN_FLIGHT_MAX = 64, PATIENCE_MS = 60 * 1000, WRITES_SHOWN = 10 };

struct check {
    struct ledger ledger;
    uint64_t seed;
    struct record record;
    struct buf value; // what it should be
    unsigned wrong_count;
};

struct get { // of one key
    struct check *check;
    uint32_t key;
};

static const char *outcome_text(char outcome)
{
    switch (outcome) {
    case 'a':
        return "acknowledged";
    case 'n':
        return "reported as not written";
    case 'u':
        return "reported as not known";
    default:
        return "under way when the load ended";
    }
}

static void complain(struct check *check, uint32_t number, const char *what)
{
    const struct ledger_key *key = &check->ledger.keys[number];
    char text[LEDGER_KEY_TEXT_SIZE];
    check->wrong_count++;
    fprintf(stderr, "key %u (%s): %s; expected version %u", number, ledger_key_text(number, text),
            what, key->settled);
    if (key->in_doubt)
        fprintf(stderr, ", or one from %u on that was not refused", key->in_doubt);
    fputs("\n", stderr);
    uint32_t first = key->settled < WRITES_SHOWN / 2 ? 1 : key->settled - WRITES_SHOWN / 2 + 1;
    for (uint32_t at = first; at <= key->count && at < first + WRITES_SHOWN; at++) {
        const struct ledger_write *write = &key->writes[at - 1];
        fprintf(stderr, "    version %u: %s of %u bytes, %s\n", at,
                write->is_delete ? "delete" : "put", write->size, outcome_text(write->outcome));
    }
}

static void settle(struct check *check, uint32_t number, uint32_t version)
{
    if (check->ledger.keys[number].in_doubt)
        ledger_found(&check->ledger, number, version);
}

static void verify_absent(struct check *check, uint32_t number)
{
    const struct ledger_key *key = &check->ledger.keys[number];
    uint32_t version = key->settled;
    if (!ledger_is_absent(key, version))
        version = key->in_doubt ? key->in_doubt : key->count + 1;
    while (version <= key->count &&
           (!ledger_allows(key, version) || !ledger_is_absent(key, version)))
        version++;
    if (version > key->count)
        complain(check, number, "found nothing");
    else
        settle(check, number, version);
}

static void verify_value(struct check *check, uint32_t number, struct bytes value)
{
    const struct ledger_key *key = &check->ledger.keys[number];
    uint32_t version = value_version(check->seed, number, value);
    char what[128];
    if (!version || version > key->count || key->writes[version - 1].is_delete) {
        snprintf(what, sizeof what, "found %zu bytes that were never sent", value.size);
        complain(check, number, what);
        return;
    }
    buf_clear(&check->value);
    value_make(check->seed, number, version, key->writes[version - 1].size, &check->value);
    size_t at = 0;
    while (at < value.size && at < check->value.size && value.data[at] == check->value.data[at])
        at++;
    if (at < value.size || at < check->value.size) {
        snprintf(what, sizeof what, "found version %u with %zu bytes, wrong from %zu on", version,
                 value.size, at);
        complain(check, number, what);
    } else if (!ledger_allows(key, version)) {
        snprintf(what, sizeof what, "found version %u", version);
        complain(check, number, what);
    } else {
        char text[LEDGER_KEY_TEXT_SIZE];
        settle(check, number, version);
        puts(ledger_key_text(number, text));
    }
}

static void on_got(void *context, const struct op_got *got)
{
    struct get *get = context;
    struct check *check = get->check;
    char text[LEDGER_KEY_TEXT_SIZE], what[128];
    const struct sibling *visible = NULL;
    struct bytes key = bytes_of_text(ledger_key_text(get->key, text));
    enum status status = (enum status)got->status;
    uint32_t count = 0;
    if (!status)
        status = record_decode(&check->record, key, got->record);
    if (!status)
        count = record_visible(&check->record, clock_wall_ms(), &visible, 1);
    snprintf(what, sizeof what, "found %u siblings", count);
    if (status && status != STATUS_NOT_FOUND)
        complain(check, get->key, status_text(status));
    else if (count > 1)
        complain(check, get->key, what);
    else if (count)
        verify_value(check, get->key, visible->value);
    else
        verify_absent(check, get->key);
}

static void run(struct check *check, struct client *client)
{
    struct get *gets = xcalloc(LEDGER_KEYS, sizeof *gets);
    for (uint32_t key = 0; key < LEDGER_KEYS; key++) {
        char text[LEDGER_KEY_TEXT_SIZE];
        gets[key] = (struct get){check, key};
        struct op_get op = {.keyspace = bytes_of_text("default"),
                            .key = bytes_of_text(ledger_key_text(key, text))};
        client_get(client, &op, clock_mono_ms() + PATIENCE_MS, on_got, &gets[key]);
        while (client_in_flight(client) >= IN_FLIGHT_MAX)
            client_run(client, -1, -1);
    }
    client_drain(client);
    free(gets);
}

int main(int argc, char **argv)
{
    static struct check check;
    const struct client_options options = {.endpoints = getenv("DKV_CLUSTER")};
    struct client *client;
    struct fault fault;
    if (argc != 3 || !options.endpoints) {
        fputs("usage: check LEDGER SEED\n", stderr);
        return 2;
    }
    check.seed = strtoull(argv[2], NULL, 10);
    if (ledger_open(&check.ledger, argv[1], &fault) || client_open(&client, &options, &fault)) {
        fprintf(stderr, "check: %s\n", fault.text);
        return 2;
    }
    run(&check, client);
    client_close(client);
    ledger_close(&check.ledger);
    record_release(&check.record);
    buf_release(&check.value);
    return check.wrong_count > 0;
}
