#include "dkv/options.h"

#include "base/xalloc.h"
#include "dkv/client_conf.h"
#include "dkv/level.h"
#include "dkv/local/local.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct option_spec options_global[] = {
    {.name = "cluster",
     .kind = OPTION_TEXT,
     .argument = "ENDPOINTS",
     .offset = offsetof(struct globals, cluster),
     .help = "routers to try in turn: ipc://PATH,tcp://HOST:PORT"},
    {.letter = 'k',
     .name = "keyspace",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .value = "default",
     .offset = offsetof(struct globals, keyspace),
     .help = "the set of keys that is meant"},
    {.name = "timeout",
     .kind = OPTION_NUMBER,
     .argument = "MS",
     .value = "5000",
     .min = 1,
     .max = UINT32_MAX,
     .offset = offsetof(struct globals, timeout_ms),
     .help = "of one operation; bulk verbs: no limit unless given"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct globals, json),
     .help = "output for programs: one JSON object a line"},
    {.letter = 'q',
     .name = "quiet",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct globals, quiet),
     .help = "nothing on standard error but usage errors"},
    {.name = "key-dir",
     .kind = OPTION_TEXT,
     .argument = "DIR",
     .offset = offsetof(struct globals, key_dir),
     .help = "with client.key and cluster.pub, needed for tcp"},
    {0}};

// Global options given on the command line, for options_source().
static const char *given_globally[sizeof options_global / sizeof *options_global];

// What is wrong with client.conf or the environment, "" if nothing. Said when a verb is about
// to run, not before --help and --version.
static struct fault bad_default;

struct parse {
    const char *verb; // "" for the options before it
    const struct option_spec *specs;
    void *values;
    struct globals *globals;
    uint64_t given; // on the command line, a bit for each of specs
};

int usage_error(const char *verb, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "dkv: %s%s", verb, *verb ? ": " : "");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry 'dkv %s%s--help'.\n", verb, *verb ? " " : "");
    return 2;
}

void options_environment_name(const struct option_spec *spec, char name[64])
{
    snprintf(name, 64, "DKV_%s", spec->name);
    for (char *c = name; *c; c++)
        *c = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
}

static bool is_known_in(const struct option_spec *specs, const char *name)
{
    for (; specs && specs->name; specs++)
        if (strcmp(specs->name, name) == 0)
            return true;
    return false;
}

static bool is_known(const char *name)
{
    if (is_known_in(options_global, name))
        return true;
    for (unsigned i = 0; i < verb_count; i++)
        if (is_known_in(options_of(verbs[i].name), name))
            return true;
    return false;
}

// Read once. What stands before a mistake in it counts until the mistake is said.
static const struct client_conf *client_conf(void)
{
    static struct client_conf conf;
    static bool is_loaded;
    if (!is_loaded)
        (void)!client_conf_load(&conf, is_known, &bad_default);
    is_loaded = true;
    return &conf;
}

static bool parse_flag(const char *text, bool *value)
{
    static const char *const words[] = {"1", "yes", "true", "on", "0", "no", "false", "off"};
    for (unsigned i = 0; i < 8; i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i < 4;
            return true;
        }
    }
    return false;
}

static bool parse_number(const struct option_spec *spec, const char *text, uint64_t *value)
{
    uint64_t number = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
            return false;
    }
    *value = number;
    return number >= spec->min && (spec->max == 0 || number <= spec->max);
}

// False if the text is no value for the option. NULL is a flag without a value.
static bool set_value(const struct option_spec *spec, void *values, const char *text)
{
    void *value = (char *)values + spec->offset;
    switch (spec->kind) {
    case OPTION_FLAG:
        if (!text) {
            *(bool *)value = true;
            return true;
        }
        return parse_flag(text, value);
    case OPTION_TEXT:
        *(const char **)value = text;
        return true;
    case OPTION_NUMBER:
        return parse_number(spec, text, value);
    case OPTION_LIST: {
        struct option_list *list = value;
        list->items = xrealloc(list->items, (list->count + 1) * sizeof *list->items);
        list->items[list->count++] = text;
        return true;
    }
    }
    return false;
}

static void clear_list(const struct option_spec *spec, void *values)
{
    if (spec->kind != OPTION_LIST)
        return;
    struct option_list *list = (void *)((char *)values + spec->offset);
    free(list->items);
    *list = (struct option_list){0};
}

static void explain(const char *where, const struct option_spec *spec, const char *text,
                    struct fault *fault)
{
    if (spec->kind == OPTION_FLAG)
        fault_set(fault, STATUS_INVALID, "%s: \"%s\" is neither yes nor no", where, text);
    else if (spec->max)
        fault_set(fault, STATUS_INVALID, "%s: \"%s\" is not a number from %llu to %llu", where,
                  text, (unsigned long long)spec->min, (unsigned long long)spec->max);
    else
        fault_set(fault, STATUS_INVALID, "%s: \"%s\" is not a number from %llu", where, text,
                  (unsigned long long)spec->min);
}

