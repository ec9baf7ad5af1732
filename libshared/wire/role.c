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
