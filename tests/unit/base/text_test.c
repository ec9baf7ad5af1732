// What people write is read as they mean it, or refused with what was expected.
#include "unit/unit.h"

#include "base/random.h"
#include "base/text.h"

static const uint64_t untouched = 12345;

static struct bytes text_of(const char *text)
{
    return bytes_of_text(text);
}

static void assert_text(struct buf *buf, const char *expected)
{
    assert_string_equal(buf_text(buf), expected);
    buf_clear(buf);
}

TEST(numbers_are_decimal_and_fit_in_64_bits)
{
    uint64_t number = 0;
    assert_int_equal(text_parse_number(text_of("18446744073709551615"), &number, NULL), STATUS_OK);
    assert_true(number == UINT64_MAX);
    static const char *const refused[] = {"",   "-1",   "+1",  " 1",
                                          "1 ", "0x10", "1e3", "18446744073709551616"};
    number = untouched;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(text_parse_number(text_of(refused[i]), &number, NULL), STATUS_INVALID);
    assert_int_equal(number, untouched);
}

TEST(hexadecimal_comes_back_and_is_read_in_both_cases)
{
    static const uint8_t bytes[] = {0x00, 0x9a, 0xbf, 0xff};
    uint8_t back[4];
    struct buf buf = {0};
    struct fault fault;
    text_format_hex(bytes_of(bytes, 4), &buf);
    assert_text(&buf, "009abfff");
    assert_int_equal(text_parse_hex(text_of("009ABFff"), back, 4, NULL), STATUS_OK);
    assert_memory_equal(bytes, back, 4);
    assert_int_equal(text_parse_hex(text_of("009abf"), back, 4, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "expected 8 hexadecimal digits");
    assert_int_equal(text_parse_hex(text_of("009abfff0"), back, 4, NULL), STATUS_INVALID);
    assert_int_equal(text_parse_hex(text_of("009abffg"), back, 4, NULL), STATUS_INVALID);
    buf_release(&buf);
}

TEST(sizes_are_bytes_binary_units_or_a_part_of_the_whole)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {{"0", 0},           {"4096", 4096},       {"10KiB", 10240}, {"64MiB", 64u << 20},
                {"2GiB", 2u << 30}, {"1TiB", 1ull << 40}, {"25%", 50},      {"100%", 201}};
    uint64_t size;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(text_parse_size(text_of(good[i].text), 201, &size, NULL), STATUS_OK);
        assert_true(size == good[i].size);
    }
    static const char *const refused[] = {"",  "KiB", "1.5GiB", "64MB", "64 MiB", "101%",
                                          "%", "-1",  "64mib",  "5%%",  "1KiBx",  "16777216TiB"};
    size = untouched;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(text_parse_size(text_of(refused[i]), 201, &size, NULL), STATUS_INVALID);
    struct fault fault;
    assert_int_equal(text_parse_size(text_of("5%"), 0, &size, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "a percentage has no meaning here");
    assert_int_equal(size, untouched);
    assert_int_equal(text_parse_size(text_of("100%"), UINT64_MAX, &size, NULL), STATUS_OK);
    assert_true(size == UINT64_MAX);
}

TEST(durations_have_a_unit)
{
    static const struct {
        const char *text;
        uint64_t duration_ms;
    } good[] = {{"0", 0},        {"0s", 0},         {"200ms", 200},         {"5s", 5000},
                {"10m", 600000}, {"24h", 86400000}, {"14d", 14u * 86400000}};
    uint64_t duration_ms;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(text_parse_duration(text_of(good[i].text), &duration_ms, NULL), STATUS_OK);
        assert_true(duration_ms == good[i].duration_ms);
    }
    static const char *const refused[] = {"",      "5",     "ms",  "1.5s",
                                          "10min", "1h30m", "-1s", "213503982335d"};
    duration_ms = untouched;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(text_parse_duration(text_of(refused[i]), &duration_ms, NULL),
                         STATUS_INVALID);
    assert_int_equal(duration_ms, untouched);
}

