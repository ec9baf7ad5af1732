// columns.h - rows of text on standard output: a table on a terminal, else TSV.
//
// On a terminal the columns are aligned under a heading, and control characters escaped;
// elsewhere each row is a line of fields with tabs between and no heading, an empty field
// is "-", and fields are escaped as in `dkv dump`. Cells are copied.
//
//     struct columns columns = {0};
//     columns_head(&columns, names, 2);       the heading first
//     columns_add(&columns, node->name); ...
//     columns_print(&columns);                and it is empty again
#pragma once

#include "base/buf.h"

struct columns {
    struct buf text;  // cells, each terminated
    unsigned per_row; // known at the end of the first row
    unsigned in_row;  // cells of the row that is being filled
};

void columns_head(struct columns *columns, const char *const *names, unsigned count);
void columns_add(struct columns *columns, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void columns_end_row(struct columns *columns); // asserts that rows have equal numbers of cells
void columns_print(struct columns *columns);
