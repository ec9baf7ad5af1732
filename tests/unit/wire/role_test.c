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

// The least role that a router and a store want for each request; 0 = nobody may.
static const struct {
    enum message_type type;
    enum role router, store;
} wanted[] = {
    {MESSAGE_HELLO, ROLE_READER, ROLE_READER},  {MESSAGE_PING, ROLE_READER, ROLE_READER},
    {MESSAGE_GET, ROLE_READER, ROLE_NONE},      {MESSAGE_SCAN, ROLE_READER, ROLE_NONE},
    {MESSAGE_ASK, ROLE_READER, ROLE_NONE},      {MESSAGE_PUT, ROLE_CLIENT, ROLE_NONE},
    {MESSAGE_UPDATE, ROLE_NONE, ROLE_PEER},     {MESSAGE_MERGE, ROLE_NONE, ROLE_PEER},
    {MESSAGE_FETCH, ROLE_NONE, ROLE_PEER},      {MESSAGE_FIND, ROLE_NONE, ROLE_PEER},
    {MESSAGE_SCAN_LOCAL, ROLE_NONE, ROLE_PEER},
};

static enum role wanted_for(int type, bool to_store)
{
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if ((int)wanted[i].type == type)
            return to_store ? wanted[i].store : wanted[i].router;
    }
    return ROLE_NONE;
}

TEST(every_role_may_send_what_is_listed_and_nothing_else)
{
    for (int type = 0; type < 256; type++) {
        for (int to_store = 0; to_store < 2; to_store++) {
            enum role least = wanted_for(type, to_store);
            for (int role = ROLE_NONE; role <= ROLE_PEER; role++)
                assert_int_equal(role_allows((enum role)role, (enum message_type)type, to_store),
                                 least != ROLE_NONE && role >= (int)least);
        }
    }
}
