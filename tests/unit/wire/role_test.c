// Who may ask what of whom.
#include "unit/unit.h"

#include "wire/role.h"

TEST(a_role_is_read_as_it_is_written)
{
    for (int i = ROLE_READER; i <= ROLE_PEER; i++) {
        enum role role = ROLE_NONE;
        assert_int_equal(role_parse(bytes_of_text(role_text((enum role)i)), &role), STATUS_OK);
        assert_int_equal(role, i);
    }
    static const char *const wrong[] = {"", "none", "Admin", "peer ", "root", "pee"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        enum role role = ROLE_READER;
        assert_int_equal(role_parse(bytes_of_text(wrong[i]), &role), STATUS_INVALID);
        assert_int_equal(role, ROLE_READER);
    }
    assert_string_equal(role_text((enum role)77), "none");
}
