// options.h - the options of a verb: command line, environment, configuration file.
//
// Each verb has one table, `options_VERB`, that ends with an empty entry. From it come
// parsing, --help and `dkv config`. The value of an option is the first of
//
//     command line             --write-quorum 2, --write-quorum=2, -W 2, -W2
//     environment              DKV_WRITE_QUORUM=2       (an empty one counts as not set)
//     client.conf              write-quorum = 2         (client_conf.h)
//     the table                .value = "2"
//
// The global options are understood in every verb, before and after its name. Options and
// operands may be mixed; "--" ends the options. A long name is never abbreviated.
//
//     struct put_options { const char *file; uint64_t limit; bool strict; };
//     const struct option_spec options_put[] = {
//         {.letter = 'f', .name = "file", .kind = OPTION_TEXT, .argument = "FILE",
//          .offset = offsetof(struct put_options, file), .help = "the value is in FILE"},
//         {0}};
//     ...
//     struct put_options options = {0};
//     struct operands operands;
//     if (!options_parse(globals, options_put, &options, argc, argv, &operands))
//         return operands.exit_status;
#pragma once

#include "dkv/dkv.h"
#include "dkv/option_list.h"

enum option_kind {
    OPTION_FLAG,   // bool; elsewhere than on the command line: 1 yes true on, 0 no false off
    OPTION_TEXT,   // const char *, NULL = not given
    OPTION_NUMBER, // uint64_t between min and max; 0 = not given, if there is no .value
    OPTION_LIST,   // struct option_list; may be given more than once
};

struct option_spec {
    char letter;      // 'W', 0 = none
    const char *name; // "write-quorum"; NULL ends the table
    enum option_kind kind;
    size_t offset;        // of the value in the struct that the verb passes
    const char *argument; // "LEVEL", for the help; NULL for a flag
    const char *value;    // default as text, NULL = none
    uint64_t min, max;    // of a NUMBER; max 0 = any
    const char *of;       // "up down": only with these as first operand; NULL = always
    const char *help;     // one line
};

// What most lines of a table have: {OPTION_OF(struct put_options, 'f', "file", OPTION_TEXT, file,
// "FILE", "the value is in FILE")}.
#define OPTION_OF(options_, letter_, name_, kind_, member, argument_, help_)                       \
    .letter = letter_, .name = name_, .kind = kind_, .offset = offsetof(options_, member),         \
    .argument = argument_, .help = help_

struct operands {
    char **values; // borrowed from argv, in order
    int count;
    int exit_status; // when options_parse() says false
};

// Fills in `values` and what is left over, the operands; also the global options, of which
// `cluster` is never NULL afterwards. argv[0] names the verb; argv is reordered. False:
// the verb is to return operands->exit_status, 0 after --help, 2 after a usage error that
// was reported.
bool options_parse(struct globals *globals, const struct option_spec *specs, void *values, int argc,
                   char **argv, struct operands *operands) MUST_USE;

// Frees the lists in `values`, for tables that have some. options_parse() does it itself
// when it says false.
void options_release(const struct option_spec *specs, void *values);

// "dkv: put: sentence" and a hint to the help on stderr, even if quiet. Returns 2.
int usage_error(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The part for main.c: parses the global options before the verb. *verb_at is the index of
// the verb in argv, argc if there is none. Otherwise as options_parse().
bool options_parse_globals(struct globals *globals, int argc, char **argv, int *verb_at,
                           int *exit_status) MUST_USE;

// True if `word` looks like a slip of the pen for `name`.
bool options_is_near(const char *word, const char *name);

// Where an option that is not on the command line of its verb has its value from: "option"
// (a global one), "environment", "file" or "default"; and the value as text, NULL if it
// has none. For `dkv config`.
const char *options_source(const struct option_spec *spec, const char **value);

// "DKV_WRITE_QUORUM" into name.
void options_environment_name(const struct option_spec *spec, char name[64]);

void options_print_help(const struct verb *verb); // on stdout

// The tables. A verb of several words has one table; `of` tells its words apart.
const struct option_spec *options_of(const char *verb); // NULL if there is no such verb
extern const struct option_spec options_global[];
extern const struct option_spec options_put[], options_get[], options_del[], options_load[],
    options_dump[], options_scan[], options_mget[], options_shell[], options_bench[];
extern const struct option_spec options_resolve[], options_conflicts[], options_wait[],
    options_explain[];
extern const struct option_spec options_where[], options_status[], options_metrics[],
    options_ring[], options_keyspace[], options_init[], options_local[], options_config[],
    options_keygen[], options_authorize[], options_compact[], options_hints[], options_repair[],
    options_digest[], options_scrub[], options_node[];
