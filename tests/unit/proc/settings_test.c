// A configuration file is understood whole or refused with its file and line.
#include "unit/unit.h"

#include "proc/log.h"
#include "proc/settings.h"
#include "wire/role.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <czmq.h>

#define NODE "node\n    name = \"n1\"\n    id = \"9f3c00000000beef\"\n    address = \"127.0.0.1\"\n"

static char path[64];

static int make_file(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/dkv-settings-test-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static enum status load(const char *text, struct settings *settings, struct fault *fault)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return settings_load(settings, path, fault);
}

AROUND_EACH(make_file, remove_file)

TEST(what_is_not_given_has_its_default)
{
    struct settings settings;
    struct fault fault;
    if (load(NODE, &settings, &fault))
        fail_msg("%s", fault.text);
    assert_string_equal(settings.dir, "/tmp");
    assert_string_equal(settings.node_name, "n1");
    assert_true(settings.node_id == 0x9f3c00000000beefu);
    assert_string_equal(settings.address, "127.0.0.1");
    assert_int_equal(settings.port, 7400);
    assert_string_equal(settings.dc, "dc1");
    assert_string_equal(settings.rack, "r1");
    assert_false(settings.plain);
    assert_int_equal(settings.local_role, ROLE_CLIENT);
    assert_int_equal(settings.log_level, LOG_LEVEL_INFO);
    assert_int_equal(settings.ping_interval_ms, 200);
    assert_int_equal(settings.ping_down_after_ms, 600);
    assert_int_equal(settings.value_size_max, 1 << 20);
    assert_int_equal(settings.record_size_max, 16 << 20);
    assert_int_equal(settings.request_memory_ms, 600000);
    assert_int_equal(settings.purge_age_ms, 600000);
    assert_int_equal(settings.close_after_ms, 600000);
    assert_int_equal(settings.trash_ms, 86400000);
    assert_int_equal(settings.durability, 0);
    assert_int_equal(settings.durability_interval_ms, 10);
    assert_int_equal(settings.memtable_size, 64 << 20);
    assert_int_equal(settings.log_segment_size, 64 << 20);
    assert_true(settings.cache_size > 0);
    assert_int_equal(settings.clock_warn_ms, 500);
    assert_int_equal(settings.clock_refuse_ms, 5000);
}

TEST(every_kind_of_value_is_read)
{
    struct settings settings;
    struct fault fault;
    if (load(NODE "    port = 9000\n    dc = \"east\"\n    rack = 'r#7'\n"
                  "net\n    plain = \"1\"\n    local_role = \"none\"\n"
                  "log\n    level = \"debug\"\n"
                  "ping\n    interval = \"1s\"\n    down_after = \"1m\"\n"
                  "store\n    durability = \"interval\"\n    cache = \"8MiB\"\n",
             &settings, &fault))
        fail_msg("%s", fault.text);
    assert_int_equal(settings.port, 9000);
    assert_string_equal(settings.dc, "east");
    assert_string_equal(settings.rack, "r#7");
    assert_true(settings.plain);
    assert_int_equal(settings.local_role, ROLE_NONE);
    assert_int_equal(settings.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(settings.ping_interval_ms, 1000);
    assert_int_equal(settings.ping_down_after_ms, 60000);
    assert_int_equal(settings.durability, 1);
    assert_int_equal(settings.cache_size, 8 << 20);
}

TEST(what_is_wrong_is_named_with_file_and_line)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {NODE "    color = \"red\"\n", ":5: node/color is not a known key"},
        {NODE "surprise = 1\n", ":5: surprise is not a known key"},
        {NODE "    name = \"n2\"\n", ":5: node/name is there twice, first in line 2"},
        {NODE "node\n    name = \"n2\"\n", ":6: node/name is there twice"},
        {NODE "    port = \"65531\"\n", ":5: node/port: is out of range: 1 to 65530"},
        {NODE "    port = \"0\"\n", ":5: node/port: "},
        {NODE "    port = \"+1\"\n", ":5: node/port: "},
        {NODE "    rack = \"\"\n", ":5: node/rack: must have 1 to 63 bytes"},
        {NODE "    rack = a#b\n", ":5: a value with '#'"},
        {NODE "  rack = a\n", ":5: indentation"},
        {NODE "log\n    level = \"loud\"\n",
         ":6: log/level: must be one of error, warning, info, debug"},
        {NODE "net\n    plain = \"yes\"\n", ":6: net/plain: must be 0 or 1"},
        {NODE "ping\n    interval = \"200\"\n", ":6: ping/interval: "},
        {NODE "ping\n    interval = \"1d\"\n", ":6: ping/interval: is out of range: 10ms to 1m"},
        {NODE "limits\n    value_max = \"17MiB\"\n",
         ":6: limits/value_max: is out of range: 1 to 16MiB"},
        {NODE "store\n    log_segment = \"100MiB\"\n",
         ":6: store/log_segment: must be a power of two, such as 32MiB or 64MiB"},
        {NODE "store\n    cache = \"101%\"\n", ":6: store/cache: "},
        {"node\n    name = \"n1\"\n    address = \"a\"\n", ": node/id is missing"},
        {"node\n    id = \"xyz\"\n", ":2: node/id: "},
        {"node\n    id = \"0000000000000000\"\n", ":2: node/id: is out of range: 1 at least"},
        {NODE "ping\n    down_after = \"100ms\"\n", ": ping/down_after must be above"},
        {NODE "limits\n    record_max = \"1KiB\"\n", ": limits/record_max must not be below"},
        {NODE "purge\n    age = \"1m\"\n", ": purge/age must not be below request/memory"},
        {NODE "clock\n    refuse = \"100ms\"\n", ": clock/refuse must not be below"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings;
        struct fault fault = {0};
        assert_int_equal(load(cases[i].text, &settings, &fault), STATUS_INVALID);
        if (strncmp(fault.text, path, strlen(path)) || !strstr(fault.text, cases[i].expected))
            fail_msg("%u: %s", i, fault.text);
    }
}

