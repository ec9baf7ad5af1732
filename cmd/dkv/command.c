#include "dkv/command.h"

#include "dkv/arguments.h"
#include "dkv/jsonl.h"

void command_release(struct command *command)
{
    json_decref(command->id);
    buf_release(&command->key);
    buf_release(&command->value);
    buf_release(&command->context);
    *command = (struct command){0};
}

static enum command_verb find_verb(struct bytes name)
{
    static const char *const names[] = {[COMMAND_NONE] = "",
                                        [COMMAND_GET] = "get",
                                        [COMMAND_PUT] = "put",
                                        [COMMAND_DEL] = "del",
                                        [COMMAND_QUIT] = "quit"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (bytes_equal(name, bytes_of_text(names[i])))
            return (enum command_verb)i;
    return COMMAND_NONE;
}

static enum status check(const struct command *command, bool has_key, bool has_value,
                         struct fault *fault)
{
    if (command->verb == COMMAND_NONE)
        return fault_set(fault, STATUS_INVALID, "unknown verb; use get, put, del or quit");
    if (command->verb == COMMAND_QUIT)
        return STATUS_OK;
    if (!has_key || !command->key.size)
        return fault_set(fault, STATUS_INVALID, "a key is missing");
    if (has_value != (command->verb == COMMAND_PUT))
        return fault_set(fault, STATUS_INVALID,
                         has_value ? "only put takes a value" : "a value is missing");
    if (command->key.size > RECORD_KEY_SIZE_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "the key is longer than %d bytes",
                         RECORD_KEY_SIZE_MAX);
    return STATUS_OK;
}

// ---- words --------------------------------------------------------------------------

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

// The next word. END if there is none.
static enum status next_word(struct reader *line, struct buf *word, struct fault *fault)
{
    buf_clear(word);
    while (reader_left(line) && is_space(*line->at))
        line->at++;
    if (!reader_left(line))
        return STATUS_END;
    uint8_t quote = 0;
    while (reader_left(line) && (quote || !is_space(*line->at))) {
        uint8_t byte = *line->at++;
        if (byte == quote)
            quote = 0;
        else if (!quote && (byte == '\'' || byte == '"'))
            quote = byte;
        else if (byte == '\\' && quote != '\'' && reader_left(line))
            buf_append_u8(word, *line->at++);
        else
            buf_append_u8(word, byte);
    }
    return quote ? fault_set(fault, STATUS_INVALID, "a quote is not closed") : STATUS_OK;
}

// An option and its argument. False if the word is none.
static enum status read_option(struct command *command, const char *name, struct reader *line,
                               struct buf *word, bool *is_option, struct fault *fault)
{
    *is_option = true;
    if (!strcmp(name, "--sibling")) {
        command->sibling = true;
        return STATUS_OK;
    }
    if (!strcmp(name, "--strict")) {
        command->strict = true;
        return STATUS_OK;
    }
    bool is_context = !strcmp(name, "--context");
    bool is_level = !strcmp(name, "-W") || !strcmp(name, "-R") || !strcmp(name, "--write-quorum") ||
                    !strcmp(name, "--read-quorum");
    *is_option = is_context || is_level;
    if (!*is_option)
        return STATUS_OK;
    if (next_word(line, word, fault))
        return fault_set(fault, STATUS_INVALID, "the argument of an option is missing");
    return is_context ? argument_context(buf_text(word), &command->context, fault)
                      : argument_level(buf_text(word), &command->level, fault);
}

enum status command_parse_words(struct command *command, struct bytes text, struct fault *fault)
{
    struct reader line = reader_of(text);
    struct buf word = {0};
    unsigned count = 0;
    bool takes_options = true;
    enum status status;
    while (!(status = next_word(&line, &word, fault))) {
        bool is_option = false;
        if (!count && word.size && *word.data == '#')
            break;
        if (takes_options && bytes_equal(buf_bytes(&word), bytes_of_text("--"))) {
            takes_options = false;
            continue;
        }
        if (count && takes_options && word.size && *word.data == '-')
            status = read_option(command, buf_text(&word), &line, &word, &is_option, fault);
        if (status)
            break;
        if (is_option)
            continue;
        if (count == 0)
            command->verb = find_verb(buf_bytes(&word));
        else if (count < 3)
            buf_set(count == 1 ? &command->key : &command->value, buf_bytes(&word));
        count++;
    }
    buf_release(&word);
    if (status && status != STATUS_END)
        return status;
    if (!count)
        return STATUS_OK;
    if (count > 3)
        return fault_set(fault, STATUS_INVALID, "too many words; quote what has spaces");
    return check(command, count > 1, count > 2, fault);
}

// ---- JSON ---------------------------------------------------------------------------

static enum status read_members(struct command *command, const json_t *json, struct fault *fault)
{
    const char *op = json_string_value(json_object_get(json, "op"));
    const char *context = json_string_value(json_object_get(json, "context"));
    const json_t *key = json_object_get(json, "key");
    const json_t *value = json_object_get(json, "value");
    if (!json_is_object(json))
        return fault_set(fault, STATUS_INVALID, "an object was expected");
    command->verb = find_verb(bytes_of_text(op ? op : ""));
    command->id = json_incref(json_object_get(json, "id"));
    command->sibling = json_is_true(json_object_get(json, "sibling"));
    command->strict = json_is_true(json_object_get(json, "strict"));
    if (key && jsonl_parse_bytes(key, &command->key))
        return fault_set(fault, STATUS_INVALID, "\"key\" is not a string or {\"b64\":...}");
    if (value && jsonl_parse_bytes(value, &command->value))
        return fault_set(fault, STATUS_INVALID, "\"value\" is not a string or {\"b64\":...}");
    enum status status = STATUS_OK;
    if (context && *context)
        status = argument_context(context, &command->context, fault);
    const char *level = command->verb == COMMAND_GET ? "read_quorum" : "write_quorum";
    if (!status)
        status =
            argument_level(json_string_value(json_object_get(json, level)), &command->level, fault);
    return status ? status : check(command, key, value, fault);
}

enum status command_parse_json(struct command *command, struct bytes line, struct fault *fault)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)line.data, line.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json)
        return fault_set(fault, STATUS_INVALID, "not JSON at byte %d: %s", error.position,
                         error.text);
    enum status status = read_members(command, json, fault);
    json_decref(json);
    return status;
}
