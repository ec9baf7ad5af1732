// entry.h - what the engine knows of a key at one place: a value, or that it was deleted.
#pragma once

#include "base/bytes.h"

struct entry {
    struct bytes key;
    struct bytes value;
    bool is_deleted;
};
