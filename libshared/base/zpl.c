#include "base/zpl.h"

enum { INDENT_SIZE = 4 };

struct zpl zpl_of(struct bytes text)
{
    return (struct zpl){.left = text};
}

static struct bytes skip(struct bytes bytes, size_t size)
{
    return bytes_of(bytes.data + size, bytes.size - size);
}

static struct bytes skip_spaces(struct bytes line)
{
    while (line.size && line.data[0] == ' ')
        line = skip(line, 1);
    return line;
}

static bool is_name_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

// Takes the next line, without its end and the spaces there.
static struct bytes take_line(struct zpl *zpl)
{
    const uint8_t *end = memchr(zpl->left.data, '\n', zpl->left.size);
    size_t size = end ? (size_t)(end - zpl->left.data) : zpl->left.size;
    struct bytes line = bytes_of(zpl->left.data, size);
    zpl->left = skip(zpl->left, end ? size + 1 : size);
    zpl->line++;
    while (line.size && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\r'))
        line.size--;
    return line;
}

static enum status take_name(struct bytes *line, char name[ZPL_NAME_SIZE], struct fault *fault)
{
    size_t size = 0;
    while (size < line->size && is_name_byte(line->data[size]))
        size++;
    if (size == 0)
        return fault_set(fault, STATUS_INVALID, "a name was expected");
    if (size >= ZPL_NAME_SIZE)
        return fault_set(fault, STATUS_INVALID, "a name is too long");
    memcpy(name, line->data, size);
    name[size] = 0;
    *line = skip_spaces(skip(*line, size));
    return STATUS_OK;
}

static bool is_end(struct bytes line)
{
    line = skip_spaces(line);
    return line.size == 0 || line.data[0] == '#';
}

// `line` begins behind the equals sign.
static enum status take_value(struct bytes line, struct bytes *value, struct fault *fault)
{
    line = skip_spaces(line);
    if (line.size && (line.data[0] == '"' || line.data[0] == '\'')) {
        const uint8_t *end = memchr(line.data + 1, line.data[0], line.size - 1);
        if (!end)
            return fault_set(fault, STATUS_INVALID, "a quote is missing");
        size_t size = (size_t)(end - line.data);
        *value = bytes_of(line.data + 1, size - 1);
        if (!is_end(skip(line, size + 1)))
            return fault_set(fault, STATUS_INVALID, "there is text behind the value");
    } else {
        const uint8_t *end = line.size ? memchr(line.data, '#', line.size) : NULL;
        *value = bytes_of(line.data, end ? (size_t)(end - line.data) : line.size);
        while (value->size && value->data[value->size - 1] == ' ')
            value->size--;
        if (end && value->size && end[-1] != ' ')
            return fault_set(fault, STATUS_INVALID, "a value with '#' must be in quotes");
        if (!value->size)
            return fault_set(fault, STATUS_INVALID, "a value was expected");
    }
    for (size_t i = 0; i < value->size; i++) {
        if (value->data[i] < ' ' || value->data[i] == 0x7f)
            return fault_set(fault, STATUS_INVALID, "a value holds a control character");
    }
    return STATUS_OK;
}

static void set_path(const struct zpl *zpl, const char *name, struct zpl_entry *entry)
{
    size_t size = strlen(zpl->section);
    memcpy(entry->path, zpl->section, size);
    if (size)
        entry->path[size++] = '/';
    memcpy(entry->path + size, name, strlen(name) + 1);
    entry->line = zpl->line;
}

enum status zpl_next(struct zpl *zpl, struct zpl_entry *entry, struct fault *fault)
{
    while (zpl->left.size) {
        struct bytes line = take_line(zpl);
        if (is_end(line))
            continue;
        struct bytes text = skip_spaces(line);
        size_t indent = line.size - text.size;
        char name[ZPL_NAME_SIZE];
        enum status status = take_name(&text, name, fault);
        if (status)
            return status;
        if (indent != 0 && (indent != INDENT_SIZE || !zpl->section[0]))
            return fault_set(fault, STATUS_INVALID, "indentation is four spaces in a section");
        if (indent == 0)
            zpl->section[0] = 0;
        if (text.size && text.data[0] == '=') {
            set_path(zpl, name, entry);
            return take_value(skip(text, 1), &entry->value, fault);
        }
        if (indent != 0 || !is_end(text))
            return fault_set(fault, STATUS_INVALID, "'=' was expected behind the name");
        memcpy(zpl->section, name, sizeof name);
    }
    return STATUS_END;
}
