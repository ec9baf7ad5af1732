// arguments.h - the command line of every daemon: --config FILE, --check-config, --help,
// --version.
#pragma once

#include "proc/settings.h"

// The first thing in main(): daemon_init(), then reads the command line and the
// configuration and sets up the log. Returns only if the daemon is to run; otherwise the
// process ends: 0 for --help, --version and a good --check-config, 2 for misuse and a bad
// configuration.
void arguments_parse(struct settings *settings, const char *program, const char *summary, int argc,
                     char **argv);
