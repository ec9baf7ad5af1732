// Any bytes as notes and as a snapshot of a ledger: what is taken comes back by a snapshot, and
// what is refused does no harm.
#include "dkv-store/ledger_format.h"
#include "fuzz/must.h"

enum { PARTITIONS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ledger *ledger)
{
    struct ledger again;
    struct buf snapshot = {0}, twice = {0};
    ledger_init(&again, PARTITIONS, 1000);
    ledger_format_snapshot(ledger, &snapshot);
    must(!ledger_format_restore(&again, buf_bytes(&snapshot), NULL), "a snapshot that is none");
    must(!ledger_difference(ledger, &again), "other counts");
    must(again.actor == ledger->actor, "another actor");
    must(again.requests.count == ledger->requests.count, "other requests");
    must(again.shards.count == ledger->shards.count, "other shards");
    must(again.entries == ledger->entries, "other keys");
    ledger_format_snapshot(&again, &twice);
    must(twice.size == snapshot.size, "another snapshot");
    ledger_release(&again);
    buf_release(&snapshot);
    buf_release(&twice);
}

// A snapshot, then notes: each with its size.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ledger ledger;
    struct reader reader = reader_of(bytes_of(data, size));
    ledger_init(&ledger, PARTITIONS, 1000);
    struct bytes snapshot = reader_short(&reader);
    if (snapshot.size && ledger_format_restore(&ledger, snapshot, NULL)) {
        ledger_release(&ledger);
        ledger_init(&ledger, PARTITIONS, 1000);
    }
    while (reader_left(&reader) && !reader.bad)
        (void)!ledger_format_replay(&ledger, reader_short(&reader), NULL);
    check(&ledger);
    ledger_release(&ledger);
    return 0;
}