static int bad_value(const char *verb, const char *where, const struct option_spec *spec,
                     const char *text)
{
    struct fault fault;
    explain(where, spec, text, &fault);
    return usage_error(verb, "%s", fault.text);
}

// A level is plain text until its verb reads it, which no longer knows where it is from.
static bool is_bad_level(const char *where, const struct option_spec *spec, const char *text,
                         struct fault *fault)
{
    uint8_t level;
    struct fault reason;
    if (strcmp(spec->name, "read-quorum") && strcmp(spec->name, "write-quorum"))
        return false;
    if (!level_parse(text, &level, &reason))
        return false;
    fault_set(fault, STATUS_INVALID, "%s: %.250s", where, reason.text);
    return true;
}

static bool is_timeout(const struct parse *parse, const struct option_spec *spec)
{
    return parse->specs == options_global && spec->offset == offsetof(struct globals, timeout_ms);
}

// Default, file, environment.
static void set_defaults(struct parse *parse)
{
    const struct client_conf *conf = client_conf();
    for (const struct option_spec *spec = parse->specs; spec->name; spec++) {
        char name[64], where[1100] = "";
        options_environment_name(spec, name);
        const char *environment = getenv(name);
        const struct client_conf_entry *entry = client_conf_find(conf, spec->name);
        const char *text = spec->value;
        if (environment && *environment) {
            text = environment;
            snprintf(where, sizeof where, "%s", name);
        } else if (entry) {
            text = entry->value;
            snprintf(where, sizeof where, "%.1023s:%u", conf->path, entry->line);
        }
        if (text && !*bad_default.text && !is_bad_level(where, spec, text, &bad_default) &&
            !set_value(spec, parse->values, text))
            explain(where, spec, text, &bad_default);
        if (is_timeout(parse, spec))
            parse->globals->timeout_given = text != spec->value;
    }
}

static const struct option_spec *find_name(const struct option_spec *specs, const char *name,
                                           size_t size)
{
    for (; specs->name; specs++)
        if (strlen(specs->name) == size && memcmp(specs->name, name, size) == 0)
            return specs;
    return NULL;
}

static const struct option_spec *find_letter(const struct option_spec *specs, char letter)
{
    for (; specs->name; specs++)
        if (specs->letter == letter)
            return specs;
    return NULL;
}

// One option of the command line, of the verb's table or the global one. 0 or 2.
static int set_option(struct parse *parse, const char *shown, const struct option_spec *spec,
                      const char *text)
{
    bool is_global = spec >= options_global &&
                     spec < options_global + sizeof options_global / sizeof *options_global;
    if (is_global) {
        given_globally[spec - options_global] = text ? text : "yes";
        if (spec->offset == offsetof(struct globals, timeout_ms))
            parse->globals->timeout_given = true;
        return set_value(spec, parse->globals, text) ? 0
                                                     : bad_value(parse->verb, shown, spec, text);
    }
    uint64_t bit = (uint64_t)1 << (spec - parse->specs);
    if (!(parse->given & bit)) // the command line replaces a list, it does not add to it
        clear_list(spec, parse->values);
    parse->given |= bit;
    return set_value(spec, parse->values, text) ? 0 : bad_value(parse->verb, shown, spec, text);
}

static int unknown_option(const struct parse *parse, const char *word)
{
    for (const struct option_spec *spec = parse->specs; spec->name; spec++)
        if (options_is_near(word + 2, spec->name))
            return usage_error(parse->verb, "unknown option %s; did you mean --%s?", word,
                               spec->name);
    return usage_error(parse->verb, "unknown option %s", word);
}

// "--name", "--name=value", "--name value". *at moves behind what was taken.
static int parse_long(struct parse *parse, int argc, char **argv, int *at)
{
    const char *word = argv[(*at)++];
    const char *name = word + 2;
    size_t size = strcspn(name, "=");
    const char *text = name[size] ? name + size + 1 : NULL;
    const struct option_spec *spec = find_name(parse->specs, name, size);
    if (!spec)
        spec = find_name(options_global, name, size);
    if (!spec)
        return unknown_option(parse, word);
    if (spec->kind == OPTION_FLAG && text)
        return usage_error(parse->verb, "--%s takes no value", spec->name);
    if (spec->kind != OPTION_FLAG && !text) {
        if (*at == argc)
            return usage_error(parse->verb, "--%s needs a value: %s", spec->name, spec->argument);
        text = argv[(*at)++];
    }
    return set_option(parse, word, spec, text);
}

// "-q", "-qn", "-W2", "-W 2".
static int parse_letters(struct parse *parse, int argc, char **argv, int *at)
{
    const char *word = argv[(*at)++];
    for (const char *letter = word + 1; *letter; letter++) {
        const struct option_spec *spec = find_letter(parse->specs, *letter);
        if (!spec)
            spec = find_letter(options_global, *letter);
        if (!spec)
            return usage_error(parse->verb, "unknown option -%c", *letter);
        const char *text = NULL;
        if (spec->kind != OPTION_FLAG) {
            if (!letter[1] && *at == argc)
                return usage_error(parse->verb, "-%c needs a value: %s", *letter, spec->argument);
            text = letter[1] ? letter + 1 : argv[(*at)++];
        }
        int failed = set_option(parse, word, spec, text);
        if (failed || text)
            return failed;
    }
    return 0;
}

