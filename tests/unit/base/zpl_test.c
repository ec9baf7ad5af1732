// A file in ZPL means what it says, or nothing.
#include "unit/unit.h"

#include "base/zpl.h"

TEST(entries_come_with_path_value_and_line)
{
    struct zpl zpl = zpl_of(bytes_of_text("# comment\n"
                                          "top = 1\n"
                                          "\n"
                                          "ping   # a section\n"
                                          "    interval = \"200ms\"  # quoted\n"
                                          "    bare = a b  # not quoted\r\n"
                                          "    sharp = 'a#b\"c'\n"
                                          "    empty = \"\"\n"
                                          "other\n"
                                          "last = x"));
    static const struct {
        const char *path, *value;
        unsigned line;
    } expected[] = {{"top", "1", 2},         {"ping/interval", "200ms", 5},
                    {"ping/bare", "a b", 6}, {"ping/sharp", "a#b\"c", 7},
                    {"ping/empty", "", 8},   {"last", "x", 10}};
    struct zpl_entry entry;
    for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(zpl_next(&zpl, &entry, NULL), STATUS_OK);
        assert_string_equal(entry.path, expected[i].path);
        assert_true(bytes_equal(entry.value, bytes_of_text(expected[i].value)));
        assert_int_equal(entry.line, expected[i].line);
    }
    assert_int_equal(zpl_next(&zpl, &entry, NULL), STATUS_END);
    assert_int_equal(zpl_next(&zpl, &entry, NULL), STATUS_END);
}

TEST(every_other_line_is_an_error)
{
    static const char *const wrong[] = {
        "    a = 1\n",        // indented outside a section
        "s\n  a = 1\n",       // two spaces
        "s\n        a = 1\n", // a section in a section
        "s\n    a\n",         // a section in a section
        "s\n\ta = 1\n",       // a tab
        "a = \"b\n",          // no end of the quote
        "a = \"b\" c\n",      // text behind the value
        "a = b#c\n",          // comment or not?
        "a =\n",              // no value
        "a = # b\n",          // no value
        "a = \"b\x01\"\n",    // a control character
        "= 1\n",              // no name
        "a/b = 1\n",          // a path is no name
        "a b = 1\n",          // nor are two names
        "abcdefghijklmnopqrstuvwxyz0123456789 = 1\n",
        "\xff\n",
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct zpl zpl = zpl_of(bytes_of_text(wrong[i]));
        struct zpl_entry entry;
        struct fault fault = {0};
        enum status status;
        while (!(status = zpl_next(&zpl, &entry, &fault)))
            continue;
        if (status != STATUS_INVALID)
            fail_msg("accepted: %s", wrong[i]);
        assert_true(fault.text[0] != 0);
    }
}

TEST(an_empty_text_has_no_entries)
{
    struct zpl zpl = zpl_of((struct bytes){0});
    struct zpl_entry entry;
    assert_int_equal(zpl_next(&zpl, &entry, NULL), STATUS_END);
}
