// Every file of a database has one name, and no other name is taken for one.
#include "unit/unit.h"

#include "lsm/file/file_name.h"

TEST(a_name_is_parsed_to_what_it_was_made_from)
{
    static const enum file_kind kinds[] = {FILE_MANIFEST, FILE_LOG,      FILE_TABLE,
                                           FILE_VALUES,   FILE_SNAPSHOT, FILE_TEMPORARY};
    static const uint64_t numbers[] = {0, 1, 999999, 1000000, 2147483647};
    struct buf name = {0};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (size_t n = 0; n < 5; n++) {
            uint64_t number;
            buf_clear(&name);
            file_name_format(&name, kinds[k], numbers[n]);
            assert_int_equal(file_name_parse(buf_text(&name), &number), kinds[k]);
            assert_true(number == numbers[n]);
        }
    }
    buf_release(&name);
}

TEST(foreign_files_are_left_alone)
{
    static const char *const names[] = {"",
                                        "1.log",
                                        "000001.logs",
                                        "0000001.log",
                                        "README",
                                        "MANIFEST-1",
                                        "-00001.tbl",
                                        "000001",
                                        "current",
                                        "MANIFEST-",
                                        " 000001.log",
                                        "CURRENT.old",
                                        "000001.log~",
                                        "2147483648.tbl"};
    uint64_t number;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(file_name_parse(names[i], &number), FILE_FOREIGN);
    assert_int_equal(file_name_parse("CURRENT", &number), FILE_CURRENT);
    assert_int_equal(file_name_parse("LOCK", &number), FILE_LOCK);
}
