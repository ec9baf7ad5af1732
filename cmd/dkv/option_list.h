// option_list.h - the values of an option that may be given more than once.
#pragma once

struct option_list {
    const char **items;
    unsigned count;
};
