#include "dkv/options.h"

#include <string.h>

static const struct {
    const char *verb;
    const struct option_spec *specs;
} tables[] = {
    {"put", options_put},
    {"get", options_get},
    {"del", options_del},
    {"load", options_load},
    {"dump", options_dump},
    {"scan", options_scan},
    {"mget", options_mget},
    {"shell", options_shell},
    {"bench", options_bench},
    {"status", options_status},
    {"metrics", options_metrics},
    {"where", options_where},
    {"ring", options_ring},
    {"init", options_init},
    {"keyspace", options_keyspace},
    {"node", options_node},
    {"keygen", options_keygen},
    {"local", options_local},
    {"authorize", options_authorize},
    {"config", options_config},
    {"wait", options_wait},
    {"explain", options_explain},
    {"resolve", options_resolve},
    {"conflicts", options_conflicts},
    {"compact", options_compact},
    {"repair", options_repair},
    {"digest", options_digest},
    {"scrub", options_scrub},
    {"hints", options_hints},
};

const struct verb verbs[] = {
    {"put", "Data", "put [OPTION]... KEY [VALUE]", "Store a value: the argument, a file or stdin",
     NULL, verb_put},
    {"get", "Data", "get [OPTION]... KEY", "Print a value, nothing added", NULL, verb_get},
    {"del", "Data", "del [OPTION]... KEY", "Delete a key", NULL, verb_del},
    {"load", "Data", "load [OPTION]... [FILE]...", "Store many pairs from files or stdin", NULL,
     verb_load},
    {"dump", "Data", "dump [OPTION]...", "Print every pair", NULL, verb_dump},
    {"scan", "Data", "scan [OPTION]...", "Print keys", NULL, verb_scan},
    {"mget", "Data", "mget [OPTION]...", "Print the pairs of the keys on stdin", NULL, verb_mget},
    {"shell", "Data", "shell [OPTION]...", "Verbs from stdin, one a line, on one connection", NULL,
     verb_shell},
    {"resolve", "Data", "resolve [OPTION]... KEY -- COMMAND [ARG]...",
     "Make one value of the siblings of a key",
     "COMMAND gets a file for each sibling behind its arguments; what it prints is the value.\n",
     verb_resolve},
    {"conflicts", "Data", "conflicts [OPTION]...", "Print the keys that have siblings", NULL,
     verb_conflicts},
    {"wait", "Data", "wait [OPTION]... RECEIPT", "Wait until owners have a write",
     "RECEIPT is a token of 'put --receipt', or @FILE that holds one.\n"
     "Waits for ever unless --timeout is given; exit status 12 when that is over.\n",
     verb_wait},
    {"explain", "Data", "explain [OPTION]... KEY", "What each owner has of a key", NULL,
     verb_explain},
    {"status", "Cluster", "status [OPTION]...", "Which nodes and processes are up",
     "Exit status 12 if a node or process is not up and well.\n", verb_status},
    {"metrics", "Cluster", "metrics [OPTION]...",
     "What stores and the router count, for Prometheus", NULL, verb_metrics},
    {"hints", "Cluster", "hints [list] | wait [--for NODE] | flush NODE",
     "Writes that wait for nodes that were down",
     "  list              what is kept for each node, since when, and why it waits\n"
     "  wait [--for NODE] returns when all that waits now was delivered\n"
     "  flush NODE        tries to deliver to it now\n"
     "Exit status 9 if a node that keeps hints does not answer, 12 if the time is over.\n",
     verb_hints},
    {"where", "Cluster", "where [OPTION]... KEY", "Which nodes own a key", NULL, verb_where},
    {"ring", "Cluster",
     "ring init NODEFILE... | show | export | check | plan | commit | abort | status",
     "The placement of all keys",
     "  init NODEFILE... --into DIR...  makes the first ring of these nodes and puts it\n"
     "                                  into the directories of nodes\n"
     "  init --file FILE --into DIR...  puts a ring there that was made elsewhere\n"
     "  show                            nodes and their shares\n"
     "  export                          the ring document\n"
     "  check [--what-if down=NAME,...] what the loss of nodes, racks, datacenters would cost;\n"
     "                                  exit status 12 if shards are left with too few owners\n"
     "  plan                            what would move, and the hash of this plan\n"
     "  commit --plan HASH              lets it begin; exit status 11 if the ring has changed\n"
     "  abort                           what moves goes back\n"
     "  status [--wait]                 how far it is; exit status 12 until it is over\n",
     verb_ring},
    {"node", "Cluster",
     "node join FILE | leave NAME | replace NAME FILE | forget NAME | set NAME WORD=VALUE...",
     "The nodes that the next plan is made for",
     "  join FILE              a node, by the file that 'dkv init' wrote there; it owns nothing "
     "yet\n"
     "  leave NAME             it is to own nothing; --undo: it stays;\n"
     "                         --dead: it does not come back, so nobody waits for it\n"
     "  replace NAME FILE      the node of this file joins in its place; --dead as above\n"
     "  forget NAME            of a node that owns nothing: it is no member any more\n"
     "  set NAME weight=W      how much it is to own: 100 is usual, 0 nothing\n"
     "  set NAME rack=R        where it stands\n"
     "Data moves by 'dkv ring plan' and 'dkv ring commit' only.\n",
     verb_node},
    {"keyspace", "Cluster", "keyspace list | create NAME | set NAME | drop NAME",
     "The named sets of keys",
     "  list         name, n, conflict, r, w, ttl\n"
     "  create NAME  with what the options say, else like the keyspace default\n"
     "  set NAME     changes what the options say\n"
     "  drop NAME    with all its data\n",
     verb_keyspace},
    {"compact", "Cluster", "compact [--wait]", "Let every store merge what it has",
     "What was deleted or overwritten takes no room afterwards.\n", verb_compact},
    {"repair", "Cluster", "repair [run] [OPTION]... [KEYSPACE | PARTITION | KEY] | status",
     "Compare replicas, and make them equal, now",
     "  run      what is named, or everything; 'run' may be left out\n"
     "  status   when replicas last agreed\n",
     verb_repair},
    {"digest", "Cluster", "digest [OPTION]...", "A hash of each replica", NULL, verb_digest},
    {"scrub", "Cluster", "scrub [OPTION]...", "Read all data again, to find damage", NULL,
     verb_scrub},
    {"bench", "Cluster", "bench [OPTION]...", "Measure throughput and latency", NULL, verb_bench},
    {"init", "Nodes", "init DIR --node NAME --address HOST [OPTION]...",
     "Lay out the directory of a new node", NULL, verb_init},
    {"keygen", "Nodes", "keygen FILE --name NAME", "Make a key pair for a client",
     "FILE is secret; FILE.pub is for 'dkv authorize'.\n", verb_keygen},
    {"authorize", "Nodes", "authorize DIR PUBFILE [--role ROLE] | DIR --list | DIR --revoke KEY",
     "Let the holder of a key use a node, or no longer", NULL, verb_authorize},
    {"local", "Nodes", "local up | down | status | start | stop | kill | pause | resume",
     "A cluster on this machine, to try and to test",
     "  up                        makes and starts it; prints 'export DKV_CLUSTER=...'\n"
     "  down                      stops it; its data stay, unless --wipe\n"
     "  status                    its processes\n"
     "  start NODE [PROCESS]      (PROCESS: store, hintd, router, repair; all if not given)\n"
     "  stop NODE [PROCESS]       SIGTERM, and waits\n"
     "  kill NODE [PROCESS]       SIGKILL\n"
     "  pause, resume NODE [PROCESS]  SIGSTOP, SIGCONT\n",
     verb_local},
    {"config", "Nodes", "config [--node | --file FILE]",
     "Every setting, its value and where it comes from", NULL, verb_config},
};

const unsigned verb_count = sizeof verbs / sizeof *verbs;

const struct option_spec *options_of(const char *verb)
{
    for (unsigned i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].verb, verb) == 0)
            return tables[i].specs;
    return NULL;
}
