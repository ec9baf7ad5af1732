// link_text.h - what people and programs are told of the state of a link.
#pragma once

#include "peer/link.h"

struct link_text {
    const char *word;     // "other-ring", for programs
    const char *sentence; // "has another ring document of this epoch"; of a link that is well ""
};

const struct link_text *link_text(enum link_state state);
