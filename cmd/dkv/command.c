#include "dkv/command.h"

#include "dkv/arguments.h"
#include "dkv/jsonl.h"
#include "dkv/level.h"

void command_release(struct command *command)
{
    json_decref(command->id);
    buf_release(&command->key);
    buf_release(&command->value);
    buf_release(&command->context);
    buf_release(&command->if_match);
    *command = (struct command){0};
}

static const char *const verb_names[] = {[COMMAND_NONE] = "",
                                         [COMMAND_GET] = "get",
                                         [COMMAND_PUT] = "put",
                                         [COMMAND_DEL] = "del",
                                         [COMMAND_QUIT] = "quit"};

enum {
    GET = 1u << COMMAND_GET,
    PUT = 1u << COMMAND_PUT,
    WRITES = 1u << COMMAND_PUT | 1u << COMMAND_DEL
};

enum kind { KIND_FLAG, KIND_LEVEL, KIND_CONTEXT, KIND_TTL };

// An option of a line: a word, or a member with '_' for '-'.
static const struct option {
    char letter;
    const char *name;
    enum kind kind;
    unsigned verbs; // that know it
    size_t offset;
} options[] = {
    {'W', "write-quorum", KIND_LEVEL, WRITES, offsetof(struct command, write_level)},
    {'R', "read-quorum", KIND_LEVEL, GET, offsetof(struct command, read_level)},
    {0, "strict", KIND_FLAG, GET | WRITES, offsetof(struct command, strict)},
    {0, "local", KIND_FLAG, GET, offsetof(struct command, local)},
    {0, "sibling", KIND_FLAG, WRITES, offsetof(struct command, sibling)},
    {0, "ttl", KIND_TTL, PUT, offsetof(struct command, ttl_ms)},
    {0, "if-absent", KIND_FLAG, WRITES, offsetof(struct command, if_absent)},
    {0, "if-match", KIND_CONTEXT, WRITES, offsetof(struct command, if_match)},
    {0, "context", KIND_CONTEXT, WRITES, offsetof(struct command, context)},
};

enum { OPTIONS_COUNT = sizeof options / sizeof *options };

static enum status find_verb(struct command *command, struct bytes name, struct fault *fault)
{
    for (unsigned i = COMMAND_GET; i <= COMMAND_QUIT; i++) {
        command->verb = (enum command_verb)i;
        if (bytes_equal(name, bytes_of_text(verb_names[i])))
            return STATUS_OK;
    }
    command->verb = COMMAND_NONE;
    return fault_set(fault, STATUS_INVALID, "unknown verb; use get, put, del or quit");
}

static void set_flag(struct command *command, const struct option *option, bool value)
{
    *(bool *)((char *)command + option->offset) = value;
}

static enum status set_text(struct command *command, const struct option *option, const char *text,
                            struct fault *fault)
{
    void *value = (char *)command + option->offset;
    if (option->kind == KIND_TTL)
        return argument_ttl(text, value, fault);
    return option->kind == KIND_LEVEL ? level_parse(text, value, fault)
                                      : argument_token("context", text, value, fault);
}