static const struct verb *find_verb(const char *name)
{
    for (unsigned i = 0; i < verb_count; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

// True if `word` is one of the words of the list "up down".
static bool has_word(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (length == size && memcmp(at, word, size) == 0)
            return true;
        at += length;
    }
    return false;
}

// An option that belongs to another word of the verb would silently do nothing.
static int check_words(const struct parse *parse, const struct operands *operands)
{
    const char *word = operands->count ? operands->values[0] : "";
    for (const struct option_spec *spec = parse->specs; spec->name; spec++) {
        if (spec->of && parse->given & (uint64_t)1 << (spec - parse->specs) &&
            !has_word(spec->of, word))
            return usage_error(parse->verb, "--%s belongs to: %s", spec->name, spec->of);
    }
    return 0;
}

static int parse_words(struct parse *parse, int argc, char **argv, struct operands *operands)
{
    int at = 1;
    *operands = (struct operands){.values = argv + 1};
    while (at < argc) {
        const char *word = argv[at];
        int failed = 0;
        if (strcmp(word, "--") == 0) {
            for (at++; at < argc; at++)
                operands->values[operands->count++] = argv[at];
        } else if (strcmp(word, "--help") == 0) {
            options_print_help(find_verb(parse->verb));
            return -1;
        } else if (word[0] == '-' && word[1] == '-') {
            failed = parse_long(parse, argc, argv, &at);
        } else if (word[0] == '-' && word[1]) {
            failed = parse_letters(parse, argc, argv, &at);
        } else {
            operands->values[operands->count++] = argv[at++];
        }
        if (failed)
            return failed;
    }
    return check_words(parse, operands);
}

bool options_parse(struct globals *globals, const struct option_spec *specs, void *values, int argc,
                   char **argv, struct operands *operands)
{
    struct parse parse = {.verb = argv[0], .specs = specs, .values = values, .globals = globals};
    set_defaults(&parse);
    int stop = parse_words(&parse, argc, argv, operands);
    if (!stop && *bad_default.text)
        stop = usage_error(parse.verb, "%s", bad_default.text);
    operands->exit_status = stop > 0 ? stop : 0;
    if (stop)
        options_release(specs, values);
    if (!stop && !globals->cluster)
        globals->cluster = local_default_cluster();
    return !stop;
}

void options_release(const struct option_spec *specs, void *values)
{
    for (; specs->name; specs++)
        clear_list(specs, values);
}

bool options_parse_globals(struct globals *globals, int argc, char **argv, int *verb_at,
                           int *exit_status)
{
    struct parse parse = {
        .verb = "", .specs = options_global, .values = globals, .globals = globals};
    *exit_status = 0;
    set_defaults(&parse);
    int at = 1;
    while (!*exit_status && at < argc && argv[at][0] == '-' && argv[at][1]) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "--version") == 0)
            break; // main's
        *exit_status = argv[at][1] == '-' ? parse_long(&parse, argc, argv, &at)
                                          : parse_letters(&parse, argc, argv, &at);
    }
    *verb_at = at;
    return !*exit_status;
}

// Edit distance, neighbours swapped counting as one (Damerau, optimal string alignment).
bool options_is_near(const char *word, const char *name)
{
    enum { NAME_SIZE_MAX = 24 };
    size_t m = strcspn(word, "="), n = strlen(name);
    unsigned row[NAME_SIZE_MAX + 1][NAME_SIZE_MAX + 1];
    if (m > NAME_SIZE_MAX || n > NAME_SIZE_MAX || m < 2)
        return false;
    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            if (!i || !j) {
                row[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned least = row[i - 1][j - 1] + (word[i - 1] != name[j - 1]);
            if (row[i - 1][j] + 1 < least)
                least = row[i - 1][j] + 1;
            if (row[i][j - 1] + 1 < least)
                least = row[i][j - 1] + 1;
            if (i > 1 && j > 1 && word[i - 1] == name[j - 2] && word[i - 2] == name[j - 1] &&
                row[i - 2][j - 2] + 1 < least)
                least = row[i - 2][j - 2] + 1;
            row[i][j] = least;
        }
    }
    return row[m][n] <= (n > 4 ? 2 : 1);
}

const char *options_source(const struct option_spec *spec, const char **value)
{
    for (unsigned i = 0; options_global[i].name; i++) {
        if (spec == &options_global[i] && given_globally[i]) {
            *value = given_globally[i];
            return "option";
        }
    }
    char name[64];
    options_environment_name(spec, name);
    *value = getenv(name);
    if (*value && **value)
        return "environment";
    const struct client_conf *conf = client_conf();
    const struct client_conf_entry *entry = client_conf_find(conf, spec->name);
    *value = entry ? entry->value : spec->value;
    return entry ? "file" : "default";
}
