// Every pair comes back from every format that can hold it; everything else is refused by
// name, and no split of the stream into pieces makes a difference.
#include "unit/unit.h"

#include "base/random.h"
#include "dkv/bulk/format.h"

static const enum format formats[] = {FORMAT_TSV, FORMAT_JSON, FORMAT_CDB, FORMAT_NULL};
enum { FORMAT_COUNT = 4 };

// Feeds `piece` bytes at a time and writes what comes out as text, an event a line.
static void read_all(enum format format, bool keys_only, struct bytes text, size_t piece,
                     struct buf *out)
{
    struct format_reader reader;
    struct pair pair;
    struct fault fault = {""};
    size_t fed = 0;
    format_reader_init(&reader, format, keys_only);
    for (;;) {
        enum format_event event = format_next(&reader, &pair, &fault);
        if (event == FORMAT_MORE) {
            size_t room, size = text.size - fed < piece ? text.size - fed : piece;
            uint8_t *space = format_reader_space(&reader, &room);
            size = size < room ? size : room;
            if (size)
                memcpy(space, text.data + fed, size);
            fed += size;
            format_reader_feed(&reader, size);
            if (!size)
                format_reader_end(&reader);
            continue;
        }
        if (event == FORMAT_END || event == FORMAT_BROKEN) {
            buf_append_text(out, event == FORMAT_END ? "end" : "broken");
            break;
        }
        if (event == FORMAT_PAIR) {
            buf_append(out, pair.key);
            buf_append_text(out, "=");
            buf_append(out, pair.value);
            buf_append_text(out, "\n");
        } else if (event == FORMAT_REJECT) {
            buf_append_text(out, "reject ");
            buf_append(out, pair.raw);
        }
    }
    format_reader_release(&reader);
}

static void check(enum format format, bool keys_only, struct bytes text, const char *expected)
{
    for (size_t piece = 1; piece <= text.size + 1; piece++) {
        struct buf out = {0};
        read_all(format, keys_only, text, piece, &out);
        assert_string_equal(buf_text(&out), expected);
        buf_release(&out);
    }
}

#define CHECK(format, text, expected)                                                              \
    check(format, false, bytes_of(text, sizeof(text) - 1), expected)
#define CHECK_KEYS(format, text, expected)                                                         \
    check(format, true, bytes_of(text, sizeof(text) - 1), expected)

TEST(every_pair_comes_back)
{
    struct random random;
    random_init(&random, 1);
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t bytes[80];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)random_below(&random, round % 2 ? 256 : 16);
        struct bytes key = bytes_of(bytes, 1 + random_below(&random, 20));
        struct bytes value = bytes_of(bytes + 20, random_below(&random, 60));
        for (unsigned i = 0; i < FORMAT_COUNT; i++) {
            struct buf text = {0};
            struct pair pair;
            struct fault fault;
            struct format_reader reader;
            if (format_write(formats[i], key, value, &text)) {
                assert_int_equal(formats[i], FORMAT_NULL);
                assert_int_equal(text.size, 0);
                buf_release(&text);
                continue;
            }
            format_write_end(formats[i], &text);
            format_reader_init(&reader, formats[i], false);
            size_t room;
            memcpy(format_reader_space(&reader, &room), text.data, text.size);
            format_reader_feed(&reader, text.size);
            format_reader_end(&reader);
            assert_int_equal(format_next(&reader, &pair, &fault), FORMAT_PAIR);
            assert_true(bytes_equal(pair.key, key) && bytes_equal(pair.value, value));
            assert_int_equal(format_next(&reader, &pair, &fault), FORMAT_END);
            assert_int_equal(format_reader_offset(&reader), text.size);
            format_reader_release(&reader);
            buf_release(&text);
        }
    }
}

TEST(tsv_splits_at_the_first_tab_and_reads_escapes)
{
    CHECK(FORMAT_TSV, "a\tb\nc\\td\t\\x41\\\\\\n\n", "a=b\nc\td=A\\\n\nend");
    CHECK(FORMAT_TSV, "a\t\n", "a=\nend");
    CHECK(FORMAT_TSV, "a\tb", "a=b\nend"); // the last line needs no newline
    CHECK(FORMAT_TSV, "", "end");
}

TEST(tsv_rejects_a_line_without_tab_with_two_or_with_a_bad_escape)
{
    CHECK(FORMAT_TSV, "a\nb\tc\n", "reject a\nb=c\nend");
    CHECK(FORMAT_TSV, "a\tb\tc\n", "reject a\tb\tc\nend");
    CHECK(FORMAT_TSV, "a\t\\q\n", "reject a\t\\q\nend");
    CHECK(FORMAT_TSV, "a\t\\x4\n", "reject a\t\\x4\nend");
    CHECK(FORMAT_TSV, "a\tb\\\n", "reject a\tb\\\nend");
    CHECK(FORMAT_TSV, "\tb\n", "reject \tb\nend"); // an empty key
}