static enum status check(const struct command *command, bool has_key, bool has_value,
                         struct fault *fault)
{
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
    bool has_context = command->context.size, is_match = command->if_match.size;
    if (command->if_absent + is_match + (has_context || command->sibling) > 1)
        return fault_set(fault, STATUS_INVALID,
                         "if-absent, if-match, context and sibling exclude each other");
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

// "--write-quorum", "--write-quorum=2", "-W" or "-W2"; *value is NULL if none is attached.
static const struct option *find_option(enum command_verb verb, const char *word,
                                        const char **value)
{
    bool is_long = word[1] == '-';
    size_t size = is_long ? strcspn(word, "=") : 2;
    *value = word[size] ? word + size + is_long : NULL;
    for (unsigned i = 0; i < OPTIONS_COUNT; i++) {
        const struct option *option = &options[i];
        if (!(option->verbs & 1u << verb))
            continue;
        if (is_long ? bytes_equal(bytes_of(word + 2, size - 2), bytes_of_text(option->name))
                    : word[1] == option->letter)
            return option;
    }
    return NULL;
}

// The option in `word`, and the word after it if that is its value.
static enum status read_option(struct command *command, struct reader *line, struct buf *word,
                               struct fault *fault)
{
    const char *text = buf_text(word), *value;
    const struct option *option = find_option(command->verb, text, &value);
    if (!option)
        return fault_set(fault, STATUS_INVALID, "unknown option %.*s", (int)strcspn(text, "="),
                         text);
    if (option->kind == KIND_FLAG && value)
        return fault_set(fault, STATUS_INVALID, "--%s takes no value", option->name);
    if (option->kind == KIND_FLAG) {
        set_flag(command, option, true);
        return STATUS_OK;
    }
    if (value)
        return set_text(command, option, value, fault);
    enum status status = next_word(line, word, fault);
    if (status == STATUS_END)
        return fault_set(fault, STATUS_INVALID, "--%s needs a value", option->name);
    return status ? status : set_text(command, option, buf_text(word), fault);
}

enum status command_parse_words(struct command *command, struct bytes text, struct fault *fault)
{
    struct reader line = reader_of(text);
    struct buf word = {0};
    unsigned count = 0;
    bool takes_options = true;
    enum status status;
    while (!(status = next_word(&line, &word, fault))) {
        if (!count && word.size && *word.data == '#')
            break;
        if (!count) {
            status = find_verb(command, buf_bytes(&word), fault);
            count = 1;
        } else if (takes_options && bytes_equal(buf_bytes(&word), bytes_of_text("--"))) {
            takes_options = false;
        } else if (takes_options && word.size > 1 && *word.data == '-') {
            status = read_option(command, &line, &word, fault);
        } else {
            if (count < 3)
                buf_set(count == 1 ? &command->key : &command->value, buf_bytes(&word));
            count++;
        }
        if (status)
            break;
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

static bool is_member(const struct option *option, const char *name)
{
    const char *at = option->name;
    while (*at && *name == (*at == '-' ? '_' : *at)) {
        at++;
        name++;
    }
    return !*at && !*name;
}

// The text of a level or a context: a number, a string or {"b64":...}. INVALID if it is
// neither, or holds a NUL.
static enum status member_text(const json_t *value, struct buf *text)
{
    if (json_is_integer(value)) {
        buf_printf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return STATUS_OK;
    }
    enum status status = jsonl_parse_bytes(value, text);
    return !status && strlen(buf_text(text)) != text->size ? STATUS_INVALID : status;
}

static enum status read_option_member(struct command *command, const struct option *option,
                                      const char *name, const json_t *value, struct fault *fault)
{
    struct buf text = {0};
    enum status status = STATUS_OK;
    if (option->kind == KIND_FLAG && json_is_boolean(value))
        set_flag(command, option, json_is_true(value));
    else if (option->kind == KIND_FLAG)
        status = fault_set(fault, STATUS_INVALID, "\"%s\" is neither true nor false", name);
    else if (option->kind == KIND_CONTEXT && json_is_integer(value))
        status = fault_set(fault, STATUS_INVALID, "\"%s\" is not a string", name);
    else if (member_text(value, &text))
        status = fault_set(fault, STATUS_INVALID, "\"%s\" is not a string%s", name,
                           option->kind == KIND_CONTEXT ? "" : " or a number");
    else if (option->kind != KIND_CONTEXT || text.size) // "" is no context
        status = set_text(command, option, buf_text(&text), fault);
    buf_release(&text);
    return status;
}

static enum status read_member(struct command *command, const char *name, const json_t *value,
                               struct fault *fault)
{
    bool is_key = !strcmp(name, "key");
    if (!strcmp(name, "id") || !strcmp(name, "op"))
        return STATUS_OK; // read before
    if (is_key || !strcmp(name, "value")) {
        if (jsonl_parse_bytes(value, is_key ? &command->key : &command->value))
            return fault_set(fault, STATUS_INVALID, "\"%s\" is not a string or {\"b64\":...}",
                             name);
        return STATUS_OK;
    }
    for (unsigned i = 0; i < OPTIONS_COUNT; i++)
        if (options[i].verbs & 1u << command->verb && is_member(&options[i], name))
            return read_option_member(command, &options[i], name, value, fault);
    return fault_set(fault, STATUS_INVALID, "%s has no member \"%s\"", verb_names[command->verb],
                     name);
}

static enum status read_members(struct command *command, json_t *json, struct fault *fault)
{
    if (!json_is_object(json))
        return fault_set(fault, STATUS_INVALID, "an object was expected");
    command->id = json_incref(json_object_get(json, "id"));
    const json_t *op = json_object_get(json, "op");
    if (!json_is_string(op))
        return fault_set(fault, STATUS_INVALID,
                         op ? "\"op\" is not a string" : "\"op\" is missing");
    enum status status =
        find_verb(command, bytes_of(json_string_value(op), json_string_length(op)), fault);
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
    {
        if (!status)
            status = read_member(command, name, value, fault);
    }
    return status ? status
                  : check(command, json_object_get(json, "key"), json_object_get(json, "value"),
                          fault);
}

// The id of a line that cannot be taken, so that its answer can be told apart: a number
// that is too great, or a member twice. NULL if there is none.
static json_t *rescue_id(struct bytes line)
{
    json_t *json = json_loadb((const char *)line.data, line.size,
                              JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    json_t *id = json_incref(json_object_get(json, "id"));
    json_decref(json);
    double number = json_real_value(id);
    static const double exact_max = 9007199254740992.0; // 2^53
    if (json_is_real(id) && number > -exact_max && number < exact_max &&
        number == (double)(json_int_t)number) {
        json_decref(id);
        id = json_integer((json_int_t)number);
    }
    return id;
}

enum status command_parse_json(struct command *command, struct bytes line, struct fault *fault)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)line.data, line.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json) {
        command->id = rescue_id(line);
        return fault_set(fault, STATUS_INVALID, "not JSON at byte %d: %s", error.position,
                         error.text);
    }
    enum status status = read_members(command, json, fault);
    json_decref(json);
    return status;
}
