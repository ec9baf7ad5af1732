#include "proc/log.h"

#include "base/buf.h"
#include "base/text.h"
#include "proc/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_SIZE_MAX = 1024 }; // before control characters are escaped; the rest is cut

static const char *log_program = "dkv";
static enum log_level log_level = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_level = level;
}

void log_set_level(enum log_level level)
{
    log_level = level;
}

// One write a line, so that lines of several threads and processes do not mix.
__attribute__((format(printf, 2, 0))) static void write_line(enum log_level level,
                                                             const char *format, va_list arguments)
{
    char text[LINE_SIZE_MAX];
    int size = vsnprintf(text, sizeof text, format, arguments);
    if (size < 0)
        return;
    struct buf line = {0};
    if (!isatty(STDERR_FILENO))
        buf_printf(&line, "<%d>", (int)level);
    buf_printf(&line, "%s: ", log_program);
    text_escape_log(bytes_of_text(text), &line);
    buf_append_u8(&line, '\n');
    ssize_t written = write(STDERR_FILENO, line.data, line.size);
    (void)written; // there is nowhere to complain
    buf_release(&line);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > log_level)
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line(level, format, arguments);
    va_end(arguments);
}

void die(int exit_code, const char *format, ...)
{
    char text[LINE_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_line(LOG_LEVEL_ERROR, "%s", text);
    notify_status(text);
    exit(exit_code);
}