TEST(a_file_that_is_missing_or_too_long_is_refused)
{
    static char longer[70000];
    struct settings settings;
    struct fault fault;
    memset(longer, '\n', sizeof longer - 1);
    assert_int_equal(load(longer, &settings, &fault), STATUS_INVALID);
    assert_int_equal(settings_load(&settings, "/nonexistent/dkv.conf", &fault), STATUS_NOT_FOUND);
    assert_int_equal(settings_load(&settings, "/tmp", &fault), STATUS_IO);
}

TEST(every_default_is_a_value_of_its_key_and_sections_stand_together)
{
    uint32_t count;
    const struct setting *table = settings_table(&count);
    for (uint32_t i = 0; i < count; i++) {
        struct fault fault;
        if (table[i].value && settings_check(table[i].key, table[i].value, &fault))
            fail_msg("%s", fault.text);
        size_t size = strcspn(table[i].key, "/");
        bool is_over = false; // the section, among those behind this key
        for (uint32_t j = i + 1; j < count; j++) {
            bool is_same = !strncmp(table[i].key, table[j].key, size + 1);
            assert_false(is_over && is_same);
            is_over = is_over || !is_same;
            assert_string_not_equal(table[i].key, table[j].key);
        }
    }
    assert_int_equal(settings_check("no/such", "1", NULL), STATUS_INVALID);
    assert_int_equal(settings_check("log/level", "loud", NULL), STATUS_INVALID);
}

static uint32_t index_of(const char *key)
{
    uint32_t count, i = 0;
    const struct setting *table = settings_table(&count);
    while (i < count && strcmp(table[i].key, key) != 0)
        i++;
    return i;
}

TEST(two_readings_are_compared_key_by_key)
{
    struct settings before, after;
    uint32_t count;
    settings_table(&count);
    assert_int_equal(load(NODE, &before, NULL), STATUS_OK);
    assert_int_equal(load("# moved\n" NODE, &after, NULL), STATUS_OK);
    assert_int_equal(settings_next_change(&before, &after, 0), count);
    assert_int_equal(load(NODE "    port = 7500\nlog\n    level = debug\nping\n"
                               "    interval = 50ms\nstore\n    memtable = 1MiB\n",
                          &after, NULL),
                     STATUS_OK);
    static const char *const expected[] = {"node/port: 7400 -> 7500", "log/level: info -> debug",
                                           "ping/interval: 200ms -> 50ms",
                                           "store/memtable: 64MiB -> 1MiB"};
    uint32_t index = 0;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++, index++) {
        struct buf line = {0};
        index = settings_next_change(&before, &after, index);
        assert_in_range(index, 0, count - 1);
        buf_printf(&line, "%s: ", settings_table(&count)[index].key);
        settings_format(&before, index, &line);
        buf_append_text(&line, " -> ");
        settings_format(&after, index, &line);
        assert_string_equal(buf_text(&line), expected[i]);
        buf_release(&line);
    }
    assert_int_equal(settings_next_change(&before, &after, index), count);
}

TEST(one_value_is_taken_over_and_the_others_stay)
{
    struct settings before, after;
    uint32_t level = index_of("log/level");
    assert_int_equal(load(NODE, &before, NULL), STATUS_OK);
    assert_int_equal(load(NODE "    port = 7500\nlog\n    level = debug\n", &after, NULL),
                     STATUS_OK);
    settings_take(&before, &after, level);
    assert_int_equal(before.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(before.port, 7400);
    assert_true(settings_is_live(level));
    assert_false(settings_is_live(index_of("node/port")));
}

TEST(a_key_is_found_in_its_line)
{
    struct settings settings;
    struct buf place = {0};
    char expected[80];
    assert_int_equal(load(NODE, &settings, NULL), STATUS_OK);
    settings_place(&settings, "node/address", &place);
    snprintf(expected, sizeof expected, "%s:4", path);
    assert_string_equal(buf_text(&place), expected);
    buf_clear(&place);
    settings_place(&settings, "log/level", &place);
    assert_string_equal(buf_text(&place), path);
    buf_release(&place);
}

// czmq's reader is not ours: what both read alike is ZPL.
TEST(czmq_reads_the_same_values)
{
    struct settings settings;
    zsys_handler_set(NULL);
    assert_int_equal(load("# of a test\n" NODE
                          "    rack = 'r#7' # seven\n\nping\n    interval = 100ms # bare\n",
                          &settings, NULL),
                     STATUS_OK);
    zconfig_t *tree = zconfig_load(path);
    assert_non_null(tree);
    assert_string_equal(zconfig_get(tree, "node/name", ""), settings.node_name);
    assert_string_equal(zconfig_get(tree, "node/address", ""), settings.address);
    assert_string_equal(zconfig_get(tree, "node/id", ""), "9f3c00000000beef");
    assert_string_equal(zconfig_get(tree, "node/rack", ""), settings.rack);
    assert_string_equal(zconfig_get(tree, "ping/interval", ""), "100ms");
    assert_int_equal(settings.ping_interval_ms, 100);
    zconfig_destroy(&tree);
}
