#include "dkv/dkv.h"

#include <stdarg.h>
#include <stdio.h>

int report(const struct globals *globals, const char *verb, enum status status, const char *format,
           ...)
{
    if (!globals->quiet) {
        va_list arguments;
        fprintf(stderr, "dkv: %s: ", verb);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
    }
    return status_exit_code(status);
}
