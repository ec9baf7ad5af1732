// Who may ask what of whom, and where.
#include "wire/service.h"

#include "unit/unit.h"

// The least role that a router and a store want for each request; 0 = nobody may.
static const struct {
    enum message_type type;
    enum role router, store;
} wanted[] = {
    {MESSAGE_HELLO, ROLE_READER, ROLE_READER},  {MESSAGE_PING, ROLE_READER, ROLE_READER},
    {MESSAGE_GET, ROLE_READER, ROLE_NONE},      {MESSAGE_SCAN, ROLE_READER, ROLE_NONE},
    {MESSAGE_ASK, ROLE_READER, ROLE_PEER},      {MESSAGE_PUT, ROLE_CLIENT, ROLE_NONE},
    {MESSAGE_UPDATE, ROLE_NONE, ROLE_PEER},     {MESSAGE_MERGE, ROLE_NONE, ROLE_PEER},
    {MESSAGE_FETCH, ROLE_NONE, ROLE_PEER},      {MESSAGE_FIND, ROLE_NONE, ROLE_PEER},
    {MESSAGE_SCAN_LOCAL, ROLE_NONE, ROLE_PEER}, {MESSAGE_PREPARE, ROLE_PEER, ROLE_NONE},
    {MESSAGE_ACCEPT, ROLE_PEER, ROLE_NONE},     {MESSAGE_RING, ROLE_NONE, ROLE_PEER},
    {MESSAGE_SCAN_LOCAL, ROLE_NONE, ROLE_PEER}, {MESSAGE_INSPECT, ROLE_NONE, ROLE_PEER},
    {MESSAGE_EXPLAIN, ROLE_READER, ROLE_NONE},  {MESSAGE_OPEN, ROLE_NONE, ROLE_PEER},
    {MESSAGE_MEET, ROLE_NONE, ROLE_PEER},       {MESSAGE_TREE, ROLE_NONE, ROLE_PEER},
    {MESSAGE_LEAVES, ROLE_NONE, ROLE_PEER},     {MESSAGE_TAKE, ROLE_NONE, ROLE_PEER},
    {MESSAGE_RECONCILE, ROLE_NONE, ROLE_PEER},  {MESSAGE_ADOPT, ROLE_NONE, ROLE_PEER},
    {MESSAGE_DIGEST, ROLE_NONE, ROLE_PEER},     {MESSAGE_SCRUB, ROLE_NONE, ROLE_PEER},
    {MESSAGE_ENDINGS, ROLE_NONE, ROLE_PEER},    {MESSAGE_CLOSE, ROLE_NONE, ROLE_PEER},
    {MESSAGE_HEAR, ROLE_NONE, ROLE_PEER},
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
                assert_int_equal(service_allows(to_store ? SERVICE_STORE : SERVICE_ROUTER,
                                                (enum role)role, (enum message_type)type),
                                 least != ROLE_NONE && role >= (int)least);
        }
    }
}

TEST(no_two_doors_of_a_node_are_at_one_port)
{
    for (unsigned i = 0; i < DOOR_COUNT; i++) {
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(door_facts((enum door)i)->port_offset,
                                 door_facts((enum door)k)->port_offset);
    }
}

TEST(no_door_but_that_of_clients_lets_anybody_less_than_a_peer_in)
{
    for (unsigned i = 0; i < DOOR_COUNT; i++) {
        bool is_of_clients = i == DOOR_CLIENT;
        assert_true(is_of_clients || door_facts((enum door)i)->role_least == ROLE_PEER);
        assert_true(is_of_clients || !door_facts((enum door)i)->socket ||
                    door_facts((enum door)i)->is_private);
    }
}
