// dkv.h - the verbs of dkv(1) and what they share.
//
// main.c parses the global options, finds the verb and returns its exit status. A verb
// parses its own options with options.h, talks to routers through connect.h, prints data
// on stdout and talk on stderr.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

// The global options, resolved: option > environment (DKV_*) > configuration file.
struct globals {
    const char *cluster;  // comma-separated endpoints, resolved, never NULL when a verb needs it
    const char *keyspace; // "default"
    uint64_t timeout_ms;  // of a single-key operation as a whole
    bool timeout_given;   // a verb without a limit uses timeout_ms only then
    bool json;
    bool quiet;
    const char *key_dir; // with client.key and cluster.pub; NULL = none
};

struct verb {
    const char *name;
    const char *group;   // heading in the help: "Data", "Cluster", "Nodes"
    const char *usage;   // "put [OPTION]... KEY [VALUE]"
    const char *summary; // one line
    const char *help;    // options, a line each; printed by --help below usage and summary
    int (*run)(struct globals *globals, int argc, char **argv); // argv[0] is the verb; exit status
};

// Every verb, in the order of the help. (verbs.c)
extern const struct verb verbs[];
extern const unsigned verb_count;

// "dkv: put: sentence" on stderr (unless quiet) and the exit status for `status`. (report.c)
int report(const struct globals *globals, const char *verb, enum status status, const char *format,
           ...) __attribute__((format(printf, 4, 5)));

int verb_put(struct globals *globals, int argc, char **argv);
int verb_get(struct globals *globals, int argc, char **argv);
int verb_del(struct globals *globals, int argc, char **argv);
int verb_load(struct globals *globals, int argc, char **argv);
int verb_dump(struct globals *globals, int argc, char **argv);
int verb_scan(struct globals *globals, int argc, char **argv);
int verb_mget(struct globals *globals, int argc, char **argv);
int verb_shell(struct globals *globals, int argc, char **argv);
int verb_bench(struct globals *globals, int argc, char **argv);
int verb_resolve(struct globals *globals, int argc, char **argv);
int verb_conflicts(struct globals *globals, int argc, char **argv);
int verb_wait(struct globals *globals, int argc, char **argv);
int verb_explain(struct globals *globals, int argc, char **argv);
int verb_where(struct globals *globals, int argc, char **argv);
int verb_metrics(struct globals *globals, int argc, char **argv);
int verb_compact(struct globals *globals, int argc, char **argv);
int verb_hints(struct globals *globals, int argc, char **argv);
int verb_status(struct globals *globals, int argc, char **argv);
int verb_ring(struct globals *globals, int argc, char **argv);
int verb_keyspace(struct globals *globals, int argc, char **argv);
int verb_node(struct globals *globals, int argc, char **argv);
int verb_init(struct globals *globals, int argc, char **argv);
int verb_repair(struct globals *globals, int argc, char **argv);
int verb_digest(struct globals *globals, int argc, char **argv);
int verb_scrub(struct globals *globals, int argc, char **argv);
int verb_local(struct globals *globals, int argc, char **argv);
int verb_config(struct globals *globals, int argc, char **argv);
int verb_keygen(struct globals *globals, int argc, char **argv);
int verb_authorize(struct globals *globals, int argc, char **argv);
