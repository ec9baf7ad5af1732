#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/options.h"
#include "os/file.h"
#include "proc/settings.h"

#include <ctype.h>
#include <stdio.h>

enum { CONF_SIZE_MAX = 64 * 1024, KEY_SIZE_MAX = 128 };

struct config_options {
    bool node;
    const char *file;
};

const struct option_spec options_config[] = {
    {.name = "node",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct config_options, node),
     .help = "the keys of a node's dkv.conf instead, with default and meaning"},
    {.name = "file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct config_options, file),
     .help = "the same, with the values in this dkv.conf"},
    {0}};

// ---- the client's ------------------------------------------------------------------

static void add_options(const struct globals *globals, struct columns *columns, const char *verb,
                        const struct option_spec *specs)
{
    for (; specs && specs->name; specs++) {
        const char *value, *source = options_source(specs, &value);
        if (!value && specs == options_global) // where it leads if nobody says
            value = globals->cluster;
        char environment[64];
        options_environment_name(specs, environment);
        if (globals->json) {
            json_print_line(json_pack("{s:i,s:s,s:s,s:s?,s:s,s:s}", "v", 1, "verb", verb, "option",
                                      specs->name, "value", value, "source", source, "environment",
                                      environment));
            continue;
        }
        columns_add(columns, "%s", *verb ? verb : "*");
        columns_add(columns, "%s", specs->name);
        columns_add(columns, "%s", value ? value : "");
        columns_add(columns, "%s", source);
        columns_add(columns, "%s", environment);
        columns_end_row(columns);
    }
}

static int print_client(const struct globals *globals)
{
    static const char *const heading[] = {"verb", "option", "value", "source", "environment"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    add_options(globals, &columns, "", options_global);
    for (unsigned i = 0; i < verb_count; i++)
        add_options(globals, &columns, verbs[i].name, options_of(verbs[i].name));
    if (!globals->json)
        columns_print(&columns);
    else
        buf_release(&columns.text);
    return 0;
}

// ---- a node's ----------------------------------------------------------------------

// The value of the line `    name = "value"` inside `section` of a dkv.conf, into `value`.
// settings_load() has checked the file; this only tells what is given from what is default.
static bool find_value(const char *conf, const char *section, size_t section_size, const char *name,
                       char value[KEY_SIZE_MAX])
{
    bool is_inside = false;
    for (const char *line = conf; *line;) {
        size_t size = strcspn(line, "\n");
        if (!isspace((unsigned char)*line) && *line != '#')
            is_inside = strncmp(line, section, section_size) == 0 &&
                        !isalnum((unsigned char)line[section_size]);
        const char *at = line + strspn(line, " \t");
        size_t name_size = strlen(name);
        if (is_inside && at > line && strncmp(at, name, name_size) == 0) {
            at += name_size + strspn(at + name_size, " \t");
            if (*at == '=') {
                at += 1 + strspn(at + 1, " \t\"");
                snprintf(value, KEY_SIZE_MAX, "%.*s", (int)strcspn(at, "\"\n"), at);
                return true;
            }
        }
        line += size + (line[size] == '\n');
    }
    return false;
}

static void add_setting(const struct globals *globals, struct columns *columns,
                        const struct setting *setting, const char *conf)
{
    char value[KEY_SIZE_MAX];
    size_t size = strcspn(setting->key, "/");
    const char *name = setting->key[size] ? setting->key + size + 1 : "";
    bool is_given = conf && find_value(conf, setting->key, size, name, value);
    const char *shown = is_given ? value : setting->value;
    const char *source = is_given ? "file" : "default";
    if (globals->json) {
        json_print_line(json_pack("{s:i,s:s,s:s?,s:s,s:s}", "v", 1, "key", setting->key, "value",
                                  shown, "source", source, "meaning", setting->meaning));
        return;
    }
    columns_add(columns, "%s", setting->key);
    columns_add(columns, "%s", shown ? shown : "");
    columns_add(columns, "%s", source);
    columns_add(columns, "%s", setting->meaning);
    columns_end_row(columns);
}

static int print_node(const struct globals *globals, const char *file)
{
    struct buf text = {0};
    struct fault fault;
    struct settings settings;
    enum status status = file ? settings_load(&settings, file, &fault) : STATUS_OK;
    if (file && !status)
        status = file_read(file, CONF_SIZE_MAX, &text, &fault);
    if (status) {
        buf_release(&text);
        return report(globals, "config", STATUS_INVALID, "%s", fault.text);
    }
    static const char *const heading[] = {"key", "value", "source", "meaning"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    uint32_t count;
    const struct setting *table = settings_table(&count);
    const char *conf = file ? buf_text(&text) : NULL;
    for (uint32_t i = 0; i < count; i++)
        add_setting(globals, &columns, &table[i], conf);
    if (!globals->json)
        columns_print(&columns);
    else
        buf_release(&columns.text);
    buf_release(&text);
    return 0;
}

int verb_config(struct globals *globals, int argc, char **argv)
{
    struct config_options options = {0};
    struct operands operands;
    if (!options_parse(globals, options_config, &options, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count)
        return usage_error("config", "takes no arguments");
    if (options.node || options.file)
        return print_node(globals, options.file);
    return print_client(globals);
}
