#include "dkv/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int unknown_verb(const char *name)
{
    for (unsigned i = 0; i < verb_count; i++)
        if (options_is_near(name, verbs[i].name))
            return usage_error("", "unknown verb \"%s\"; did you mean %s?", name, verbs[i].name);
    return usage_error("", "unknown verb \"%s\"", name);
}

static int run(int argc, char **argv)
{
    struct globals globals = {0};
    int at, exit_status;
    if (!options_parse_globals(&globals, argc, argv, &at, &exit_status))
        return exit_status;
    if (at == argc)
        return usage_error("", "a verb is missing");
    if (strcmp(argv[at], "--help") == 0) {
        options_print_help(NULL);
        return 0;
    }
    if (strcmp(argv[at], "--version") == 0) {
        puts("dkv " DKV_VERSION);
        return 0;
    }
    for (unsigned i = 0; i < verb_count; i++)
        if (strcmp(verbs[i].name, argv[at]) == 0)
            return verbs[i].run(&globals, argc - at, argv + at);
    return unknown_verb(argv[at]);
}

// The first file that is opened must not become a closed standard stream. What stands in
// for input cannot be read and for output not be written, so that neither looks empty or done.
static void fill_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            _exit(1);
}

int main(int argc, char **argv)
{
    fill_streams();
    int exit_status = run(argc, argv);
    // Output that did not arrive (a full disk) must not look like success.
    errno = 0;
    bool is_lost = ferror(stdout) || fflush(stdout) || close(STDOUT_FILENO);
    if (is_lost) {
        fprintf(stderr, "dkv: unable to write the output: %s\n",
                errno ? strerror(errno) : "write error");
        exit_status = exit_status ? exit_status : 1;
    }
    // The kernel tears down faster than ZeroMQ, which stops its threads one by one.
    fflush(stderr);
    _exit(exit_status);
}
