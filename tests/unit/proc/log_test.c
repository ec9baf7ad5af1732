// A log line is one line, whatever is in it.
#include "unit/unit.h"

#include "proc/log.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

// What `write` prints on standard error.
static const char *capture(void (*write_lines)(void))
{
    static char text[8192];
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    int saved = dup(STDERR_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
    close(pipe_fds[1]);
    write_lines();
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t size = read(pipe_fds[0], text, sizeof text - 1);
    close(pipe_fds[0]);
    text[size < 0 ? 0 : size] = 0;
    return text;
}

static void log_hostile(void)
{
    log_init("dkv-x", LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_WARNING, "key %s", "a\n<3>dkv-x: forged\x1b[2J\xff ü");
}

static void log_levels(void)
{
    log_init("dkv-x", LOG_LEVEL_WARNING);
    log_line(LOG_LEVEL_ERROR, "e");
    log_line(LOG_LEVEL_WARNING, "w");
    log_line(LOG_LEVEL_INFO, "i");
    log_line(LOG_LEVEL_DEBUG, "d");
}

static void log_long(void)
{
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    log_init("dkv-x", LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "%s", text);
}

static void die_in_a_child(void)
{
    log_init("dkv-x", LOG_LEVEL_INFO);
    pid_t child = fork();
    if (child == 0)
        die(7, "no %s", "way");
    int state = 0;
    waitpid(child, &state, 0);
    assert_true(WIFEXITED(state));
    assert_int_equal(WEXITSTATUS(state), 7);
}

TEST(control_characters_are_escaped_and_text_stays_readable)
{
    assert_string_equal(capture(log_hostile),
                        "<4>dkv-x: key a\\n<3>dkv-x: forged\\x1b[2J\\xff ü\n");
}

TEST(what_is_below_the_level_is_not_written)
{
    assert_string_equal(capture(log_levels), "<3>dkv-x: e\n<4>dkv-x: w\n");
}

TEST(a_long_line_is_cut)
{
    const char *text = capture(log_long);
    assert_in_range(strlen(text), 1000, 1100);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

TEST(who_dies_says_why_and_ends_with_its_status)
{
    assert_string_equal(capture(die_in_a_child), "<3>dkv-x: no way\n");
}
