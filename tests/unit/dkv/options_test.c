// Options of a verb: where a value comes from, and what is wrong with one.
#include "unit/unit.h"

#include "dkv/local/local.h"
#include "dkv/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct values {
    const char *text;
    uint64_t number;
    bool flag;
    struct option_list list;
};

static const struct option_spec specs[] = {
    {.letter = 't',
     .name = "text",
     .kind = OPTION_TEXT,
     .argument = "T",
     .value = "standard",
     .offset = offsetof(struct values, text)},
    {.letter = 'n',
     .name = "number",
     .kind = OPTION_NUMBER,
     .argument = "N",
     .min = 2,
     .max = 9,
     .offset = offsetof(struct values, number)},
    {.letter = 'f', .name = "flag", .kind = OPTION_FLAG, .offset = offsetof(struct values, flag)},
    {.name = "list", .kind = OPTION_LIST, .argument = "L", .offset = offsetof(struct values, list)},
    {.name = "up-only",
     .kind = OPTION_TEXT,
     .argument = "X",
     .of = "up",
     .offset = offsetof(struct values, text)},
    {0},
};

// What options.c asks of the rest of the program.
const struct verb verbs[] = {{.name = "verb"}};
const unsigned verb_count = 1;

const struct option_spec *options_of(const char *verb)
{
    return strcmp(verb, "verb") ? NULL : specs;
}

void options_print_help(const struct verb *verb)
{
    (void)verb;
}

const char *local_default_cluster(void)
{
    return "ipc:///default";
}

static struct values values;
static struct globals globals;
static struct operands operands;

// The words are one text, with spaces between. True if they can be taken.
static bool parse(const char *words)
{
    static char text[256];
    static char *argv[32];
    int argc = 1;
    argv[0] = (char[]){"verb"};
    setenv("XDG_CONFIG_HOME", "/nowhere", true); // nobody's client.conf
    snprintf(text, sizeof text, "%s", words);
    for (char *at = text; *at; at += strspn(at, " ")) {
        argv[argc++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = 0;
    }
    options_release(specs, &values);
    values = (struct values){0};
    globals = (struct globals){0};
    return options_parse(&globals, specs, &values, argc, argv, &operands);
}

TEST(long_and_short_options_mix_with_operands)
{
    assert_true(parse("one --text=x -n3 two -f -q --keyspace other"));
    assert_string_equal(values.text, "x");
    assert_int_equal(values.number, 3);
    assert_true(values.flag && globals.quiet);
    assert_string_equal(globals.keyspace, "other");
    assert_int_equal(operands.count, 2);
    assert_string_equal(operands.values[1], "two");
    assert_true(parse("-fqn 4 -- -n --text"));
    assert_int_equal(values.number, 4);
    assert_int_equal(operands.count, 2);
    assert_string_equal(operands.values[0], "-n");
}

TEST(the_command_line_wins_over_the_environment_and_that_over_the_table)
{
    assert_true(parse(""));
    assert_string_equal(values.text, "standard");
    setenv("DKV_TEXT", "environment", true);
    assert_true(parse(""));
    assert_string_equal(values.text, "environment");
    assert_true(parse("--text given"));
    assert_string_equal(values.text, "given");
    setenv("DKV_TEXT", "", true);
    assert_true(parse(""));
    assert_string_equal(values.text, "standard");
    unsetenv("DKV_TEXT");
}

TEST(a_number_is_within_its_limits_and_nothing_but_digits)
{
    static const char *const bad[] = {"1", "10", "-3", "3x", "", "18446744073709551616"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        char words[64];
        snprintf(words, sizeof words, "--number=%s", bad[i]);
        assert_false(parse(words));
        assert_int_equal(operands.exit_status, 2);
    }
    assert_true(parse("--number=9"));
}

TEST(a_mistake_in_the_command_line_is_2)
{
    static const char *const bad[] = {"--txet x", "-x",         "--text",
                                      "-t",       "--flag=yes", "down --up-only x"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(parse(bad[i]));
        assert_int_equal(operands.exit_status, 2);
    }
    assert_true(parse("up --up-only x"));
    assert_false(parse("--help"));
    assert_int_equal(operands.exit_status, 0);
}

TEST(a_list_collects)
{
    assert_true(parse("--list a --list b"));
    assert_int_equal(values.list.count, 2);
    assert_string_equal(values.list.items[1], "b");
    assert_true(parse(""));
    assert_int_equal(values.list.count, 0);
}

TEST(without_a_cluster_the_one_of_this_user_is_meant)
{
    assert_true(parse(""));
    assert_string_equal(globals.cluster, "ipc:///default");
    assert_true(parse("--cluster tcp://a:1"));
    assert_string_equal(globals.cluster, "tcp://a:1");
    assert_false(globals.timeout_given);
    assert_true(parse("--timeout 7"));
    assert_true(globals.timeout_given && globals.timeout_ms == 7);
}

TEST(a_slip_of_the_pen_is_near)
{
    assert_true(options_is_near("txet", "text"));
    assert_true(options_is_near("sibbling=yes", "sibling"));
    assert_false(options_is_near("text", "list"));
    assert_false(options_is_near("x", "text"));
}
