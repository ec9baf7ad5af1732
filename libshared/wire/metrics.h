// metrics.h - the numbers of a store or of a hintd, for the people who look after it.
//
// One table has the name, the kind and the meaning of each number. PONG carries the numbers
// in the order of the table, so a new one goes at the end: a reader that knows fewer of them passes
// over the rest, and one that knows more takes those that did not come as 0. A process leaves those
// of others 0.
#pragma once

#include "base/buf.h"

// M(member, kind, name, meaning). A counter only grows, from the start of the process.
// clang-format off
#define METRICS(M)                                                                                 \
    M(KEYS, GAUGE, "store_keys", "keys with a record, deleted ones included")                      \
    M(DISK_FULL, GAUGE, "store_disk_full", "1 while writes wait for space")                        \
    M(UNSYNCED_MS, GAUGE, "store_unsynced_ms", "age of the oldest write that is not durable")      \
    M(REQUESTS, GAUGE, "store_requests", "request ids remembered")                                 \
    M(UPDATES, COUNTER, "store_updates", "writes coordinated here")                                \
    M(MERGES, COUNTER, "store_merges", "records that came from other stores")                      \
    M(FETCHES, COUNTER, "store_fetches", "records read")                                           \
    M(FINDS, COUNTER, "store_finds", "request ids looked for")                                     \
    M(SCANS, COUNTER, "store_scans", "pages of scans")                                             \
    M(REPEATED, COUNTER, "store_repeated", "requests that had been applied before")                \
    M(LWW_DROPPED, COUNTER, "store_lww_dropped", "values lost to later ones")                      \
    M(LOST_AGAIN, COUNTER, "store_lost_again", "writes known here, lost and taken back")           \
    M(EXPIRED, COUNTER, "store_expired", "operations dropped because their time was over")         \
    M(REFUSED, COUNTER, "store_refused", "messages of those that may not send them")               \
    M(STALLED, COUNTER, "store_stalled", "writes refused because memory was full")                 \
    M(PACED_MS, COUNTER, "store_paced_ms", "time for which acknowledgements were held back")       \
    M(DAMAGED_READS, COUNTER, "store_damaged_reads", "reads that damage or the disk made fail")    \
    M(DAMAGED_MERGES, COUNTER, "store_damaged_merges", "merges given up for the same reason")      \
    M(MEMTABLE_BYTES, GAUGE, "engine_memtable_bytes", "memory tables")                             \
    M(MEMTABLE_ENTRIES, GAUGE, "engine_memtable_entries", "keys in them")                          \
    M(LOG_BYTES, GAUGE, "engine_log_bytes", "log that a restart would read")                       \
    M(TABLES, GAUGE, "engine_tables", "table files")                                               \
    M(TABLE_BYTES, GAUGE, "engine_table_bytes", "bytes of them")                                   \
    M(TABLE_ENTRIES, GAUGE, "engine_table_entries", "keys in them, each as often as it is there")  \
    M(WRITTEN_BYTES, COUNTER, "engine_written_bytes", "keys and values given to the engine")       \
    M(DISK_WRITTEN_BYTES, COUNTER, "engine_disk_written_bytes", "written by it, log included")     \
    M(FLUSHES, COUNTER, "engine_flushes", "memory tables made tables")                             \
    M(ENGINE_MERGES, COUNTER, "engine_merges", "merges of tables")                                 \
    M(MERGE_WRITTEN_BYTES, COUNTER, "engine_merge_written_bytes", "written by them")               \
    M(RESERVED, COUNTER, NULL, NULL) /* was shown once */                                          \
    M(VALUE_FILES, GAUGE, "engine_value_files", "files with large values, segments included")      \
    M(VALUE_BYTES, GAUGE, "engine_value_bytes", "bytes of them")                                   \
    M(VALUE_LIVE_BYTES, GAUGE, "engine_value_live_bytes", "of which tables point to")              \
    M(RANGES, GAUGE, "engine_ranges", "ranges of keys that are merged by themselves")              \
    M(SLICES_MAX, GAUGE, "engine_slices_max", "tables above each other in one range")              \
    M(DEBT_PERMILLE, GAUGE, "engine_debt_permille", "how far merges are behind; 1000 stops writes")\
    M(LOG_SYNCS, COUNTER, "engine_log_syncs", "syncs of the log")                                  \
    M(FILTER_MISSES, COUNTER, "engine_filter_misses", "blocks read in vain")                       \
    M(CACHE_HITS, COUNTER, "engine_cache_hits", "blocks found in the cache")                       \
    M(CACHE_MISSES, COUNTER, "engine_cache_misses", "blocks read from tables")                  \
    M(GETS, COUNTER, "engine_gets", "keys looked up")                                              \
    M(TABLE_LOOKS, COUNTER, "engine_table_looks", "tables looked into for them")                   \
    M(DISK_BYTES, GAUGE, "engine_disk_bytes", "bytes of all files, spare log segments too")        \
    M(UNFLUSHED, GAUGE, "engine_unflushed", "full memory tables that wait to be tables")           \
    M(MERGING, GAUGE, "engine_merging", "merges under way")                                        \
    M(COLD_READS, COUNTER, "engine_cold_reads", "places read from the disk beside other work")     \
    M(PARKED, COUNTER, "store_parked", "operations that waited for such a read")                   \
    M(PARKED_NOW, GAUGE, "store_parked_now", "of these, operations that wait now")                 \
    M(LATE, COUNTER, "store_late", "writes not obeyed: too old, or of a try that was given up")    \
    M(TOLD, COUNTER, "store_told", "merges that met what a blind write had not seen")              \
    M(FORGED, COUNTER, "store_forged", "clocks that name writes which this store has not made")    \
    M(REQUESTS_BYTES, GAUGE, "store_requests_bytes", "memory of the request ids")                  \
    M(REQUESTS_OLDEST_MS, GAUGE, "store_requests_oldest_ms", "age of the oldest of them")          \
    M(REQUESTS_DROPPED, COUNTER, "store_requests_dropped", "ids forgotten too early: it was full") \
    M(BEHIND, COUNTER, "store_behind", "reads put off until their router has taken others") \
    M(LOST_COPIES, GAUGE, "store_lost_copies", "copies of shards that answer no reads")            \
    M(LOSSES, COUNTER, "store_losses", "times that something was found to be missing here")        \
    M(ZOMBIES, COUNTER, "store_zombies", "purged writes that came back and were left out")         \
    M(STRIPPED, COUNTER, "store_stripped", "records that lost deletions or parts of their clocks") \
    M(RETURNED, COUNTER, "store_returned", "deleted values that a lost copy had: in the trash") \
    M(HINTS, GAUGE, "hintd_hints", "hints that wait for their targets")                            \
    M(HINT_BYTES, GAUGE, "hintd_bytes", "bytes of them")                                           \
    M(HINT_OLDEST_MS, GAUGE, "hintd_oldest_ms", "for how long some target has had hints")          \
    M(HINT_DEBTS, GAUGE, "hintd_debts", "parts of targets that are left to repair")                \
    M(HINTS_TAKEN, COUNTER, "hintd_taken", "hints asked for")                                      \
    M(HINTS_MINTED, COUNTER, "hintd_minted", "writes coordinated here: no owner was reached")      \
    M(HINTS_FULL, COUNTER, "hintd_full", "hints not kept: no room, or the target silent too long") \
    M(HINTS_SENT, COUNTER, "hintd_sent", "hints sent to their targets")                            \
    M(HINTS_DELIVERED, COUNTER, "hintd_delivered", "hints that their targets have")                \
    M(HINTS_REFUSED, COUNTER, "hintd_refused", "of those sent, not taken; they are sent again")    \
    M(HINTS_REROUTED, COUNTER, "hintd_rerouted", "hints given to others: the ring had changed")    \
    M(HINTD_DAMAGED, COUNTER, "hintd_damaged", "reads and merges of hints that failed")            \
    M(SEEN, GAUGE, "store_seen", "runs of writes that are kept note of: one a life, or more")      \
    M(DELAY_US, GAUGE, "store_delay_us", "what 1 in 100 operations of clients waits in a store")   \
    M(JOINING, GAUGE, "store_joining_copies", "copies that a move gives it, not whole yet") \
    M(FORMER, GAUGE, "store_former_copies", "copies that a move took from it, still here")         \
    M(RING_EPOCH, GAUGE, "store_ring_epoch", "epoch of the ring document that it works by")
// clang-format on

#define METRIC_MEMBER(member, kind, name, meaning) METRIC_##member,
enum metric_member { METRICS(METRIC_MEMBER) METRIC_COUNT };
#undef METRIC_MEMBER

struct metrics {
    uint64_t values[METRIC_COUNT];
};

struct metric {
    const char *name;
    const char *meaning;
    bool is_counter;
};

extern const struct metric metrics_table[METRIC_COUNT];

void metrics_encode(const struct metrics *metrics, struct buf *out); // appends, a u64 each
void metrics_decode(struct metrics *metrics, struct bytes bytes);    // whatever the bytes

// Whether a number is one that a hintd has, and no store.
static inline bool metrics_is_of_hintd(unsigned member)
{
    return member >= METRIC_HINTS && member <= METRIC_HINTD_DAMAGED;
}

// Returns how many reads and merges damage made fail, together.
uint64_t metrics_damage(const struct metrics *metrics);
