// Every outcome has a phrase and the exit status that dkv(1) promises for it.
#include "unit/unit.h"

#include "base/status.h"

#include <string.h>

TEST(the_exit_status_tells_written_from_not_written_from_not_known)
{
    assert_int_equal(status_exit_code(STATUS_OK), 0);
    assert_int_equal(status_exit_code(STATUS_UNAVAILABLE), 5);
    assert_int_equal(status_exit_code(STATUS_EXHAUSTED), 5);
    assert_int_equal(status_exit_code(STATUS_INDETERMINATE), 6);
}

TEST(what_is_broken_on_our_side_is_1)
{
    assert_int_equal(status_exit_code(STATUS_INTERNAL), 1);
    assert_int_equal(status_exit_code(STATUS_CORRUPT), 1);
    assert_int_equal(status_exit_code(STATUS_IO), 1);
    assert_int_equal(status_exit_code((enum status)9999), 1);
}

TEST(every_class_of_the_manual_has_its_number)
{
    static const struct {
        enum status status;
        int code;
    } classes[] = {
        {STATUS_INVALID, 2},         {STATUS_NOT_FOUND, 3},     {STATUS_SIBLINGS, 4},
        {STATUS_TIMEOUT, 7},         {STATUS_UNREACHABLE, 7},   {STATUS_PRECONDITION, 8},
        {STATUS_PARTIAL, 9},         {STATUS_TOO_LARGE, 10},    {STATUS_REFUSED, 10},
        {STATUS_NOT_AUTHORISED, 10}, {STATUS_DISK_FULL, 10},    {STATUS_SIBLING_CAP, 10},
        {STATUS_RING_CHANGED, 11},   {STATUS_CHECK_FAILED, 12},
    };
    for (unsigned i = 0; i < sizeof classes / sizeof *classes; i++)
        assert_int_equal(status_exit_code(classes[i].status), classes[i].code);
}

TEST(every_status_has_a_phrase_of_its_own)
{
    for (int i = 0; i < STATUS_COUNT; i++) {
        assert_string_not_equal(status_text((enum status)i), "unknown status");
        for (int j = 0; j < i; j++)
            assert_string_not_equal(status_text((enum status)i), status_text((enum status)j));
    }
    assert_string_equal(status_text((enum status)9999), "unknown status");
}
