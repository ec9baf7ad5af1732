#include "dkv/client_conf.h"

#include "os/file.h"

#include <stdio.h>
#include <stdlib.h>

static void find_path(char *path, size_t size)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int length = 0;
    if (config && config[0] == '/') // the XDG specification: a relative one is ignored
        length = snprintf(path, size, "%s/dkv/client.conf", config);
    else if (home && *home)
        length = snprintf(path, size, "%s/.config/dkv/client.conf", home);
    if (length <= 0 || (size_t)length >= size)
        path[0] = '\0';
}

// Cuts blanks off both ends, in place.
static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r", text[size - 1]))
        text[--size] = '\0';
    return text;
}

// The value inside its quotes, if it has any. NULL if a quote is not closed.
static char *unquote(char *value)
{
    if (*value != '"')
        return value;
    size_t size = strlen(value);
    if (size < 2 || value[size - 1] != '"')
        return NULL;
    value[size - 1] = '\0';
    return value + 1;
}

static enum status parse_line(struct client_conf *conf, char *line, unsigned number,
                              bool (*is_known)(const char *name), struct fault *fault)
{
    line = trim(line);
    if (*line == '\0' || *line == '#')
        return STATUS_OK;
    char *equals = strchr(line, '=');
    if (!equals)
        return fault_set(fault, STATUS_INVALID, "%s:%u: not of the form NAME = VALUE", conf->path,
                         number);
    *equals = '\0';
    const char *name = trim(line);
    const char *value = unquote(trim(equals + 1));
    if (!value)
        return fault_set(fault, STATUS_INVALID, "%s:%u: the quote is not closed", conf->path,
                         number);
    if (!is_known(name))
        return fault_set(fault, STATUS_INVALID, "%s:%u: no verb has an option \"%s\"", conf->path,
                         number, name);
    if (client_conf_find(conf, name))
        return fault_set(fault, STATUS_INVALID, "%s:%u: \"%s\" is set a second time", conf->path,
                         number, name);
    if (conf->count == CLIENT_CONF_ENTRIES_MAX)
        return fault_set(fault, STATUS_INVALID, "%s:%u: more than %d entries", conf->path, number,
                         CLIENT_CONF_ENTRIES_MAX);
    conf->entries[conf->count++] = (struct client_conf_entry){name, value, number};
    return STATUS_OK;
}

enum status client_conf_load(struct client_conf *conf, bool (*is_known)(const char *name),
                             struct fault *fault)
{
    find_path(conf->path, sizeof conf->path);
    if (!*conf->path || !file_exists(conf->path))
        return STATUS_OK;
    enum status status = file_read(conf->path, CLIENT_CONF_SIZE_MAX, &conf->text, fault);
    if (status)
        return status;
    if (memchr(conf->text.data, '\0', conf->text.size))
        return fault_set(fault, STATUS_INVALID, "%s: not a text file", conf->path);

    buf_append_u8(&conf->text, '\0');
    char *line = (char *)conf->text.data;
    for (unsigned number = 1; line && !status; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        status = parse_line(conf, line, number, is_known, fault);
        line = end ? end + 1 : NULL;
    }
    return status;
}

const struct client_conf_entry *client_conf_find(const struct client_conf *conf, const char *name)
{
    for (unsigned i = 0; i < conf->count; i++)
        if (strcmp(conf->entries[i].name, name) == 0)
            return &conf->entries[i];
    return NULL;
}
