#include "dkv/json.h"

#include <stdio.h>

void json_print_line(json_t *line)
{
    json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(line);
}
