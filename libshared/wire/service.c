#include "wire/service.h"

const char *service_text(enum service service)
{
    static const char *const texts[SERVICE_COUNT] = {"store", "router", "hintd", "repair"};
    return texts[service];
}

const struct door_facts *door_facts(enum door door)
{
    static const struct door_facts table[DOOR_COUNT] = {
        [DOOR_CLIENT] = {SERVICE_ROUTER, 0, "router.sock", false, ROLE_READER},
        [DOOR_PEER] = {SERVICE_ROUTER, 1, NULL, false, ROLE_PEER},
        [DOOR_STORE] = {SERVICE_STORE, 2, "store.sock", true, ROLE_PEER},
        [DOOR_STORE_BACKGROUND] = {SERVICE_STORE, 3, "store-bg.sock", true, ROLE_PEER},
        [DOOR_HINTD] = {SERVICE_HINTD, 4, "hintd.sock", true, ROLE_PEER},
        [DOOR_REPAIR] = {SERVICE_REPAIR, 5, "repair.sock", true, ROLE_PEER},
    };
    return &table[door];
}

// The requests that a service answers besides HELLO and PING, and the least role for each.
static const struct {
    enum message_type type;
    enum service service;
    enum role role_least;
} requests[] = {
    {MESSAGE_GET, SERVICE_ROUTER, ROLE_READER},      {MESSAGE_SCAN, SERVICE_ROUTER, ROLE_READER},
    {MESSAGE_ASK, SERVICE_ROUTER, ROLE_READER},      {MESSAGE_PUT, SERVICE_ROUTER, ROLE_CLIENT},
    {MESSAGE_UPDATE, SERVICE_STORE, ROLE_PEER},      {MESSAGE_MERGE, SERVICE_STORE, ROLE_PEER},
    {MESSAGE_FETCH, SERVICE_STORE, ROLE_PEER},       {MESSAGE_FIND, SERVICE_STORE, ROLE_PEER},
    {MESSAGE_SCAN_LOCAL, SERVICE_STORE, ROLE_PEER},  {MESSAGE_HINT, SERVICE_HINTD, ROLE_PEER},
    {MESSAGE_HINT_UPDATE, SERVICE_HINTD, ROLE_PEER}, {MESSAGE_HELD, SERVICE_HINTD, ROLE_PEER},
    {MESSAGE_FETCH, SERVICE_HINTD, ROLE_PEER},       {MESSAGE_FIND, SERVICE_HINTD, ROLE_PEER},
    {MESSAGE_ASK, SERVICE_HINTD, ROLE_PEER},         {MESSAGE_ASK, SERVICE_REPAIR, ROLE_PEER},
    {MESSAGE_PREPARE, SERVICE_ROUTER, ROLE_PEER},    {MESSAGE_ACCEPT, SERVICE_ROUTER, ROLE_PEER},
    {MESSAGE_RING, SERVICE_STORE, ROLE_PEER},        {MESSAGE_RING, SERVICE_HINTD, ROLE_PEER},
    {MESSAGE_ASK, SERVICE_STORE, ROLE_PEER},         {MESSAGE_RING, SERVICE_REPAIR, ROLE_PEER},
    {MESSAGE_INSPECT, SERVICE_STORE, ROLE_PEER},     {MESSAGE_EXPLAIN, SERVICE_ROUTER, ROLE_READER},
    {MESSAGE_OPEN, SERVICE_STORE, ROLE_PEER},        {MESSAGE_MEET, SERVICE_STORE, ROLE_PEER},
    {MESSAGE_TREE, SERVICE_STORE, ROLE_PEER},        {MESSAGE_LEAVES, SERVICE_STORE, ROLE_PEER},
    {MESSAGE_TAKE, SERVICE_STORE, ROLE_PEER},        {MESSAGE_RECONCILE, SERVICE_STORE, ROLE_PEER},
    {MESSAGE_ADOPT, SERVICE_STORE, ROLE_PEER},       {MESSAGE_DIGEST, SERVICE_STORE, ROLE_PEER},
    {MESSAGE_SCRUB, SERVICE_STORE, ROLE_PEER},       {MESSAGE_ENDINGS, SERVICE_STORE, ROLE_PEER},
    {MESSAGE_CLOSE, SERVICE_STORE, ROLE_PEER},       {MESSAGE_HEAR, SERVICE_STORE, ROLE_PEER},
};

bool service_allows(enum service service, enum role role, enum message_type type)
{
    if (type == MESSAGE_HELLO || type == MESSAGE_PING)
        return role > ROLE_NONE;
    for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (requests[i].type == type && requests[i].service == service)
            return role >= requests[i].role_least;
    }
    return false;
}