TEST(json_gives_strings_and_base64)
{
    CHECK(FORMAT_JSON, "{\"key\":\"a\",\"value\":\"b\\u00e4\"}\n", "a=b\xc3\xa4\nend");
    CHECK(FORMAT_JSON, "{\"v\":1,\"key\":{\"b64\":\"YQ==\"},\"value\":{\"b64\":\"YmM=\"}}",
          "a=bc\nend");
    CHECK(FORMAT_JSON, "{\"key\":\"a\",\"value\":1}\n", "reject {\"key\":\"a\",\"value\":1}\nend");
    CHECK(FORMAT_JSON, "{\"key\":\"a\"}\nx\n", "reject {\"key\":\"a\"}\nreject x\nend");
    CHECK(FORMAT_JSON, "{\"key\":{\"b64\":\"YR==\"},\"value\":\"\"}\n",
          "reject {\"key\":{\"b64\":\"YR==\"},\"value\":\"\"}\nend");
}

TEST(cdb_ends_with_an_empty_line_and_breaks_on_anything_else)
{
    CHECK(FORMAT_CDB, "+1,2:a->bc\n+2,0:xy->\n\nwhatever", "a=bc\nxy=\nend");
    CHECK(FORMAT_CDB, "\n", "end");
    CHECK(FORMAT_CDB, "+1,2:a->bc\n", "a=bc\nbroken");
    CHECK(FORMAT_CDB, "+1,2:a->bcd\n\n", "broken");
    CHECK(FORMAT_CDB, "+1,2:a=>bc\n\n", "broken");
    CHECK(FORMAT_CDB, "1,2:a->bc\n\n", "broken");
    CHECK(FORMAT_CDB, "+99999999999,2:a->bc\n\n", "broken");
    CHECK(FORMAT_CDB, "", "broken");
}

TEST(null_separates_keys_and_values)
{
    CHECK(FORMAT_NULL, "a\0b\nc\0d\0\0", "a=b\nc\nd=\nend");
    CHECK(FORMAT_NULL, "a\0b", "reject a"); // what follows is a NUL
    CHECK(FORMAT_NULL, "\0b\0", "reject "); // as here
}

TEST(keys_alone_are_read_too)
{
    CHECK_KEYS(FORMAT_TSV, "a\n\\x41b\n", "a=\nAb=\nend");
    CHECK_KEYS(FORMAT_TSV, "a\tb\n", "reject a\tb\nend");
    CHECK_KEYS(FORMAT_NULL, "a\0b\nc\0", "a=\nb\nc=\nend");
    CHECK_KEYS(FORMAT_JSON, "{\"key\":\"a\"}\n", "a=\nend");
    CHECK_KEYS(FORMAT_CDB, "+1,2:a->bc\n\n", "a=\nend");
}

TEST(a_key_or_value_that_is_too_long_is_rejected)
{
    struct buf text = {0};
    struct buf out = {0};
    memset(buf_grow(&text, 4097), 'k', 4097);
    buf_append_text(&text, "\tv\nk\tv\n");
    read_all(FORMAT_TSV, false, buf_bytes(&text), 1000, &out);
    assert_true(bytes_has_prefix(buf_bytes(&out), bytes_of_text("reject kkk")));
    assert_true(memcmp(out.data + out.size - 7, "k=v\nend", 7) == 0);
    buf_release(&text);
    buf_release(&out);
}

TEST(a_record_that_is_too_long_comes_in_parts_and_nothing_of_it_is_lost)
{
    struct format_reader reader;
    struct pair pair;
    struct fault fault;
    size_t fed = 0, size_all = FORMAT_RECORD_SIZE_MAX + 3 * 1000 * 1000, seen = 0, room;
    bool rejected = false, followed = false;
    format_reader_init(&reader, FORMAT_TSV, false);
    for (enum format_event event; (event = format_next(&reader, &pair, &fault)) != FORMAT_END;) {
        if (event == FORMAT_MORE && fed < size_all) {
            uint8_t *space = format_reader_space(&reader, &room);
            size_t size = size_all - fed < 100000 ? size_all - fed : 100000;
            size = size < room ? size : room;
            memset(space, 'x', size);
            fed += size;
            format_reader_feed(&reader, size);
        } else if (event == FORMAT_MORE && fed == size_all) {
            memcpy(format_reader_space(&reader, &room), "\nk\tv\n", 5);
            format_reader_feed(&reader, 5);
            fed += 5;
        } else if (event == FORMAT_MORE) {
            format_reader_end(&reader);
        } else if (event == FORMAT_PAIR) {
            followed = rejected;
        } else {
            seen += pair.raw.size;
            rejected |= event == FORMAT_REJECT;
        }
    }
    assert_true(followed);
    assert_int_equal(seen, size_all + 1);
    format_reader_release(&reader);
}
