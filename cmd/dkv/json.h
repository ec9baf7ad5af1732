// json.h - a JSON object as a line of output.
#pragma once

#include <jansson.h>

void json_print_line(json_t *line); // on standard output; takes the reference
