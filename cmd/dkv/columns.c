#include "dkv/columns.h"

#include "base/text.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void columns_head(struct columns *columns, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        columns_add(columns, "%s", names[i]);
    columns_end_row(columns);
}

void columns_add(struct columns *columns, const char *format, ...)
{
    char cell[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cell, sizeof cell, format, arguments);
    va_end(arguments);
    text_escape_tsv(bytes_of_text(*cell ? cell : "-"), &columns->text);
    buf_append_u8(&columns->text, '\0');
    columns->in_row++;
}

void columns_end_row(struct columns *columns)
{
    if (columns->per_row == 0)
        columns->per_row = columns->in_row;
    assert(columns->in_row == columns->per_row);
    columns->in_row = 0;
}

static const char *next_cell(const char *cell)
{
    return cell + strlen(cell) + 1;
}

// Characters, not bytes: names may be UTF-8.
static int width_of(const char *cell)
{
    int width = 0;
    for (; *cell; cell++)
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    return width;
}

static void print_row(const struct columns *columns, const char **at, const int *widths)
{
    for (unsigned i = 0; i < columns->per_row; i++, *at = next_cell(*at)) {
        bool is_last = i + 1 == columns->per_row;
        fputs(*at, stdout);
        if (widths && !is_last)
            printf("%*s", widths[i] - width_of(*at) + 2, "");
        else
            putchar(is_last ? '\n' : '\t');
    }
}

void columns_print(struct columns *columns)
{
    const char *begin = buf_text(&columns->text), *end = begin + columns->text.size;
    bool is_table = isatty(STDOUT_FILENO);
    int *widths = is_table ? xcalloc(columns->per_row, sizeof *widths) : NULL;
    unsigned i = 0;
    for (const char *cell = begin; widths && cell < end; cell = next_cell(cell), i++) {
        int *width = &widths[i % columns->per_row];
        if (width_of(cell) > *width)
            *width = width_of(cell);
    }
    const char *at = begin;
    for (bool is_heading = true; at < end; is_heading = false) {
        if (is_heading && !is_table)
            for (i = 0; i < columns->per_row; i++)
                at = next_cell(at);
        else
            print_row(columns, &at, widths);
    }
    free(widths);
    buf_release(&columns->text);
    *columns = (struct columns){0};
}