TEST(sizes_and_durations_are_written_exactly_and_come_back)
{
    struct buf buf = {0};
    text_format_size(64u << 20, &buf);
    assert_text(&buf, "64MiB");
    text_format_size(1025, &buf);
    assert_text(&buf, "1025");
    text_format_size(0, &buf);
    assert_text(&buf, "0");
    text_format_duration(0, &buf);
    assert_text(&buf, "0ms");
    text_format_duration(90 * 1000, &buf);
    assert_text(&buf, "90s");
    text_format_duration(3 * 86400000, &buf);
    assert_text(&buf, "3d");
    struct random random;
    random_init(&random, 3);
    for (int i = 0; i < 2000; i++) {
        uint64_t number = random_u64(&random) >> random_below(&random, 64), back = 0;
        number <<= random_below(&random, 40);
        buf_clear(&buf);
        text_format_size(number, &buf);
        assert_int_equal(text_parse_size(buf_bytes(&buf), 0, &back, NULL), STATUS_OK);
        assert_true(back == number);
        buf_clear(&buf);
        text_format_duration(number, &buf);
        assert_int_equal(text_parse_duration(buf_bytes(&buf), &back, NULL), STATUS_OK);
        assert_true(back == number);
    }
    buf_release(&buf);
}

TEST(a_field_of_any_bytes_comes_back_from_a_line)
{
    struct random random;
    random_init(&random, 4);
    struct buf field = {0}, line = {0}, back = {0};
    for (int round = 0; round < 1000; round++) {
        buf_clear(&field);
        buf_clear(&line);
        buf_clear(&back);
        for (uint64_t size = random_below(&random, 40); size > 0; size--)
            buf_append_u8(&field, (uint8_t)random_u64(&random));
        text_escape_tsv(buf_bytes(&field), &line);
        for (size_t i = 0; i < line.size; i++)
            assert_true(line.data[i] >= 0x20 && line.data[i] != 0x7f);
        assert_int_equal(text_unescape_tsv(buf_bytes(&line), &back, NULL), STATUS_OK);
        assert_true(bytes_equal(buf_bytes(&field), buf_bytes(&back)));
    }
    buf_clear(&line);
    text_escape_tsv(bytes_of("a\tb\nc\rd\\e\0f\x7f\xc3\xa9", 14), &line);
    assert_text(&line, "a\\tb\\nc\\rd\\\\e\\x00f\\x7f\xc3\xa9");
    buf_release(&field);
    buf_release(&line);
    buf_release(&back);
}

TEST(a_bad_escape_or_a_raw_tab_is_refused_and_appends_nothing)
{
    static const char *const refused[] = {"ab\\",    "ab\\q", "ab\\x", "ab\\x4", "ab\\x4g",
                                          "ab\\X41", "ab\\N", "ab\tc", "ab\n"};
    struct buf out = {0};
    struct fault fault;
    buf_append_text(&out, "kept");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(text_unescape_tsv(text_of(refused[i]), &out, &fault), STATUS_INVALID);
        assert_string_equal(buf_text(&out), "kept");
        assert_non_null(strstr(fault.text, "at byte 2"));
    }
    assert_int_equal(text_unescape_tsv(bytes_of("\\\0", 2), &out, NULL), STATUS_INVALID);
    assert_int_equal(text_unescape_tsv(text_of("\\x4A\\x4b"), &out, NULL), STATUS_OK);
    assert_text(&out, "keptJK");
    buf_release(&out);
}

TEST(a_log_line_holds_nothing_that_a_terminal_obeys)
{
    struct buf buf = {0};
    text_escape_log(text_of("key \x1b[2J\r\n \xc2\x9b \x9b \\ caf\xc3\xa9 \xf0\x9f\x98\x80"), &buf);
    assert_text(&buf, "key \\x1b[2J\\r\\n \\xc2\\x9b \\x9b \\\\ caf\xc3\xa9 \xf0\x9f\x98\x80");
    text_escape_log(text_of("\xed\xa0\x80\xc3"), &buf);
    assert_text(&buf, "\\xed\\xa0\\x80\\xc3");
    buf_release(&buf);
}

TEST(utf8_is_what_the_standard_calls_well_formed)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xc3",
                                      "\xe2\x82",
                                      "a\xff",
                                      "\xe2\x28\xa1",
                                      "\xf0\x9f\x98"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(text_is_utf8(text_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_is_utf8(text_of(bad[i])));
}
