#include "wire/role.h"

static const char *const texts[] = {
    [ROLE_NONE] = "none",   [ROLE_READER] = "reader", [ROLE_CLIENT] = "client",
    [ROLE_ADMIN] = "admin", [ROLE_PEER] = "peer",
};

const char *role_text(enum role role)
{
    return (unsigned)role <= ROLE_PEER ? texts[role] : "none";
}

enum status role_parse(struct bytes text, enum role *role)
{
    for (int i = ROLE_READER; i <= ROLE_PEER; i++) {
        if (bytes_equal(text, bytes_of_text(texts[i]))) {
            *role = (enum role)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

bool role_allows(enum role role, enum message_type type, bool to_store)
{
    if (role == ROLE_NONE)
        return false;
    switch (type) {
    case MESSAGE_HELLO:
    case MESSAGE_PING:
        return true;
    case MESSAGE_GET:
    case MESSAGE_SCAN:
    case MESSAGE_ASK:
        return !to_store;
    case MESSAGE_PUT:
        return !to_store && role >= ROLE_CLIENT;
    case MESSAGE_UPDATE:
    case MESSAGE_MERGE:
    case MESSAGE_FETCH:
    case MESSAGE_FIND:
    case MESSAGE_SCAN_LOCAL:
        return to_store && role == ROLE_PEER;
    default: // replies are never requests
        return false;
    }
}
