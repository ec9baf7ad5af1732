// A line of the shell, as words or as JSON: what it means, or what is wrong with it.
#include "unit/unit.h"

#include "causal/record.h"
#include "dkv/command.h"
#include "ring/ring.h"

#include <string.h>

static struct command command;
static struct fault fault;

static enum status words(const char *line)
{
    command_release(&command);
    *fault.text = 0;
    return command_parse_words(&command, bytes_of_text(line), &fault);
}

static enum status json(const char *line)
{
    command_release(&command);
    *fault.text = 0;
    return command_parse_json(&command, bytes_of_text(line), &fault);
}

static void expect(enum command_verb verb, const char *key, const char *value)
{
    assert_int_equal(command.verb, verb);
    assert_string_equal(buf_text(&command.key), key);
    assert_string_equal(buf_text(&command.value), value);
}

TEST(words_are_quoted_as_in_sh)
{
    assert_int_equal(words("put 'a b' \"c\\\"d\""), STATUS_OK);
    expect(COMMAND_PUT, "a b", "c\"d");
    assert_int_equal(words("  put\ta\\ b c'd'\"e\"\r"), STATUS_OK);
    expect(COMMAND_PUT, "a b", "cde");
    assert_int_equal(words("put '' v"), STATUS_INVALID);
    assert_int_equal(words("put 'a v"), STATUS_INVALID);
    assert_string_equal(fault.text, "a quote is not closed");
}

TEST(an_empty_line_and_a_comment_are_no_command)
{
    static const char *const lines[] = {"", "   ", "# put k v", "  #"};
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(words(lines[i]), STATUS_OK);
        assert_int_equal(command.verb, COMMAND_NONE);
    }
}

TEST(options_stand_anywhere_before_two_dashes)
{
    assert_int_equal(words("put --sibling k -W 2 v --strict"), STATUS_OK);
    expect(COMMAND_PUT, "k", "v");
    assert_true(command.sibling && command.strict);
    assert_int_equal(command.write_level, 2);
    assert_int_equal(words("get -R=2 k"), STATUS_INVALID);
    assert_int_equal(words("get --read-quorum=all k"), STATUS_OK);
    assert_int_equal(command.read_level, RING_LEVEL_ALL);
    assert_int_equal(words("put -- -k --strict"), STATUS_OK);
    expect(COMMAND_PUT, "-k", "--strict");
    assert_false(command.strict);
}

TEST(an_option_of_another_verb_or_without_its_value_is_refused)
{
    assert_int_equal(words("get --sibling k"), STATUS_INVALID);
    assert_int_equal(words("del --ttl 1 k"), STATUS_INVALID);
    assert_int_equal(words("put k v --local"), STATUS_INVALID);
    assert_int_equal(words("put k v -W"), STATUS_INVALID);
    assert_string_equal(fault.text, "--write-quorum needs a value");
    assert_int_equal(words("put --strict=1 k v"), STATUS_INVALID);
}

TEST(one_option_at_most_says_what_is_superseded)
{
    assert_int_equal(words("put --if-absent k v"), STATUS_OK);
    assert_true(command.if_absent);
    assert_int_equal(words("put --if-match AAAA k v"), STATUS_OK);
    assert_int_equal(command.if_match.size, 3);
    assert_int_equal(command.context.size, 0);
    assert_int_equal(json("{\"op\":\"del\",\"key\":\"k\",\"if_match\":\"AAAA\"}"), STATUS_OK);
    assert_int_equal(command.if_match.size, 3);
    assert_int_equal(words("put --if-absent --if-match AAAA k v"), STATUS_INVALID);
    assert_int_equal(words("put --context AAAA --if-match AAAA k v"), STATUS_INVALID);
    assert_int_equal(words("put --sibling --if-absent k v"), STATUS_INVALID);
    assert_int_equal(words("put --sibling --context AAAA k v"), STATUS_OK);
    assert_int_equal(words("get --if-absent k"), STATUS_INVALID);
}

TEST(a_put_has_a_value_and_nothing_else_has)
{
    assert_int_equal(words("put k"), STATUS_INVALID);
    assert_int_equal(words("put k ''"), STATUS_OK);
    assert_int_equal(words("get k v"), STATUS_INVALID);
    assert_int_equal(words("put k v w"), STATUS_INVALID);
    assert_int_equal(json("{\"op\":\"get\",\"key\":\"k\",\"value\":\"v\"}"), STATUS_INVALID);
}

TEST(a_time_to_live_is_whole_seconds_and_never_0)
{
    assert_int_equal(words("put --ttl 90 k v"), STATUS_OK);
    assert_int_equal(command.ttl_ms, 90 * 1000);
    assert_int_equal(words("put k v"), STATUS_OK);
    assert_int_equal(command.ttl_ms, 0);
    assert_int_equal(words("put --ttl 0 k v"), STATUS_INVALID);
    assert_int_equal(words("put --ttl 1.5 k v"), STATUS_INVALID);
    assert_int_equal(words("put --ttl 18446744073709551615 k v"), STATUS_INVALID);
    assert_int_equal(json("{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\",\"ttl\":90}"), STATUS_OK);
    assert_int_equal(command.ttl_ms, 90 * 1000);
    assert_int_equal(json("{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\",\"ttl\":\"90\"}"),
                     STATUS_OK);
    assert_int_equal(json("{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\",\"ttl\":-1}"),
                     STATUS_INVALID);
    assert_int_equal(json("{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\",\"ttl\":true}"),
                     STATUS_INVALID);
    assert_string_equal(fault.text, "\"ttl\" is not a string or a number");
}

TEST(bytes_that_are_no_text_come_as_base64)
{
    assert_int_equal(
        json("{\"op\":\"put\",\"key\":{\"b64\":\"AGs=\"},\"value\":{\"b64\":\"/w==\"}}"),
        STATUS_OK);
    assert_int_equal(command.key.size, 2);
    assert_memory_equal(command.key.data, "\0k", 2);
    assert_memory_equal(command.value.data, "\xff", 1);
}

TEST(nothing_that_an_object_says_is_ignored)
{
    assert_int_equal(json("{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\",\"wrong\":1}"),
                     STATUS_INVALID);
    assert_string_equal(fault.text, "put has no member \"wrong\"");
    assert_int_equal(json("{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\",\"key\":\"l\"}"),
                     STATUS_INVALID);
    assert_int_equal(json("{\"key\":\"k\"}"), STATUS_INVALID);
    assert_int_equal(json("[]"), STATUS_INVALID);
    assert_int_equal(json("nonsense"), STATUS_INVALID);
}

TEST(a_line_that_cannot_be_taken_keeps_its_id)
{
    assert_int_equal(json("{\"id\":7,\"op\":\"fly\"}"), STATUS_INVALID);
    assert_int_equal(json_integer_value(command.id), 7);
    assert_int_equal(json("{\"id\":7,\"op\":\"get\",\"op\":\"get\"}"), STATUS_INVALID);
    assert_int_equal(json_integer_value(command.id), 7);
    assert_int_equal(json("{\"op\":\"get\"}"), STATUS_INVALID);
    assert_null(command.id);
}

TEST(a_key_that_is_too_long_is_too_large)
{
    struct buf line = {0};
    buf_append_text(&line, "get ");
    for (unsigned i = 0; i <= RECORD_KEY_SIZE_MAX; i++)
        buf_append_u8(&line, 'k');
    assert_int_equal(words(buf_text(&line)), STATUS_TOO_LARGE);
    buf_release(&line);
}
